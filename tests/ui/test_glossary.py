"""The glossary: every word is explained, seen somewhere, and opens by hand and by keyboard."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from mia_viz.ui import glossary, lesson
from tests.ui.conftest import go, shoot

CONTENT = json.loads(glossary.TERMS.read_text(encoding="utf-8"))
TERMS = CONTENT["terms"]
PACKAGE = Path(glossary.__file__).parents[1]


def words_of_the_app() -> str:
    """Everything in the package that can reach the page as text, but for the glossary itself."""
    files = [*PACKAGE.glob("ui/*.py"), *PACKAGE.glob("ui/static/*.html"), *PACKAGE.glob("*.py"), lesson.TEXTS]
    text = " ".join(file.read_text(encoding="utf-8") for file in files)
    return re.sub(r'"\s*\n\s*f?"|\s+', lambda found: "" if found[0][0] == '"' else " ", text).lower()


def test_every_word_is_explained_in_one_to_three_sentences():
    assert len({term["id"] for term in TERMS}) == len(TERMS)
    for term in TERMS:
        assert set(term) == {"id", "term", "match", "field", "text", "where"}
        assert all(term.values())
        sentences = re.findall(r"[.!?](?: |$)", term["text"])
        assert 1 <= len(sentences) <= 3, term["id"]
        assert term["text"].endswith(".")
        assert not term["where"].endswith(".")


def test_no_word_stands_for_two_things():
    matches = [match.lower() for term in TERMS for match in term["match"]]
    assert len(set(matches)) == len(matches)


def test_every_word_is_used_in_the_app():
    text = words_of_the_app()
    marked = re.findall(r"\]\(([a-z-]+)\)", lesson.TEXTS.read_text(encoding="utf-8"))
    unused = [t["id"] for t in TERMS if t["id"] not in marked and not any(m.lower() in text for m in t["match"])]
    assert unused == []


def test_every_word_the_lesson_marks_is_explained():
    marked = re.findall(r"\]\(([a-z-]+)\)", lesson.TEXTS.read_text(encoding="utf-8"))
    assert len(marked) > 10
    assert set(marked) <= {term["id"] for term in TERMS}


MIDDLE = """() => {
  const seen = [...(CSS.highlights.get('mv-term') || [])].filter(range => range.getClientRects().length);
  const word = seen.find(range => range.toString() === 'noise aggregation');
  if (!word) return null;
  const box = word.getClientRects()[0];
  return [box.left + box.width / 2, box.top + box.height / 2];
}"""


@pytest.mark.ui
def test_words_open_by_hand_and_by_keyboard_and_the_list_has_them_all(watched):
    bubble = watched.locator(".mv-popover")
    go(watched, "Noise", "#noise-now img")
    place = watched.wait_for_function(MIDDLE).json_value()
    watched.mouse.click(*place)
    expect(bubble).to_contain_text("asked several times what the noise is")
    shoot(watched, "glossary-word")
    watched.keyboard.press("Escape")
    expect(bubble).not_to_be_visible()
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
