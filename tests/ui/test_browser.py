"""What the tests hear of a page: every error, but not that gradio's script ended its own connection on leaving."""

from __future__ import annotations

import pytest

from tests.ui.browser import complaints_of

pytestmark = pytest.mark.ui
ABORTED = "AbortError: signal is aborted without reason"
PAGE = """data:text/html,<script>
addEventListener('beforeunload', () => { console.error('%s'); console.error('something else'); });
</script>"""


def test_a_connection_cut_off_by_leaving_is_no_error_and_everything_else_is(page):
    complaints = complaints_of(page)
    page.goto(PAGE % ABORTED)
    page.evaluate(f"console.error('{ABORTED}')")
    assert complaints == [ABORTED]
    page.goto(PAGE % ABORTED)
    assert complaints == [ABORTED, "something else"]
    page.evaluate(f"console.error('{ABORTED}')")
    page.evaluate("setTimeout(() => { throw Error('thrown') })")
    page.wait_for_timeout(100)
    assert complaints == [ABORTED, "something else", ABORTED, "thrown"]


def test_leaving_gradio_in_the_middle_of_an_analysis_is_no_error(watched):
    watched.locator("#analyse").click()
    watched.wait_for_selector("#cancel:enabled")
    watched.reload()
    watched.wait_for_selector("#hero img", state="attached")
