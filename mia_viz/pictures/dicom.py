"""DICOM files, one or many frames, with pydicom: to a Volume in modality units (Hounsfield for CT).

Who is on a scan stays out: only the tags of `KEPT` are read further, everything else is skipped unparsed. Frames are
decoded one at a time; sizes are checked in the header and in the compressed stream before that. The modality look-up
or rescale is applied (PS3.3 C.11.1); the VOI window or look-up belongs to `volume`.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.encaps import get_frame
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, pixel_array

from mia_viz.pictures.codestream import check_size
from mia_viz.pictures.limits import check_slice, guarded, inflate, sha256_of
from mia_viz.pictures.picture import PictureError
from mia_viz.pictures.volume import EXACT, LINEAR, SIGMOID, Plane, Volume, Window

KEPT = (
    "Modality",
    "SeriesNumber",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "BurnedInAnnotation",
    "RecognizableVisualFeatures",
    "LossyImageCompression",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "VOILUTSequence",
    "RescaleIntercept",
    "RescaleSlope",
    "ModalityLUTSequence",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "PixelData",
)
"""All that is ever looked at of a file."""
FRAME_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
"""Read for the rescale and window of each frame, then dropped."""
PER_FRAME = {
    "PixelValueTransformationSequence": ("RescaleIntercept", "RescaleSlope"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction"),
}
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
GREY = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
MOST_FRAMES = 10_000
MOST_BITS = 32
DEFLATED = b"1.2.840.10008.1.2.1.99"
PREAMBLE = bytes(128) + b"DICM"
RLE = "1.2.840.10008.1.2.5"
OFTEN_BURNED = ("US", "SC", "OT", "XA")
"""Modalities whose pictures often have text in them: ultrasound, secondary capture, other, X-ray angiography."""
CAPTURED = "1.2.840.10008.5.1.4.1.1.7"
"""Secondary capture, of one or more frames: pictures of screens and papers, under any modality (PS3.4 B.5)."""
LONGEST_RLE = 16_000_000
"""Bytes of one frame; its decoder goes through them in Python."""
# Its warnings quote values of tags, which have no place in a log.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
logging.getLogger("pylibjpeg").setLevel(logging.CRITICAL)


@dataclass(frozen=True, eq=False)
class Scan:
    """One DICOM file: the kept tags and pixels, and for each frame that differs its own rescale and window."""

    tags: Dataset
    frames: tuple[Dataset, ...]

    @property
    def count(self) -> int:
        """Number of frames."""
        return int(self.tags.get("NumberOfFrames") or 1)

    def of_frame(self, index: int) -> Dataset:
        """The tags that tell what the values of one frame mean."""
        return self.frames[min(index, len(self.frames) - 1)] if self.frames else self.tags


def open_dicom(data: bytes, name: str) -> Volume:
    """A DICOM file as a Volume. Raises PictureError with one sentence."""
    scan = read_scan(data)
    middle = scan.of_frame(scan.count // 2)
    return as_volume(scan, middle, name, sha256_of(data), len(data), scan.count, lambda index: decode(scan, index))


def as_volume(
    scan: Scan, middle: Dataset, name: str, sha256: str, byte_size: int, count: int, plane: Callable[[int], Plane]
) -> Volume:
    """A Volume of `count` slices that share the kind of `scan`; windows are those of `middle`."""
    tags = scan.tags
    with guarded("DICOM"):
        windows = _windows(middle)
        spacing = tags.get("PixelSpacing")
        modality = tags.get("Modality")
        return Volume(
            "DICOM",
            name,
            sha256,
            byte_size,
            int(tags.get("BitsStored") or tags.BitsAllocated),
            ("slice",),
            (count,),
            lambda _axis, index: plane(index),
            None,
            windows,
            modality == "CT" if modality else None,
            tags.PhotometricInterpretation == "MONOCHROME1",
            tuple(float(side) for side in spacing) if spacing is not None and len(spacing) == 2 else None,
            _warnings(tags),
        )


def read_scan(data: bytes, pixels: bool = True) -> Scan:
    """The kept tags of a file, checked; without its pixel data where not wanted. Raises PictureError."""
    with guarded("DICOM"):
        if DEFLATED in data:
            data = _inflated(data)
        tags = [*KEPT, *FRAME_GROUPS]
        read = dcmread(io.BytesIO(data), force=True, specific_tags=tags, stop_before_pixels=not pixels)
        _check(read, pixels)
        frames = _frames(read)
        for group in FRAME_GROUPS:
            if group in read:
                del read[group]
        return Scan(read, frames)


def decode(scan: Scan, index: int) -> Plane:
    """One frame in modality units, or in colour. Raises PictureError."""
    tags = scan.tags
    with guarded("DICOM"):
        syntax = tags.file_meta.TransferSyntaxUID
        if syntax.is_encapsulated:
            stream = get_frame(tags.PixelData, index, number_of_frames=scan.count)
            if syntax != RLE:
                check_size(stream, tags.Rows, tags.Columns)
            elif len(stream) > LONGEST_RLE:
                raise PictureError("A slice of this scan is too large in its kind of compression (RLE).")
        # pydicom's own decoder of RLE: that of pylibjpeg can end the whole thread on a damaged frame.
        stored = pixel_array(tags, index=index, decoding_plugin="pydicom" if syntax == RLE else "")
        kind = tags.PhotometricInterpretation
        if kind in GREY:
            return _grey(stored, scan.of_frame(index))
        if kind == PALETTE:
            stored = apply_color_lut(stored, tags)
            white = np.iinfo(stored.dtype).max
        else:
            white = 2 ** int(tags.get("BitsStored") or tags.BitsAllocated) - 1
        if stored.ndim != 3 or stored.shape[2] != 3:
            raise ValueError("colour without three channels")
        return Plane(np.clip(stored.astype(np.float32) / white, 0, 1))


def _grey(stored: np.ndarray, meaning: Dataset) -> Plane:
    """Stored values (H, W) to modality units, with the brightness of a VOI look-up table where there is one."""
    values = apply_modality_lut(stored, meaning)
    notes = ()
    if meaning.get("ModalityLUTSequence"):
        notes = ("Stored values were translated by the modality table in the file.",)
    elif (float(meaning.get("RescaleSlope", 1)), float(meaning.get("RescaleIntercept", 0))) != (1.0, 0.0):
        slope, intercept = float(meaning.RescaleSlope), float(meaning.RescaleIntercept)
        notes = (f"Stored values were rescaled as the file asks (times {slope:.6g}, plus {intercept:.6g}).",)
    brightness = None
    if meaning.get("VOILUTSequence") and "WindowCenter" not in meaning:
        table = meaning.VOILUTSequence[0]
        looked_up = apply_voi(np.rint(values).astype(np.int32), meaning)
        brightness = (looked_up / np.float32(2 ** int(table.LUTDescriptor[2]) - 1)).clip(0, 1).astype(np.float32)
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("values that are no numbers")
    return Plane(values, notes, brightness)


def _windows(meaning: Dataset) -> tuple[Window, ...]:
    """The windows of a file; those that make no sense are left out."""
    levels, widths = (_numbers(meaning.get(tag)) for tag in ("WindowCenter", "WindowWidth"))
    function = str(meaning.get("VOILUTFunction") or LINEAR)
    found = []
    for level, width in zip(levels, widths, strict=False):
        try:
            found.append(Window("file", level, width, function if function in (EXACT, SIGMOID) else LINEAR))
        except PictureError:
            continue
    return tuple(found)


def _numbers(value: object) -> list[float]:
    if value is None or value == "":
        return []
    return [float(number) for number in value] if hasattr(value, "__iter__") else [float(value)]


def _warnings(tags: Dataset) -> tuple[str, ...]:
    notes, burned = (), str(tags.get("BurnedInAnnotation") or "").upper()
    made = str(getattr(tags, "file_meta", Dataset()).get("MediaStorageSOPClassUID") or "")
    if burned not in ("YES", "NO") and (tags.get("Modality") in OFTEN_BURNED or made.startswith(CAPTURED)):
        notes += (
            "The file does not say whether text is burned into the picture, which pictures of its kind often have: "
            "look for names before you show it to anyone.",
        )
    if burned == "YES":
        notes += ("The file says that text is burned into the picture: look for names before you show it to anyone.",)
    if str(tags.get("RecognizableVisualFeatures", "")).upper() == "YES":
        notes += ("The file says that a person could be recognised in the picture.",)
    if str(tags.get("LossyImageCompression", "")) == "01":
        notes += ("The picture was compressed with losses, which changes its fine detail.",)
    return notes


def _check(tags: Dataset, pixels: bool) -> None:
    """Refuse what is no picture or absurdly large. Raises PictureError."""
    if (pixels and "PixelData" not in tags) or "Rows" not in tags:
        raise PictureError("This DICOM file holds no picture.")
    check_slice(int(tags.Rows), int(tags.Columns))
    if not 1 <= int(tags.get("NumberOfFrames") or 1) <= MOST_FRAMES:
        raise PictureError(f"This DICOM file states more than {MOST_FRAMES} frames, or none.")
    if int(tags.BitsAllocated) > MOST_BITS or int(tags.SamplesPerPixel) not in (1, 3):
        raise PictureError("This DICOM file stores its values in a way that is not read here.")
    kind = str(tags.PhotometricInterpretation)
    if kind not in (*GREY, *COLOUR, PALETTE):
        raise PictureError("This DICOM file stores its colours in a way that is not read here.")
    if (int(tags.SamplesPerPixel) == 3) != (kind in COLOUR):
        raise PictureError("This DICOM file contradicts itself about colour, so it is damaged.")


def _frames(read: Dataset) -> tuple[Dataset, ...]:
    """For enhanced multi-frame files the rescale and window of each frame, as plain tags; empty for others."""
    shared, own = (read.get(group) or [] for group in FRAME_GROUPS)
    if not own and not shared:
        return ()
    found = []
    for item in [*own][:MOST_FRAMES] or [Dataset()]:
        merged = Dataset()
        for source in (read, *shared, item):
            for sequence, tags in PER_FRAME.items():
                for holder in [source] if source is read else source.get(sequence) or []:
                    for tag in tags:
                        if tag in holder:
                            setattr(merged, tag, holder.get(tag))
        found.append(merged)
    return tuple(found)


def _inflated(data: bytes) -> bytes:
    """A deflated file as a plain one, unpacked by us and within limits; others unchanged. Raises PictureError.

    pydicom would unpack without a limit. The name of the deflated syntax must be in a file for it to do so, and where
    it is, this function either finds it in the right place or refuses the file.
    """
    place, syntax = 132, b""
    while data[place : place + 2] == b"\x02\x00":
        long = data[place + 4 : place + 6] in (b"OB", b"OW", b"UN", b"UT", b"SQ", b"OF")
        start = place + (12 if long else 8)
        length = int.from_bytes(data[start - 4 : start] if long else data[start - 2 : start], "little")
        if data[place + 2 : place + 4] == b"\x10\x00":
            syntax = data[start : start + length].rstrip(b"\0 ")
        place = start + length
    if syntax != DEFLATED:
        raise ValueError("the deflated syntax is named in an odd place")
    explicit = b"1.2.840.10008.1.2.1\0"
    meta = b"\x02\x00\x10\x00UI" + len(explicit).to_bytes(2, "little") + explicit
    return PREAMBLE + meta + inflate(data[place:], -15)
