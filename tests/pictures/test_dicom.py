"""DICOM: values, windows and colours as pydicom has them; names stay out; hostile files end in one sentence."""

from __future__ import annotations

import dataclasses
import io
import zlib

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing, pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from mia_viz.pictures import dicom as room
from mia_viz.pictures import limits
from mia_viz.pictures.files import load_picture, open_volume
from mia_viz.pictures.picture import PictureError
from mia_viz.pictures.volume import PRESETS, View
from tests.pictures.samples import refusal
from tests.pictures.scans import PUBLIC, SECRET, dicom, ramp

COMPRESSED = {
    "JPEG 2000": "MR_small_jp2klossless.dcm",
    "JPEG-LS": "MR_small_jpeg_ls_lossless.dcm",
    "RLE": "MR_small_RLE.dcm",
    "big endian": "MR_small_bigendian.dcm",
    "implicit": "MR_small_implicit.dcm",
}


@pytest.mark.parametrize("name", COMPRESSED.values(), ids=COMPRESSED)
def test_every_transfer_syntax_gives_the_pixels_of_the_plain_file(name):
    plain = load_picture(PUBLIC / "MR_small.dcm")
    np.testing.assert_array_equal(load_picture(PUBLIC / name).pixels, plain.pixels)


@pytest.mark.parametrize(("level", "width"), [(40, 80), (-600, 1500), (0, 1), (10.5, 2.5)])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_are_those_of_pydicom(level, width, function):
    data = dicom(
        ramp() * 8,
        WindowCenter=level,
        WindowWidth=width,
        VOILUTFunction=function,
        RescaleSlope=1,
        RescaleIntercept=-1024,
        RescaleType="HU",
    )
    read = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    expected = apply_windowing(apply_modality_lut(pixel_array(read), read), read)
    low, high = -1024.0, 65535.0 - 1024  # the range that pydicom spreads the window over
    picture = load_picture(data)
    np.testing.assert_allclose(picture.pixels[..., 0], (expected - low) / (high - low), atol=2e-6)
    assert "rescaled" in picture.notes[0]
    assert "window in the file" in picture.notes[1]


def test_presets_need_hounsfield_units():
    volume = open_volume(PUBLIC / "CT_small.dcm")
    read = pydicom.dcmread(PUBLIC / "CT_small.dcm")
    values = pixel_array(read) * float(read.RescaleSlope) + float(read.RescaleIntercept)
    for name, preset in PRESETS.items():
        shown = volume.picture(View(window=name)).pixels[..., 0]
        np.testing.assert_array_equal(shown, preset.apply(values))
        assert (shown[values <= preset.level - preset.width / 2 - 1] == 0).all()
        assert (shown[values >= preset.level + preset.width / 2] == 1).all()
    with pytest.raises(PictureError, match="is for CT"):
        open_volume(PUBLIC / "MR_small.dcm").picture(View(window="lung"))


@pytest.mark.parametrize(
    ("window", "said"),
    [("file", "no window of its own"), ("belly", "brain, soft tissue"), ("40,0", "width"), ("nan,80", "ordinary"),
     ("40", "40,80"), ("1,2,3", "40,80"), ("1e300,1e300", "ordinary")],
)  # fmt: skip
def test_windows_that_make_no_sense_are_refused(window, said):
    with pytest.raises(PictureError, match=said):
        load_picture(PUBLIC / "CT_small.dcm", view=View(window=window))


def test_monochrome1_is_dark_where_values_are_high():
    tags = {"WindowCenter": 128, "WindowWidth": 256}
    normal = load_picture(dicom(ramp(dtype=np.uint8), **tags))
    inverted = load_picture(dicom(ramp(dtype=np.uint8), PhotometricInterpretation="MONOCHROME1", **tags))
    np.testing.assert_array_equal(inverted.pixels, 1 - normal.pixels)
    assert "high values as dark" in inverted.notes[-1]


def test_a_voi_table_in_the_file_is_followed():
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [256, 0, 16], [int(65535 * (k / 255) ** 2) for k in range(256)]
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "US"
    data = dicom(ramp(), VOILUTSequence=Sequence([item]))
    read = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    picture = load_picture(data)
    np.testing.assert_allclose(picture.pixels[..., 0], apply_voi(pixel_array(read), read) / 65535, atol=1e-6)
    assert "look-up table" in picture.notes[-1]


def test_palettes_and_ybr_become_the_colours_of_pydicom():
    palette = pydicom.dcmread(PUBLIC / "examples_palette.dcm")
    colours = apply_color_lut(pixel_array(palette), palette)
    shown = load_picture(PUBLIC / "examples_palette.dcm").pixels
    np.testing.assert_allclose(shown, colours / np.iinfo(colours.dtype).max, atol=1e-6)
    ybr = load_picture(PUBLIC / "examples_ybr_color.dcm", view=View(slice=3))
    expected = pixel_array(PUBLIC / "examples_ybr_color.dcm", index=3)
    np.testing.assert_allclose(ybr.pixels, expected / 255, atol=1e-6)
    with pytest.raises(PictureError, match="in colour"):
        load_picture(PUBLIC / "examples_palette.dcm", view=View(window="40,80"))


def test_frames_are_slices_and_enhanced_ones_have_their_own_rescale():
    frames = np.stack([ramp(), ramp() + 100, ramp() + 200])
    volume = open_volume(dicom(frames, WindowCenter=300, WindowWidth=600))
    assert volume.counts == (3,)
    np.testing.assert_array_equal(volume.plane(0, 2).values, frames[2])
    assert "Slice 1 of 0 to 2" in volume.picture().notes[0]
    for wrong in (3, -1):
        with pytest.raises(PictureError, match="There is no slice"):
            volume.picture(View(slice=wrong))

    items = []
    for k in range(3):
        transformation, item = Dataset(), Dataset()
        transformation.RescaleIntercept, transformation.RescaleSlope, transformation.RescaleType = -10 * k, 1, "HU"
        item.PixelValueTransformationSequence = Sequence([transformation])
        items.append(item)
    enhanced = open_volume(dicom(frames, PerFrameFunctionalGroupsSequence=Sequence(items)))
    np.testing.assert_array_equal(enhanced.plane(0, 2).values, frames[2].astype(np.float32) - 20)


def test_nothing_that_names_a_person_is_kept():
    data = dicom(ramp(), BurnedInAnnotation="YES", LossyImageCompression="01")
    assert SECRET.encode() in data
    volume, scan = open_volume(data), room.read_scan(data)
    picture = volume.picture()
    assert "text is burned into the picture" in picture.notes[0]
    assert "losses" in picture.notes[1]
    kept = {element.keyword for element in scan.tags} - set(room.KEPT)
    assert not kept
    assert not {"PatientName", "PatientID", "StudyDate", "SeriesInstanceUID"} & set(room.KEPT)
    said = repr(dataclasses.replace(picture, pixels=None)) + repr(volume) + str(scan.tags) + str(scan.tags.file_meta)
    assert "SECRET" not in said
    assert "1999" not in said


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"Modality": "US"}, True),
        ({"Modality": "XA", "BurnedInAnnotation": ""}, True),
        ({"Modality": "OT"}, True),
        ({"Modality": "US", "BurnedInAnnotation": "NO"}, False),
        ({"Modality": "US", "BurnedInAnnotation": "YES"}, False),
        ({"Modality": "CT"}, False),
    ],
)
def test_a_file_that_is_silent_about_text_in_it_is_not_taken_for_clean(tags, said):
    notes = load_picture(dicom(ramp(), **tags)).notes
    assert any("does not say whether text is burned" in note for note in notes) == said
    assert any("says that text is burned" in note for note in notes) == (tags.get("BurnedInAnnotation") == "YES")


def test_a_captured_screen_is_one_whatever_its_modality():
    read = pydicom.dcmread(pydicom.filebase.DicomBytesIO(dicom(ramp())))
    read.SOPClassUID = read.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7.2"
    file = io.BytesIO()
    read.save_as(file, enforce_file_format=True)
    assert any("does not say whether text is burned" in note for note in load_picture(file.getvalue()).notes)


def deflated(body: bytes) -> bytes:
    plain = dicom(ramp())
    uid = b"1.2.840.10008.1.2.1.99"
    meta = b"\x02\x00\x10\x00UI" + len(uid).to_bytes(2, "little") + uid
    assert ExplicitVRLittleEndian.encode() in plain
    return room.PREAMBLE + meta + zlib.compress(body)[2:-4]


def test_a_deflated_file_is_read_and_a_deflated_bomb_is_not(monkeypatch):
    plain = dicom(ramp())
    start = plain.index(b"\x08\x00\x60\x00CS")  # modality, the first tag behind the date
    np.testing.assert_array_equal(load_picture(deflated(plain[start:])).pixels, load_picture(plain).pixels)
    assert load_picture(PUBLIC / "image_dfl.dcm").pixels.shape == (512, 512, 1)
    monkeypatch.setattr(limits, "MAX_SCAN_BYTES", 1_000_000)
    assert "unpacks to more" in refusal(deflated(bytes(5_000_000)))
    assert "damaged" in refusal(deflated(plain[start:])[:-20])
    assert "damaged" in refusal(plain.replace(b"SECRET study", b"1.2.840.10008.1.2.1.99"))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"Rows": 65535, "Columns": 65535}, "million pixels"),
        ({"Rows": 0}, "without pixels"),
        ({"Rows": 17}, "damaged"),
        ({"NumberOfFrames": 10**9}, "frames"),
        ({"NumberOfFrames": 2}, "damaged"),
        ({"BitsAllocated": 64}, "not read here"),
        ({"SamplesPerPixel": 3}, "contradicts itself"),
        ({"PhotometricInterpretation": "HSV"}, "not read here"),
        ({"PhotometricInterpretation": "RGB"}, "contradicts itself"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "damaged"),
        ({"PixelData": None}, "no picture"),
        ({"RescaleSlope": float("inf"), "RescaleIntercept": 0}, "damaged"),
    ],
)
def test_headers_that_cannot_be_are_refused(tags, said):
    with pydicom.config.disable_value_validation():
        data = dicom(ramp(), **tags)
    assert said in refusal(data)


@pytest.mark.parametrize(
    ("name", "place", "size"), [("MR_small_jp2klossless.dcm", 8, 4), ("MR_small_jpeg_ls_lossless.dcm", 5, 2)]
)
def test_a_compressed_frame_that_claims_another_size_is_not_unpacked(name, place, size, monkeypatch):
    data = (PUBLIC / name).read_bytes()
    marker = {8: b"\xff\x4f\xff\x51", 5: b"\xff\xf7"}[place]
    start = data.index(marker) + (place if size == 4 else 5)
    hurt = data[:start] + b"\x7f" * size + data[start + size :]
    monkeypatch.setattr(room, "pixel_array", None)  # never reached
    assert "another size" in refusal(hurt)


def test_cut_off_files_are_refused():
    data = dicom(ramp())
    for end in range(140, len(data), 97):
        refusal(data[:end])
