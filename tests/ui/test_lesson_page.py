"""The lesson in a browser: a visitor takes it to its end, leaves and resumes it, and nothing covers what to press."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from mia_viz.ui import lesson
from tests.ui.conftest import LONG, PHONE_THEMES, shoot

PAGES = lesson.texts()["pages"]


def press(page: Page, selector: str, key: str = "ArrowRight") -> None:
    """Focus a control and press a key, as one does with a slider."""
    page.locator(selector).first.focus()
    page.keyboard.press(key)


DOING = {
    "model": [lambda p: p.get_by_label("I cannot tell").check()],
    "noise": [lambda p: press(p, "#scrub input[type=range]")],
    "memory": [
        lambda p: press(p, "#pair input[type=range]"),
        lambda p: p.locator("#which label").nth(2).click(),
    ],
    "bands": [
        lambda p: p.locator("[data-preset=low]").click(),
        lambda p: p.locator("[data-preset=high]").click(),
    ],
    "difficulty": [
        lambda p: p.locator(".lab-method").select_option(label="Noise aggregation"),
        lambda p: p.locator("[data-preset=all]").click(),
        lambda p: p.locator(".lab-with").click(),
    ],
    "filter": [
        lambda p: p.locator(".lab-method").select_option(label="PIA"),
        lambda p: p.locator("[data-preset=mid]").click(),
        lambda p: p.locator("[data-preset=fcre]").click(),
        lambda p: p.locator("[data-preset=fremia]").click(),
        lambda p: press(p, ".lab-handle"),
    ],
    "answers": [lambda p: press(p, "#scrub input[type=range]")],
    "rates": [lambda p: p.locator(".ls-used").fill("20")],
    "verdict": [
        lambda p: p.locator("#answer summary").click(),
        lambda p: p.locator("#reveal").click(),
    ],
    "own": [
        lambda p: p.locator("#gallery button").nth(3).click(),
        lambda p: p.locator("#analyse").click(),
        lambda p: read_verdict(p),
    ],
    "end": [lambda p: play(p)],
}


def read_verdict(page: Page) -> None:
    """Wait for the end of the analysis and open the verdict."""
    expect(page.locator("#status")).to_contain_text("Done in", timeout=240_000)
    page.locator("#tab-verdict-button").click()


def play(page: Page) -> None:
    """Answer all ten pictures of the quiz; the lesson's card lies over some of them on a phone."""
    for number in range(1, 11):
        page.locator(f"[name=quiz-{number}][value='1']").evaluate("box => box.click()")
    page.locator(".qz-done").evaluate("button => button.click()")


ONE_ROW = """() => new Set([...document.querySelectorAll('.ls-places button')].map(dot => dot.offsetTop)).size === 1"""


@pytest.mark.ui
def test_the_tour_from_start_to_end(watched):
    watched.locator(".ls-open").click()
    expect(watched.locator(".ls-title")).to_be_focused()
    for number, page in enumerate(PAGES, start=1):
        expect(watched.locator(".ls-title")).to_have_text(page["title"])
        for k, (task, do) in enumerate(zip(page["tasks"], DOING[page["id"]], strict=True)):
            watched.wait_for_selector(f":is({task['press']}) >> visible=true")
            line = watched.locator(".ls-tasks li").nth(k)
            expect(line).not_to_have_class(re.compile("ls-ticked"))
            if not task["press"].startswith("#lesson"):
                expect(watched.locator(".mv-ring").first).to_be_attached()
            do(watched)
            expect(line).to_have_class(re.compile("ls-ticked"), timeout=60_000)
            expect(watched.locator(".ls-said")).to_contain_text(task["text"])
        assert watched.evaluate(ONE_ROW), page["id"]
        found = Axe().run(watched, context=".ls-card").response["violations"]
        assert [v["id"] for v in found] == [], page["id"]
        shoot(watched, f"lesson-{number:02d}-{page['id']}")
        watched.locator(".ls-next").click()
    expect(watched.locator(".ls-card")).not_to_be_visible()
    expect(watched.locator(".ls-open")).to_have_text("Take the lesson again")
    expect(watched.locator(".ls-open")).to_be_focused()
    watched.locator(".ls-open").click()
    expect(watched.locator(".ls-title")).to_have_text(PAGES[0]["title"])
    expect(watched.locator(".ls-ticked, .ls-places .ls-over")).to_have_count(0)


@pytest.mark.ui
def test_it_can_be_left_and_resumed_and_nothing_ticks_by_itself(watched, url):
    watched.locator(".ls-open").click()
    watched.get_by_label("It was not", exact=True).check()
    expect(watched.locator(".ls-ticked")).to_have_count(1)
    for _ in range(3):
        watched.locator(".ls-next").click()
    expect(watched.locator("#laboratory .lab-curve")).to_be_visible(timeout=60_000)
    expect(watched.locator(".mv-ring")).to_have_count(2)
    watched.wait_for_timeout(1500)
    expect(watched.locator(".ls-ticked")).to_have_count(0)
    watched.locator(".ls-title").press("Escape")
    expect(watched.locator(".ls-card")).not_to_be_visible()
    expect(watched.locator(".mv-ring")).to_have_count(0)
    watched.goto(url)
    button = watched.locator(".ls-open")
    expect(button).to_have_text("Go on with the lesson, page 4")
    expect(watched.locator(".ls-card")).not_to_be_visible()
    button.click()
    expect(watched.locator(".ls-title")).to_have_text(PAGES[3]["title"])
    expect(watched.locator(".ls-places .ls-over")).to_have_count(1)
    watched.locator(".ls-fold").click()
    expect(watched.locator(".ls-text")).not_to_be_visible()
    expect(watched.locator(".ls-fold")).to_have_attribute("aria-expanded", "false")
    watched.locator(".ls-fold").click()
    watched.locator(".ls-restart").click()
    expect(watched.locator(".ls-title")).to_have_text(PAGES[0]["title"])
    expect(watched.locator(".ls-ticked, .ls-places .ls-over")).to_have_count(0)
    expect(watched.locator(".ls-restart")).not_to_be_visible()


SEEN = """selector => {
  const box = [...document.querySelectorAll(selector)].find(one => one.getClientRects().length).getBoundingClientRect();
  const card = document.querySelector('.ls-card').getBoundingClientRect();
  const room = card.width > innerWidth * .9 ? card.top : innerHeight;
  return box.top >= 0 && box.bottom <= room + 1;
}"""
WATCHED = {"bands": ".lab-picture", "filter": ".lab-live", "answers": "#cloud .js-plotly-plot"}
"""What tasks of a page ask to watch; either it is in view, or a copy of it stands in the card."""


@pytest.mark.ui
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)] if LONG else [(390, 844)])
def test_what_a_task_asks_to_watch_is_in_view_and_stays_for_a_moment(watched, url, size):
    watched.set_viewport_size({"width": size[0], "height": size[1]})
    watched.emulate_media(reduced_motion="reduce")
    watched.goto(f"{url}?lesson=4")
    watched.wait_for_selector(".ls-card >> visible=true")
    for number, page in enumerate(PAGES):
        if page["id"] not in WATCHED:
            continue
        watched.locator(".ls-places button").nth(number).click()
        selector = WATCHED[page["id"]]
        watched.wait_for_selector(f"#steps {selector} >> visible=true")
        watched.wait_for_timeout(5000)
        for do in DOING[page["id"]][:3]:
            do(watched)
            before = watched.evaluate("scrollY")
            watched.wait_for_timeout(1400)
            assert watched.evaluate("scrollY") == before, page["id"]
            seen = watched.evaluate(SEEN, selector)
            assert seen or watched.locator(".ls-echo").is_visible(), page["id"]
            watched.wait_for_timeout(1500)
    if size[0] < 1000:  # the plane's copy, and the task said once
        expect(watched.locator(".ls-echo svg").first).to_be_visible()
        expect(watched.locator(".ls-tasks")).not_to_be_visible()
        expect(watched.locator(".ls-now")).to_be_visible()


@pytest.mark.ui
@pytest.mark.parametrize(("size", "language"), [((1280, 900), "de"), ((390, 844), "de"), ((390, 844), "en")])
def test_the_sentence_on_base_rates_is_in_view_beside_its_slider(watched, url, size, language):
    watched.set_viewport_size({"width": size[0], "height": size[1]})
    watched.goto(f"{url}?lesson=8&lang={language}")
    watched.wait_for_selector(".ls-used >> visible=true")
    watched.locator(".ls-used").scroll_into_view_if_needed()
    watched.locator(".ls-used").fill("20")
    inside = """() => {
      const [sum, body] = ['.ls-sum', '.ls-body'].map(name => document.querySelector(name).getBoundingClientRect());
      return sum.top >= body.top && sum.bottom <= body.bottom;
    }"""
    watched.wait_for_function(f"document.documentElement.lang === '{language}'")
    assert watched.evaluate(inside)


@pytest.mark.ui
def test_base_rates_are_counted_from_what_was_measured(watched, url):
    watched.goto(f"{url}?lesson=8")
    expect(watched.locator(".ls-title")).to_have_text("How often is it wrong?", timeout=60_000)
    for number, rates in enumerate(lesson.rates("brain-a")):
        watched.locator(".ls-method").select_option(str(number))
        for used in (0, 20, 1000):
            watched.locator(".ls-used").fill(str(used))
            right = used * rates["found"] / rates["members"]
            wrong = (1000 - used) * rates["accused"] / rates["holdouts"]
            text = watched.locator(".ls-sum").inner_text()
            counted = [int(n) for n in re.findall(r"\d+", text)]
            assert counted[1] == used
            assert counted[3:5] == pytest.approx([right, wrong], abs=0.51)
            assert counted[2] == counted[3] + counted[4]


@pytest.mark.ui
def test_it_says_so_when_the_page_shows_something_else(watched, url):
    watched.goto(f"{url}?target=brain-b&picture=130&lesson=3")
    expect(watched.locator(".ls-stage")).to_be_visible(timeout=60_000)
    watched.locator(".ls-restage").click()
    expect(watched.locator("#subject")).to_contain_text("picture 0112", timeout=60_000)
    expect(watched.locator(".ls-stage")).not_to_be_visible()
    expect(watched.locator("#trio img").first).to_be_visible()


COVERED = """selector => {
  const part = [...document.querySelectorAll(selector)].find(one => one.getClientRects().length);
  const box = part.getBoundingClientRect(), card = document.querySelector('.ls-card').getBoundingClientRect();
  return [box.top, Math.min(box.bottom, box.top + 60), card.top];
}"""


@pytest.mark.ui
@pytest.mark.parametrize("theme", PHONE_THEMES)
def test_on_a_phone_the_card_never_covers_what_to_press(browser, playwright, url, theme):
    context = browser.new_context(**playwright.devices["iPhone 13"], reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{url}?__theme={theme}&lesson=1")
    page.wait_for_selector(".ls-card >> visible=true")
    for number, content in enumerate(PAGES):
        page.locator(".ls-places button").nth(number).click()
        first = content["tasks"][0]["press"]
        page.wait_for_selector(f":is({first}) >> visible=true")
        page.wait_for_timeout(1200)
        if not first.startswith("#lesson"):
            top, seen, card = page.evaluate(COVERED, first)
            assert top >= 0, content["id"]
            assert seen <= card, content["id"]
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.screenshot(path=f"build/screenshots/lesson-phone-{theme}-{number + 1:02d}.png")
    context.close()
