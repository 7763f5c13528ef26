"""The views of which tests/ui/look.py takes pictures: how to get there, and in which contexts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.ui.conftest import go
from tests.ui.test_lesson_page import DOING, PAGES, play

SCREENS = ("desktop", "dark", "phone")
EVERYWHERE = (*SCREENS, "print")
BEFORE_AND_AFTER = ("before", "after")


@dataclass(frozen=True)
class View:
    """A view that a page of the app shows.

    visit: brings a page there and, where it yields, names a picture to take at that moment. whole: the page from top
    to bottom, and not what a window shows of it. part: only this element. language: of the browser.
    """

    visit: Callable[[Page], Iterator[str] | None]
    contexts: tuple[str, ...] = EVERYWHERE
    whole: bool = True
    part: str | None = None
    language: str = "en-GB"


def step(name: str, ready: str) -> Callable[[Page], None]:
    """A view that is one press on a tab away."""
    return lambda page: go(page, name, ready)


def training_age(page: Page) -> None:
    """The second part of the page that compares."""
    go(page, "Compare", "#compare-tabs img")
    page.get_by_role("tab", name="As training goes on").click()
    page.wait_for_selector("#ages-body img")


def tour(page: Page) -> Iterator[str]:
    """The lesson from start to end: every page as it opens, and when its tasks are done."""
    page.locator(".ls-open").click()
    for number, content in enumerate(PAGES, start=1):
        expect(page.locator(".ls-title")).to_have_text(content["title"])
        page.wait_for_selector(f":is({content['tasks'][0]['press']}) >> visible=true")
        page.wait_for_timeout(2500)  # drawn, and what is marked has come into view
        yield lesson_name(number, "before")
        for k, do in enumerate(DOING[content["id"]]):
            do(page)
            expect(page.locator(".ls-tasks li").nth(k)).to_have_class(re.compile("ls-ticked"), timeout=240_000)
        page.wait_for_timeout(2500)
        yield lesson_name(number, "after")
        page.locator(".ls-next").click()


def lesson_name(number: int, moment: str) -> str:
    return f"lesson-{number:02d}-{moment}"


def lesson_sheets(page: Page) -> Iterator[str]:
    """Every page of the lesson as it is printed."""
    page.locator(".ls-open").click()
    for number, content in enumerate(PAGES, start=1):
        page.locator(".ls-places button").nth(number - 1).click()
        page.wait_for_selector(f":is({content['tasks'][0]['press']}) >> visible=true")
        page.wait_for_timeout(1500)
        yield lesson_name(number, "print")


def in_german(name: str, ready: str) -> Callable[[Page], None]:
    """A step of the walk in German."""

    def visit(page: Page) -> None:
        page.locator("#language button[lang=de]").click()
        expect(page.locator("html")).to_have_attribute("lang", "de")
        page.locator(f"#tab-{name}-button").click()
        page.wait_for_selector(ready)

    return visit


def folds(page: Page) -> None:
    """The laboratory's three folds, open."""
    go(page, "Frequency", "#laboratory .lab-curve")
    page.locator(".lab-method").select_option(label="Noise aggregation")
    parts = page.locator(".lab-more details")
    for k in range(parts.count()):
        parts.nth(k).locator("summary").click()
    for name in ("wrong", "learned", "figures"):
        page.wait_for_selector(f".lab-more [data-part={name}] > *")


def glossary(page: Page) -> None:
    page.locator(".gl-open").click()
    page.wait_for_selector(".gl-list[open]")


def word(page: Page) -> None:
    """A word of the lesson explained."""
    page.locator(".ls-open").click()
    page.locator(".ls-text .mv-term").first.click()
    page.wait_for_selector(".mv-popover h2 >> visible=true")


def quiz_result(page: Page) -> None:
    go(page, "Quiz", "#quiz-form")
    play(page)
    page.wait_for_selector("#quiz-answer")


def truth(page: Page) -> None:
    go(page, "Verdict", "#plot-combined .main-svg")
    page.locator("#reveal").click()
    expect(page.locator("#truth")).to_contain_text("training set")


def twin(page: Page) -> None:
    """The twin's verdict, and the truth about it."""
    truth(page)
    page.locator("#twin").click()
    expect(page.locator("#verdict-status")).to_contain_text("Done in", timeout=240_000)
    page.wait_for_selector("#plot-combined .main-svg >> visible=true")
    page.locator("#reveal").click()
    expect(page.locator("#truth")).to_contain_text("training set")


def family(kind: str, model: str, name: str = "choose", ready: str = "#hero img") -> Callable[[Page], None]:
    """A step of the walk with another kind of pictures."""

    def visit(page: Page) -> None:
        page.locator("#family").get_by_label(kind).check()
        expect(page.locator("#card")).to_contain_text(model)
        page.locator(f"#tab-{name}-button").click()
        page.wait_for_selector(f"{ready} >> visible=true")

    return visit


VERDICT = "#plot-combined .main-svg"
VIEWS: dict[str, View] = {
    "choose": View(lambda page: None),
    "restore": View(step("Restore", "#trio img")),
    "frequency": View(step("Frequency", "#laboratory .lab-curve")),
    "noise": View(step("Noise", "#cloud .main-svg")),
    "verdict": View(step("Verdict", VERDICT)),
    "compare": View(step("Compare", "#compare-tabs img")),
    "training-age": View(training_age),
    "all-methods": View(step("All methods", "#controls tbody tr")),
    "many-pictures": View(step("Many pictures", "#many-subject p")),
    "quiz": View(step("Quiz", "#quiz")),
    "your-model": View(step("Your model", "#own-where")),
    "laboratory-folds": View(folds, SCREENS, part=".lab-more"),
    "truth": View(truth, ("desktop", "dark", "phone"), whole=False),
    "twin": View(twin, ("desktop", "phone"), whole=False),
    "quiz-result": View(quiz_result),
    "glossary": View(glossary, EVERYWHERE, whole=False),
    "glossary-word": View(word, SCREENS, whole=False),
    "digits": View(family("digits", "igit"), ("desktop", "phone")),
    "digits-verdict": View(family("digits", "igit", "verdict", VERDICT), ("desktop", "phone")),
    "emoji": View(family("Captioned emoji", "Emoji model A"), ("desktop", "phone")),
    "emoji-structure": View(
        family("Captioned emoji", "Emoji model A", "structure", "#structure-curve .main-svg"), EVERYWHERE
    ),
    "german-choose": View(in_german("choose", "#hero img"), ("desktop", "phone"), language="de-DE"),
    "german-frequency": View(in_german("frequency", "#laboratory .lab-curve"), ("desktop", "phone"), language="de-DE"),
    "german-verdict": View(in_german("verdict", VERDICT), ("desktop", "phone", "print"), language="de-DE"),
    "lesson": View(tour, SCREENS, whole=False),
    "lesson-print": View(lesson_sheets, ("print",)),
}
