"""Going through a collection gives the rows that `audit` writes, and finds its pictures again."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from PIL import Image

from mia_viz.analysis import plan
from mia_viz.audit.browse import picture_at, through
from mia_viz.audit.run import Options, audit
from mia_viz.audit.source import Source
from mia_viz.audit.table import Parts, schema
from mia_viz.pictures.apart import CRASHED
from mia_viz.pictures.picture import PictureError
from mia_viz.probe import Progress
from mia_viz.targets.bundled import open_target
from mia_viz.ui import through as page
from tests.commands.conftest import write_model, write_pictures


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return open_target(str(write_model(tmp_path_factory.mktemp("model") / "tiny", seed=0)), "cpu")


@pytest.fixture
def archive(tmp_path):
    """Eleven pictures and a letter."""
    files = write_pictures(tmp_path / "pictures", 11)
    (tmp_path / "pictures" / "0005a.png").write_bytes(b"a letter")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as out:
        for file in sorted((tmp_path / "pictures").iterdir()):
            out.write(file, file.name)
    return Source(str(tmp_path / "all.zip")), files


PLANS = [plan("loss"), plan("noise_aggregation")]


def test_the_rows_are_those_of_the_audit(target, archive, tmp_path):
    source, _ = archive
    progress = Progress()
    found = [row for batch in through(target, source, PLANS, progress=progress) for row in batch]
    assert progress.done == progress.expected == 12 * sum(p.evaluations for p in PLANS)
    audit(target, source, PLANS, tmp_path / "out", Options(batch=8, spectra=False))
    parts = Parts(tmp_path / "out", schema(PLANS, False), 512)
    written = list(parts.rows(["place", "id", "status", *(f"{p.key}.score" for p in PLANS)]))
    assert [(r["place"], r["id"], r["status"]) for r in found] == [(r["place"], r["id"], r["status"]) for r in written]
    for ours, theirs in zip(found, written, strict=True):
        for chosen in PLANS:
            assert ours.get(f"{chosen.key}.score") == theirs[f"{chosen.key}.score"]


def test_a_file_that_crashes_its_decoder_is_a_row(target, tmp_path, deadly):
    files = write_pictures(tmp_path / "pictures", 4)
    files[1].write_bytes(files[1].read_bytes() + deadly)
    (rows,) = through(target, Source(str(tmp_path / "pictures")), PLANS[:1])
    assert [row.get("error") for row in rows] == [None, CRASHED, None, None]


def test_cancel_ends_between_two_batches(target, archive):
    progress, rows = Progress(), []
    for batch in through(target, archive[0], PLANS[:1], progress=progress):
        rows += batch
        progress.cancel.set()
    assert len(rows) == 8


def test_a_place_leads_back_to_its_picture(archive):
    source, files = archive
    found = picture_at(source, 7)  # the letter came before it
    assert found.name == files[6].name
    np.testing.assert_array_equal(np.rint(found.pixels[..., 0] * 255), np.asarray(Image.open(files[6])))
    for place in (6, 99):
        with pytest.raises(PictureError):
            picture_at(source, place)


def test_cells_are_for_people():
    row = {"place": 3, "id": "a.png", "status": "scored", "loss.p_value": 0.0312, "loss.score": -1.5}
    assert page.cells(row, PLANS) == [3, "a.png", 31.2, None, "scored"]
    row = {"place": 4, "id": "b.png", "status": "unreadable", "error": "This file is empty.", "loss.score": None}
    assert page.cells(row, PLANS) == [4, "b.png", None, None, "This file is empty."]
    assert page.cells({"place": 5, "id": "c", "status": "scored", "loss.score": -1.23456}, PLANS)[2] == -1.235


@pytest.mark.parametrize(("folder", "file"), [("", None), ("/nowhere/at/all", None), ("", "/nowhere.zip")])
def test_without_pictures_there_is_a_sentence(folder, file):
    with pytest.raises(ValueError, match=r"\.$"):
        page.source_of(folder, file)
