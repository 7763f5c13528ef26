"""The page's script and the report's translator say the same of every entry, filled in and put together."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from mia_viz.language import SEPARATORS, catalogue, languages, say
from mia_viz.ui.language import SCRIPT
from tests.test_language import EXAMPLES

FILLED = (("7", "the picture"), ("1,234.5", "Was it so? 0.5"), ("0.06", "unheard-of words"))
"""A number for every #, and words for every {a}."""
SPEAK = """([script, language, words, texts]) => {
  const element = document.createElement('div'), props = {value: JSON.stringify({language, words})};
  let arrive = null;
  const watch = (_, heard) => { arrive = heard; };
  new Function('element', 'props', 'trigger', 'watch', script)(element, props, () => {}, watch);
  arrive();
  return texts.map(text => window.miaVizSay(text));
}"""


def filled(key: str, number: str, words: str) -> str:
    return re.sub(r"\{\w\}", lambda _: words, key.replace("#", number))


@pytest.mark.ui
@pytest.mark.parametrize("language", [name for name in languages() if name != "en"])
def test_browser_and_report_speak_alike(page: Page, language):
    keys = list(catalogue(language))
    texts = [*EXAMPLES, *keys, *(filled(key, *words) for key in keys for words in FILLED)]
    texts += [f"{one} {other}" for one, other in zip(keys[::7], keys[3::7], strict=False)]
    page.set_content("<p></p>")
    spoken = page.evaluate(SPEAK, [SCRIPT.read_text("utf-8"), language, catalogue(language), texts])
    assert sum(text != told for text, told in zip(texts, spoken, strict=True)) > len(keys)
    apart = [(text, told, say(language, text)) for text, told in zip(texts, spoken, strict=True)]
    assert [row for row in apart if row[1] != row[2]] == []


@pytest.mark.ui
def test_numbers_are_written_as_the_browser_writes_them(page: Page):
    for language, (thousands, decimals) in SEPARATORS.items():
        assert page.evaluate(f"Intl.NumberFormat('{language}').format(12345.6)") == f"12{thousands}345{decimals}6"
