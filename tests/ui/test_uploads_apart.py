"""Files that end or hold up their decoder: a sentence for the one who brought them, and the app goes on."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from mia_viz.audit.browse import picture_at
from mia_viz.audit.source import Source
from mia_viz.commands.data import opened
from mia_viz.pictures import uploads
from mia_viz.pictures.apart import CRASHED
from mia_viz.pictures.picture import PictureError
from mia_viz.ui import pick
from mia_viz.ui.collection import Collection, take
from tests.pictures.samples import encode
from tests.pictures.scans import dicom
from tests.pictures.test_uploads import breaks  # noqa: F401
from tests.ui.conftest import shoot

GOOD = encode(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
DEADLY = GOOD + b"deadly"


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """A good picture, one that ends its decoder, and another good one."""
    other = encode(np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8))
    found = []
    for name, data in (("a.png", GOOD), ("b.png", DEADLY), ("c.png", other)):
        found.append(tmp_path / "in" / name)
        found[-1].parent.mkdir(exist_ok=True)
        found[-1].write_bytes(data)
    return found


def test_an_upload_that_ends_its_decoder_is_refused_and_removed(breaks, files):  # noqa: F811
    for read in (pick.read_upload, pick.read_view):
        files[1].write_bytes(DEADLY)
        with pytest.raises(PictureError, match=CRASHED):
            read(str(files[1]))
        assert not files[1].exists()
    assert pick.read_upload(str(files[0])).name == "a.png"


def test_in_a_collection_it_is_one_file_that_could_not_be_used(breaks, files):  # noqa: F811
    held = list(take([str(file) for file in files], "exact", "brain-a", Collection()))[-1][1]
    assert (held.names, held.refused, held.why) == (["a.png", "c.png"], 1, CRASHED)


def test_a_drawing_that_is_none_ends_nothing(breaks):  # noqa: F811
    uri = "data:image/png;base64," + base64.b64encode(DEADLY).decode()
    with pytest.raises(PictureError, match=CRASHED):
        pick.pick_drawing(uri, "digits-a")


def test_a_row_and_a_named_folder_too(breaks, files):  # noqa: F811
    source = Source(str(files[0].parent))
    with pytest.raises(PictureError, match=CRASHED):
        picture_at(source, 1)
    assert picture_at(source, 2).name == "c.png"
    with pytest.raises(PictureError, match=f"^b.png: {CRASHED}$"):
        opened(files[0].parent)


@pytest.mark.ui
def test_the_page_says_so_and_takes_the_next_file(watched: Page, breaks):  # noqa: F811
    watched.get_by_text("Use a picture of your own").first.click()
    give = watched.locator("#upload input[type=file]").set_input_files
    give({"name": "deadly.png", "mimeType": "image/png", "buffer": DEADLY})
    expect(watched.locator("#own, #chosen, #tab-choose, .mv-error").locator(".mv-error").first).to_contain_text(CRASHED)
    shoot(watched, "deadly upload")
    give({"name": "good.png", "mimeType": "image/png", "buffer": GOOD})
    expect(watched.locator("#chosen")).to_contain_text("good.png")
    expect(watched.locator(".mv-error", has_text=CRASHED)).to_have_count(0)
    y, x = np.mgrid[:64, :64]
    stack = np.stack([(1 + k) * (x + y) for k in range(6)]).astype(np.uint16)
    give({"name": "scan.dcm", "mimeType": "application/dicom", "buffer": dicom(stack)})
    expect(watched.locator(".scan-words")).to_contain_text("Slice 3 of 0 to 5")
    watched.locator(".scan-index").fill("2")
    expect(watched.locator("#scan-preview")).to_contain_text(uploads.SLICE_FAILED)
    shoot(watched, "deadly slice")
    give({"name": "good.png", "mimeType": "image/png", "buffer": GOOD})
    expect(watched.locator("#chosen")).to_contain_text("good.png")
