"""The pictures of docs/look.md: which there are, how they are laid out, and that the page names them all."""

from __future__ import annotations

import re

import numpy as np
from PIL import Image

from tests.ui import look
from tests.ui.look_views import PAGES, VIEWS


def test_the_page_shows_every_view_and_nothing_else():
    shown = set(re.findall(r"\]\(images/look/([\w-]+\.webp)\)", look.TABLES.read_text(encoding="utf-8")))
    assert shown == {file for row in look.files().values() for file in row.values()}


def test_every_page_of_the_lesson_is_there_before_and_after_its_tasks_and_on_paper():
    named = {file for row in look.files().values() for file in row.values()}
    for number in range(1, len(PAGES) + 1):
        for moment, context in (("before", "phone"), ("after", "phone"), ("before", "dark"), ("print", "print")):
            assert f"lesson-{number:02d}-{moment}-{context}.webp" in named


def test_every_tab_is_printed():
    tabs = {"choose", "restore", "frequency", "noise", "emoji-structure", "verdict", "compare", "all-methods"}
    tabs |= {"many-pictures", "quiz", "your-model"}
    assert {name for name, view in VIEWS.items() if "print" in view.contexts} >= tabs


def test_a_long_page_goes_on_in_the_next_column():
    page = Image.fromarray(np.linspace(0, 255, 2 * look.COLUMN).astype(np.uint8)[:, None].repeat(100, axis=1)).convert(
        "RGB"
    )
    sheet = np.asarray(look.side_by_side([page], 100))[..., 0]
    assert sheet.shape == (look.COLUMN, 200 + look.GAP)
    np.testing.assert_array_equal(sheet[:, 0], np.asarray(page)[: look.COLUMN, 0, 0])
    np.testing.assert_array_equal(sheet[:, 100 + look.GAP], np.asarray(page)[look.COLUMN :, 0, 0])


def test_prints_are_compared_sheet_by_sheet():
    white, black = (Image.new("RGB", (4, 4), colour) for colour in ("white", "black"))
    assert look.apart([white, white], [white, white]) == 0
    assert look.apart([white, white], [white, black]) == 1
    assert look.apart([white], [white, white]) == 1
