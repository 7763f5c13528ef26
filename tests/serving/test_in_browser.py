"""Signing in and working in a real Chromium: the policy lets gradio work, and nothing else run."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.serving.conftest import PASSWORD
from tests.ui.browser import complaints_of, find_chromium
from tests.ui.conftest import QUIET, shoot
from tests.ui.test_walk import serious

pytestmark = pytest.mark.ui


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": find_chromium(), "args": list(QUIET)}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_signing_in_uploading_and_asking(served, browser, scheme, width, tmp_path):
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 844})
    page = context.new_page()
    complaints = complaints_of(page)
    page.set_default_timeout(60_000)
    page.goto(served[1])
    expect(page.get_by_role("heading", name="MIA-Viz")).to_be_visible()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    shoot(page, f"sign-in-{scheme}")
    page.get_by_label("Name").fill("ben")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#ask")
    file = tmp_path / "words.txt"
    file.write_text("mine alone")
    page.locator("#upload input[type=file]").set_input_files(file)
    expect(page.locator("#said textarea")).to_have_value("words.txt: mine alone")
    page.locator("#ask").click()
    expect(page.locator("#said textarea")).to_have_value("words.txt: mine alone 19")
    assert complaints == []
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    page.evaluate("const s = document.createElement('script'); s.text = 'window.ran = 2'; document.body.append(s)")
    page.wait_for_timeout(500)
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in text for text in complaints)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto(served[1])
    expect(page.get_by_label("Password")).to_be_visible()
    context.close()


def test_a_wrong_password_is_answered_in_a_sentence(served, page):
    page.goto(f"{served[1]}sign-in")
    page.get_by_label("Name").fill("nobody")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This name and password do not belong together.")
    shoot(page, "sign-in-wrong")
