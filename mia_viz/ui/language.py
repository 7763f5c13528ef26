"""The app in other languages: one catalogue per language of whole sentences, put in place by the browser.

The page is written in English; static/language.js replaces its sentences by those of words/LANGUAGE.json, where #
stands for any number, {a} for any words, which are looked up in their turn, {A} for words that stay as they are and
<>...</> for what is set off in a sentence. Sentences that stand together may be entries of their own. A language is
added with its file; `python -m tests.ui.words LANGUAGE` walks through the app and prints what the file lacks.
"""

from __future__ import annotations

import json
from functools import lru_cache
from html import escape
from pathlib import Path

import gradio as gr

WORDS = Path(__file__).parent / "words"
SCRIPT = Path(__file__).parent / "static" / "language.js"
NAMES = {"en": "English", "de": "Deutsch"}
"""What every language calls itself."""
SCOPE = "The report and the command line are in English."
CSS = """
@media (min-width: 641px) { #language { margin-bottom: -44px; z-index: 2; } }
.mv-language { display: flex; gap: 2px; justify-content: flex-end; }
.mv-language button { all: unset; cursor: pointer; padding: 4px 9px; font-size: .9rem; border-radius: 6px; }
.mv-language button:focus-visible { outline: 2px solid #1d4ed8; }
.mv-language button[aria-pressed=true] { font-weight: 700; text-decoration: underline; text-underline-offset: 4px; }
"""


def languages() -> list[str]:
    """English and every language that has a catalogue."""
    return ["en", *sorted(file.stem for file in WORDS.glob("*.json"))]


@lru_cache(maxsize=8)
def catalogue(language: str) -> dict[str, str]:
    """English sentence to the other language's. Raises KeyError for a language that has no catalogue."""
    if language not in languages() or language == "en":
        raise KeyError(language)
    return json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))


def build() -> gr.HTML:
    """Lay out the switch between languages and let it work."""
    buttons = "".join(
        f'<button type="button" lang="{name}" translate="no" aria-pressed="{str(name == "en").lower()}">'
        f"{escape(NAMES.get(name, name))}</button>"
        for name in languages()
    )
    switch = gr.HTML(
        "{}",
        html_template=f'<div class="mv-language" role="group" aria-label="Language" title="{SCOPE}">{buttons}</div>',
        css_template=CSS,
        js_on_load=SCRIPT.read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="language",
    )
    switch.select(_send, None, switch, show_progress="hidden", api_visibility="private")
    return switch


def _send(event: gr.EventData) -> str:
    """The catalogue of the language pressed, as JSON; none for one that is not known."""
    language = str(event._data.get("language", ""))
    try:
        return json.dumps({"language": language, "words": catalogue(language)}, ensure_ascii=False)
    except KeyError:
        return "{}"
