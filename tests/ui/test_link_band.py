"""A link carries a band as it was moved, and what lies outside it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import copied, go


@pytest.mark.ui
def test_a_moved_band_of_fremia_still_lets_its_rest_through(watched, arrived):
    go(watched, "Frequency", "#laboratory .lab-curve >> visible=true")
    watched.locator("#laboratory [data-preset=fremia]").click()
    expect(watched.locator(".lab-band")).to_contain_text("20 %")
    watched.locator(".lab-handle").last.press("ArrowRight")
    moved = "from 0 % to 17 %. What lies outside counts 20 %."
    expect(watched.locator(".lab-band")).to_contain_text(moved)
    page = arrived(copied(watched))
    expect(page.locator(".lab-band")).to_contain_text(moved, timeout=60_000)
