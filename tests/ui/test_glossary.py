"""The glossary: every word is explained, seen somewhere, and opens by hand and by keyboard."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from mia_viz.attacks import get, names
from mia_viz.ui import glossary, lesson
from tests.ui.conftest import go, shoot

CONTENT = json.loads(glossary.TERMS.read_text(encoding="utf-8"))
TERMS = CONTENT["terms"]
PACKAGE = Path(glossary.__file__).parents[1]


def words_of_the_app() -> str:
    """Everything in the package that can reach the page as text, but for the glossary itself."""
    patterns = ("ui/*.py", "ui/static/*.html", "*.py", "attacks/*.py", "pictures/*.py")
    files = [*(file for pattern in patterns for file in PACKAGE.glob(pattern)), lesson.TEXTS]
    text = " ".join(file.read_text(encoding="utf-8") for file in files)
    return re.sub(r'"\s*\n\s*f?"|\s+', lambda found: "" if found[0][0] == '"' else " ", text).lower()


def forms(term: dict) -> list[str]:
    """The words of a term; its names are the same in every language."""
    return [*term["match"], *term.get("names", [])]


def test_every_word_is_explained_in_one_to_three_sentences():
    assert len({term["id"] for term in TERMS}) == len(TERMS)
    for term in TERMS:
        assert set(term) - {"names"} == {"id", "term", "match", "field", "text", "where"}
        assert all(value for name, value in term.items() if name != "match")
        assert forms(term)
        sentences = re.findall(r"[.!?](?: |$)", term["text"])
        assert 1 <= len(sentences) <= 3, term["id"]
        assert term["text"].endswith(".")
        assert not term["where"].endswith(".")


def test_no_word_stands_for_two_things():
    matches = [match.lower() for term in TERMS for match in forms(term)]
    assert len(set(matches)) == len(matches)


def explained(text: str) -> bool:
    """Whether one of the glossary's words stands in a text as a word of its own."""
    every = "|".join(re.escape(form) for term in TERMS for form in forms(term))
    return re.search(rf"(?<![\w-])({every})(?![\w-])", text, re.IGNORECASE) is not None


def test_every_method_has_an_entry():
    assert [name for name in names() if not explained(get(name).title)] == []


WORDS = (
    *("PIA", "SecMI", "SMIA", "CLiD", "principal components", "soft (Gaussian)", "soft (Butterworth)", "sharp"),
    *("injection strength", "ENFSI", "Cllr", "black-box", "grey-box", "white-box", "ROC", "SSIM", "supports at most"),
    *("NFE", "Parseval", "DICOM"),
)


@pytest.mark.parametrize("word", WORDS)
def test_the_words_of_the_field_have_entries(word):
    assert explained(word)


def test_every_word_is_used_in_the_app():
    text = words_of_the_app()
    marked = re.findall(r"\]\(([a-z-]+)\)", lesson.TEXTS.read_text(encoding="utf-8"))
    unused = [t["id"] for t in TERMS if t["id"] not in marked and not any(m.lower() in text for m in forms(t))]
    assert unused == []


def test_every_word_the_lesson_marks_is_explained():
    marked = re.findall(r"\]\(([a-z-]+)\)", lesson.TEXTS.read_text(encoding="utf-8"))
    assert len(marked) > 10
    assert set(marked) <= {term["id"] for term in TERMS}


@pytest.mark.ui
def test_words_open_by_hand_and_by_keyboard_and_the_list_has_them_all(watched):
    watched.add_init_script("Object.defineProperty(CSS, 'highlights', {value: undefined})")  # as in older browsers
    watched.reload()
    watched.wait_for_selector("#hero img")
    bubble = watched.locator(".mv-popover")
    go(watched, "Noise", "#noise-now img")
    watched.locator("#steps .mv-term[data-term=noise-aggregation] >> visible=true").first.click()
    expect(bubble).to_contain_text("asked several times what the noise is")
    shoot(watched, "glossary-word")
    watched.keyboard.press("Escape")
    expect(bubble).not_to_be_visible()
    components = watched.locator("#noise-known .mv-term[data-term=principal-components]")
    components.focus()
    watched.keyboard.press("Space")
    expect(bubble).to_contain_text("directions in which many measurements differ")
    watched.keyboard.press("Escape")
    expect(components).to_be_focused()
    assert set(watched.locator(".mv-term").evaluate_all("all => all.map(word => word.tabIndex)")) == {0}
    watched.locator("#noise-strength .mv-what").press("Enter")
    expect(bubble.locator("h2")).to_have_text("Injection strength")
    watched.keyboard.press("Escape")
    for plot in ("#noise-plane", "#noise-chart"):  # a plot that is still being loaded is gradio's to describe
        watched.wait_for_selector(f"{plot} .main-svg")
    found = Axe().run(watched, context="#steps").response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    watched.locator(".ls-open").click()
    own = watched.locator(".ls-card .mv-term").first
    expect(own).to_be_visible()
    own.focus()
    watched.keyboard.press("Enter")
    expect(bubble).to_be_visible()
    found = Axe().run(watched, context=".mv-popover").response["violations"]
    assert [v["id"] for v in found] == []
    watched.keyboard.press("Escape")
    expect(bubble).not_to_be_visible()
    expect(own).to_be_focused()
    expect(watched.locator(".ls-card")).to_be_visible()  # Escape closed the word, not the lesson
    watched.locator(".ls-leave").click()
    watched.locator(".gl-open").click()
    expect(watched.locator(".gl-list dt")).to_have_count(len(TERMS))
    expect(watched.locator(".gl-shown dt").first).to_be_visible()
    found = Axe().run(watched, context=".gl-list").response["violations"]
    assert [v["id"] for v in found] == []
    shoot(watched, "glossary")
    watched.keyboard.press("Escape")
    expect(watched.locator(".gl-list")).not_to_be_visible()
    expect(watched.locator(".gl-open")).to_be_focused()


@pytest.mark.ui
def test_a_mark_beside_the_menus_explains_their_choices_and_keeps_up_with_them(watched):
    bubble = watched.locator(".mv-popover")
    go(watched, "Frequency", "#laboratory .lab-curve >> visible=true")
    edges, method = watched.locator("label:has(.lab-shape) + .mv-what"), watched.locator(".lab-method-row + .mv-what")
    watched.locator(".lab-shape").select_option("butterworth")
    edges.press("Enter")
    expect(bubble.locator("h2")).to_have_text("Soft edge (Butterworth)")
    bubble.get_by_role("button", name="Soft edge (Gaussian)").press("Enter")
    expect(bubble.locator("h2")).to_have_text("Soft edge (Gaussian)")
    watched.keyboard.press("Escape")
    expect(edges).to_be_focused()
    watched.locator(".lab-method").select_option(label="SecMI")
    expect(watched.locator("#laboratory .lab-sentence")).not_to_be_empty()
    method.click()
    expect(bubble.locator("h2")).to_have_text("SecMI (step error)")
    expect(bubble.get_by_role("button", name="PIA and PIAN")).to_be_visible()
    assert [v["id"] for v in Axe().run(watched, context=".mv-popover").response["violations"]] == []
    shoot(watched, "glossary-menu")
    watched.keyboard.press("Escape")
    watched.get_by_role("button", name="Deutsch", exact=True).click()
    expect(watched.locator(".gl-open")).to_have_text("Glossar")
    method.click()
    expect(bubble).to_contain_text("schließt sich der Schritt")
    watched.keyboard.press("Escape")
    go(watched, "Rauschen", "#noise-matrix table")
    inflected = watched.locator("#noise-known .mv-term[data-term=reference]").first
    expect(inflected).to_have_text("bekannten Bildern")  # a form of "bekannte Bilder", which the catalogue has
    shoot(watched, "glossary-menu-german")
