"""The short form of `python -m tests.fuzz`, and that its cases are what they claim to be."""

from __future__ import annotations

from mia_viz.pictures.files import load_picture
from tests import fuzz


def test_damaged_files_of_every_format_end_in_one_sentence():
    outcomes = fuzz.run(300)
    failed = [outcome for outcome in outcomes if outcome.failed]
    assert len(outcomes) == 300
    assert not failed
    for kind in fuzz.seeds():
        assert any(o.kind == kind for o in outcomes)
    assert {"opened", "refused"} == {o.result for o in outcomes}


def test_seeds_open_and_cases_repeat(tmp_path):
    for kind, files in fuzz.seeds().items():
        said = [fuzz.opened(data, kind, tmp_path) for data in files]
        assert set(said) <= {"opened", "refused"}
        assert "opened" in said, kind
    assert fuzz.case(0, 17) == fuzz.case(0, 17)
    assert fuzz.case(0, 17) != fuzz.case(1, 17)


def test_pictures_of_every_depth_and_colour_are_among_the_seeds():
    """Inks, opacity, palettes, pictures on their side, 16 bits per colour, floating-point TIFF."""
    pictures = [load_picture(data) for kind in ("PNG", "JPEG", "TIFF", "WEBP") for data in fuzz.seeds()[kind]]
    assert {"CMYK", "RGBA", "P", "F", "I"} <= {picture.mode for picture in pictures}
    assert any(picture.bits == 16 and picture.pixels.shape[2] == 3 for picture in pictures)
    assert any("turned upright" in note for picture in pictures for note in picture.notes)
    assert any(picture.bits == 64 for picture in pictures)
