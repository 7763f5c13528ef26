"""The table of many pictures in a real Chromium: it fills, a broken file is a row, and a row leads into the walk."""

from __future__ import annotations

import zipfile

import pytest
from playwright.sync_api import expect

from mia_viz.targets import bundled
from tests.ui.conftest import go, shoot
from tests.ui.test_walk import serious

pytestmark = pytest.mark.ui


def test_an_archive_fills_the_table_and_a_row_opens_its_picture(watched, tmp_path):
    known = bundled.population("brain")
    with zipfile.ZipFile(tmp_path / "scans.zip", "w") as archive:
        for place, index in enumerate((3, 40, 90)):
            archive.write(known.path(index), f"scan{place}.png")
        archive.writestr("broken.png", b"not a picture")
    go(watched, "Many pictures", "#table-start")
    watched.locator("#table-start").click()
    expect(watched.locator("#table-status .mv-error")).to_contain_text("Please name a folder")
    watched.locator("#table-upload input[type=file]").set_input_files(tmp_path / "scans.zip")
    expect(watched.locator("#table-status")).to_contain_text("scans.zip is ready")
    watched.locator("#table-start").click()
    expect(watched.locator("#table-status")).to_contain_text("Done: 4 pictures. 1 could not be scored", timeout=180_000)
    rows = watched.locator("#table-rows [role=row]")
    expect(rows.filter(has_text="broken.png").last).to_contain_text("not a picture")
    expect(rows.filter(has_text="scan1.png").last).to_contain_text("scored")
    assert serious(watched) == []
    shoot(watched, "table")
    watched.locator("#table-rows [role=gridcell]").filter(has_text="scan2.png").last.click()
    expect(watched.locator("#chosen")).to_contain_text("scan2.png")
    expect(watched.locator("#analyse")).to_be_visible()
