"""Many files become a collection: each is read once, leaves the disk, and refusals get a sentence."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PIL import Image

from mia_viz.ui import collection
from mia_viz.ui.collection import Collection, as_csv, check, ranking, take


def write(folder, count: int, size: int = 64, seed: int = 0) -> list[str]:
    """Real picture files."""
    rng = np.random.default_rng(seed)
    files = []
    for k in range(count):
        file = folder / f"p{seed}-{k}.png"
        Image.fromarray(rng.integers(0, 255, (size, size), dtype=np.uint8)).save(file)
        files.append(str(file))
    return files


def taken(files: list[str], held: Collection | None = None, how: str = "exact") -> Collection:
    return list(take(files, how, "brain-a", held or Collection()))[-1][1]


def test_files_are_read_and_removed_whatever_is_in_them(tmp_path):
    files = write(tmp_path, 4)
    letter, large = tmp_path / "letter.png", write(tmp_path, 1, 80, seed=1)
    letter.write_text("not a picture")
    copy = tmp_path / "copy.png"
    copy.write_bytes((tmp_path / "p0-0.png").read_bytes())
    found = taken([*files, str(letter), *large, str(copy)])
    assert list(tmp_path.iterdir()) == []
    assert found.names == [f"p0-{k}.png" for k in range(4)]
    assert (found.copies, found.refused) == (1, 2)
    assert "not a picture" in found.sentence
    assert found.sentence.endswith(".")
    assert len(taken(write(tmp_path, 1, 80), found, "crop").pictures) == 5  # more can follow, prepared another way


def test_no_more_than_the_most_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(collection, "MOST", 3)
    found = taken(write(tmp_path, 5))
    assert (len(found.pictures), found.left) == (3, 2)
    assert list(tmp_path.iterdir()) == []
    assert "2 left out" in found.sentence


def test_too_few_and_foreign_sizes_are_refused(tmp_path):
    few, enough = taken(write(tmp_path, 4)), taken(write(tmp_path, 5))
    with pytest.raises(ValueError, match="at least 5 different"):
        check(few, Collection(), "brain-a")
    with pytest.raises(ValueError, match="certainly unseen"):
        check(enough, few, "brain-a")
    with pytest.raises(ValueError, match="for another model"):
        check(enough, Collection(), "digits-a")
    check(enough, enough, "brain-a")


def test_places_among_unseen_pictures_are_counted_with_ties():
    scores, unseen = np.array([0.5, 2.0, 2.0, -1.0]), np.array([2.0, 0.5, 0.0, 0.0])
    order, at_least = ranking(scores, unseen)
    assert order.tolist() == [1, 2, 0, 3]
    assert at_least.tolist() == [int((unseen >= score).sum()) for score in scores]


def test_the_csv_has_every_picture_and_no_formula(tmp_path):
    files = write(tmp_path, 5)
    bad = tmp_path / "=cmd.png"
    (tmp_path / "p0-0.png").rename(bad)
    found = taken([str(bad), *files[1:]])
    rows = list(csv.DictReader(io.StringIO(as_csv(found, np.arange(5.0), np.arange(8.0)).decode("utf-8-sig"))))
    assert [row["name"] for row in rows] == ["'=cmd.png", *(f"p0-{k}.png" for k in range(1, 5))]
    assert [row["pixels_sha256"] for row in rows] == list(found.pictures)
    assert [row["unseen_at_least_as_high"] for row in rows] == ["8", "7", "6", "5", "4"]
