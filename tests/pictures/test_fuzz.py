"""The short form of `python -m tests.fuzz`, and that it finds, tells apart and reduces what it looks for."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from mia_viz.pictures.files import load_picture
from tests import fuzz, fuzz_reader
from tests.fuzz_cases import Case
from tests.fuzz_reader import Outcome, Reader, opened, seeds

CRASH, HANG, FLOOD, FINE = b"crash", b"hang", b"flood", b"fine"


def clumsy(data: bytes, kind: str, place: Path) -> str:
    """An opener with the weaknesses that the search is for."""
    if data == CRASH:
        os._exit(3)
    if data == HANG:
        time.sleep(60)
    return "opened" if data != FLOOD or np.ones(2**24).sum() else ""


def drawn(kind: str, count: int, seed: int, weak: dict[str, range] | None = None) -> tuple[fuzz.Search, list[Case]]:
    """A search that opens nothing: files of these lengths fail in these words."""
    cases = []

    def judge(case: Case) -> Outcome:
        cases.append(case)
        words = [word for word, lengths in (weak or {}).items() if len(case.data) in lengths]
        return Outcome(case.kind, words[0] if words else "refused", 0.0, 0)

    search = fuzz.Search(kind, judge)
    search.go(seeds()[kind], count, seed)
    return search, cases


def test_damaged_files_of_every_format_end_in_one_sentence():
    searches = fuzz.run(300)
    assert not fuzz.told(searches)
    assert {search.kind for search in searches if search.outcomes} == set(seeds())
    outcomes = [outcome for search in searches for outcome in search.outcomes]
    assert len(outcomes) == 300
    assert {"opened", "refused"} == {outcome.result for outcome in outcomes}


def test_seeds_open(tmp_path):
    for kind, files in seeds().items():
        said = [opened(data, kind, tmp_path) for data in files]
        assert set(said) <= {"opened", "refused"}
        assert "opened" in said, kind


def test_cases_are_all_different_none_is_whole_and_a_seed_repeats_them():
    for kind in ("TIFF", "zip", "NIfTI packed", "PNG"):
        _, first = drawn(kind, 60, 0)
        files = [case.data for case in first]
        assert len(set(files)) == len(files) == 60
        assert not set(files) & set(seeds()[kind])
        assert files == [case.data for case in drawn(kind, 60, 0)[1]]
        assert files != [case.data for case in drawn(kind, 60, 1)[1]]


def test_every_way_to_fail_is_found_and_reduced_to_a_small_file_and_one_change(tmp_path):
    weak = {"IndexError: at 7": range(20, 100), "pixels outside 0 to 1": range(150, 400)}
    search, tried = drawn("DICOM", 200, 0, weak)
    assert len(search.outcomes) == 200 < len(tried)
    reduced = {word: (len(found.case.data), found.case.how) for word, found in search.failures.items()}
    first = f"file of {min(map(len, seeds()['DICOM']))} bytes"
    assert reduced == {
        "IndexError: at #": (20, f"{first}, cut at 19"),
        "pixels outside # to #": (150, f"{first}, cut at 149"),
    }
    said = fuzz.told([search], tmp_path)
    assert "IndexError: at 7" in said
    assert {len(file.read_bytes()) for file in tmp_path.iterdir()} == {20, 150}


def test_a_crash_a_hang_and_a_flood_of_memory_are_told_and_the_next_file_is_opened(monkeypatch):
    monkeypatch.setattr(fuzz_reader, "MOST_MEMORY", 2**26)
    said = []
    with Reader(opener=clumsy) as reader:
        for data in (FLOOD, FINE, CRASH, HANG, FINE):  # only what hangs is waited for in vain, so for a moment
            monkeypatch.setattr(fuzz_reader, "MOST_SECONDS", 0.5 if data == HANG else 60.0)
            said.append(reader(Case("PNG", data, "")).failure)
    assert said == ["took more than 64 MiB", "", "the process died, exit code #", "no answer", ""]


def test_pictures_of_every_depth_and_colour_are_among_the_seeds():
    """Inks, opacity, palettes, pictures on their side, 16 bits per colour, floating-point TIFF; several in one file."""
    pictures = []
    for data in (data for kind in ("PNG", "JPEG", "TIFF", "WEBP") for data in seeds()[kind]):
        if opened(data, "", Path()) == "opened":
            pictures.append(load_picture(data))
    assert {"CMYK", "RGBA", "P", "F", "I"} <= {picture.mode for picture in pictures}
    assert any(picture.bits == 16 and picture.pixels.shape[2] == 3 for picture in pictures)
    assert any("turned upright" in note for picture in pictures for note in picture.notes)
    assert any(picture.bits == 64 for picture in pictures)
    assert (512, 512, 1) in {picture.pixels.shape for picture in pictures}  # scikit-image's
