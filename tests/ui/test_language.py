"""Other languages: catalogues that fit their English, and the app in German from end to end in a real Chromium."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from mia_viz.attacks import names
from mia_viz.language import WORDS, catalogue, languages
from tests.ui.conftest import go, shoot, soon
from tests.ui.sentences import lacking
from tests.ui.test_walk import serious
from tests.ui.words import ready, settle

OTHERS = [name for name in languages() if name != "en"]
NAMES = {"AUC", "FCRE", "FPR", "FreMIA", "PIA", "Quiz", "SecMI", "Score", "TPR", "Training", "auto", "Filter", "latent"}
"""Names of methods and rates, and words that are the same in German."""
SAME = re.compile(r"[^a-zA-Z]*(AUC|FPR|Emoji|bfloat|float)?[^a-zA-Z]*|#: \{a\}|\{a\} \(#\)")
"""Nothing but a name and numbers."""
ELSEWHERE = (
    "MIA-Viz listens at",  # printed on the command line
    "There is no distortion",  # distortions are asked for on the command line
    "{a} must lie between",
    "{a} needs a number",
    "Grey pictures have no saturation",
    "One move of the band",  # a benchmark
    "Map of all bands",
    "A band's shape",  # wrong calls from Python
    "A band needs",
    "What passes outside",
    "Combining methods needs",
    "Pictures are expected",
    "A spectrum needs",
    "There is no way to set",
    "There are too few never-trained pictures to take difficulty out",
    "Taking difficulty out",
    "Every known picture needs",
    "Power needs",
    "This describes how the model behaves, not what",
    "It holds for pictures like those of the reference, and",
    "A picture can be prepared",
)
"""Beginnings of sentences that nobody meets in the app."""
UNTRANSLATED = re.compile(r".*(et al\.: |Matsumoto, |Rao, ).*|.*\.png|plotly-\w+|.*\b(lowpass|variant|tasks)[:=].*")
"""What may stay as it is besides names of methods: titles of papers, names of files, of columns and of a symbol."""


def marks(text: str) -> list[str]:
    return re.findall(r"</?>", text)


def places(text: str) -> Counter:
    """How often every number and word is filled in; #2 stands for the second number."""
    numbers = re.findall(r"#(\d)?", text)
    order, last = [], 0
    for number in numbers:
        last = int(number) if number else last + 1
        order.append(f"#{last}")
    return Counter([*re.findall(r"\{\w\}", text), *order])


@pytest.mark.parametrize("language", OTHERS)
def test_every_entry_has_the_marks_and_places_of_its_english(language):
    wrong = {
        key: text
        for key, text in catalogue(language).items()
        if marks(key) != marks(text) or places(key) != places(text) or key != key.strip() or not text.strip()
    }
    assert wrong == {}


@pytest.mark.parametrize("language", OTHERS)
def test_no_english_stands_twice_and_none_was_left_as_it_is(language):
    pairs = json.loads((WORDS / f"{language}.json").read_text("utf-8"), object_pairs_hook=list)
    assert [key for key, count in Counter(key for key, _ in pairs).items() if count > 1] == []
    assert [key for key, text in pairs if key == text and key not in NAMES and not SAME.fullmatch(key)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_number_in_an_entry_is_a_place_unless_the_whole_text_is_fixed(language):
    """The browser looks texts up with all their numbers as #, so an entry with # and digits would never be found."""
    forms = [key for key in catalogue(language) if "#" in key or re.search(r"\{\w\}", key)]
    assert [key for key in forms if re.search(r"\d", key)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_of_the_sources_has_an_entry(language):
    assert [text for text in lacking(catalogue(language)) if not text.startswith(ELSEWHERE)] == []


def speak(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def missing(page: Page) -> list[str]:
    found = set(page.evaluate("miaVizMissing()")) - set(names())
    return [text for text in found if not UNTRANSLATED.fullmatch(text)]


def words(page: Page) -> str:
    """Everything that can be read on the page but the switch itself."""
    return page.evaluate(
        """() => [document.querySelector('h1').innerText, document.querySelector('#subject').innerText,
        document.querySelector('#steps').innerText].join('\\n')"""
    )


@pytest.mark.ui
def test_german_and_back_again_leaves_the_english_as_it_was(watched):
    go(watched, "Frequency", "#laboratory .lab-curve >> visible=true")
    go(watched, "Choose", "#hero img")
    settle(watched)
    before, caret = words(watched), watched.locator("#guess input").first
    caret.focus()
    speak(watched, "Deutsch")
    expect(watched.locator("h1")).to_have_text("Wurde dieses Modell mit diesem Bild trainiert?")
    expect(watched.locator("#analyse")).to_have_text("Untersuchen")
    assert watched.evaluate("document.documentElement.lang") == "de"
    assert soon(lambda: missing(watched), []) == []
    assert serious(watched) == []
    shoot(watched, "german-choose")
    speak(watched, "English")
    expect(watched.locator("#analyse")).to_have_text("Analyse")
    assert soon(lambda: words(watched), before) == before


@pytest.mark.ui
def test_the_quiz_and_its_result_are_in_german(watched):
    speak(watched, "Deutsch")
    watched.locator("#tab-quiz-button").click()
    for number in range(1, 11):
        watched.locator(f"[name=quiz-{number}][value='1']").check()
    watched.locator(".qz-done").click()
    expect(watched.locator("#quiz-answer")).to_contain_text("Die Grenze der Methode")
    settle(watched)
    assert soon(lambda: missing(watched), []) == []


@pytest.mark.ui
def test_a_german_visitor_can_walk_analyse_and_come_back(watched, url):
    speak(watched, "Deutsch")
    ready(watched, "de")
    watched.locator("#gallery button").nth(2).click()
    expect(watched.locator("#chosen")).to_contain_text("Bild 0115")
    watched.locator("#analyse").click()
    expect(watched.locator("#status")).to_contain_text("Das Modell wird befragt")
    expect(watched.locator("#status")).to_contain_text("Fertig nach", timeout=240_000)
    expect(watched.locator("#status")).to_contain_text(re.compile(r"\d,\d s"))
    expect(watched.locator("#subject")).to_contain_text("soeben berechnet")
    for step in ("restore", "frequency", "noise", "verdict"):
        watched.locator(f"#tab-{step}-button").click()
        settle(watched, 2500)
        shoot(watched, f"german-{step}")
    expect(watched.locator("#answer h2")).not_to_contain_text("model")
    expect(watched.locator("#plot-combined .xtitle")).to_contain_text("Trainingsbild")
    assert soon(lambda: missing(watched), []) == []
    watched.reload()
    ready(watched, "de")
    expect(watched.locator("#analyse")).to_have_text("Untersuchen")
