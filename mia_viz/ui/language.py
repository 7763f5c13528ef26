"""The app in other languages: the page is written in English, and the browser puts other sentences in its place.

static/language.js does so by the catalogues and rules of `mia_viz.language`, which puts reports in another language. A
language is added with its file; `python -m tests.ui.words LANGUAGE` walks through the app and prints what it lacks.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import gradio as gr

from mia_viz.language import NAMES, catalogue, languages
from mia_viz.ui.events import QUIET

SCRIPT = Path(__file__).parent / "static" / "language.js"
SCOPE = "The command line is in English."
CSS = """
@media (min-width: 641px) { #language { margin-bottom: -44px; z-index: 2; } }
.mv-language { display: flex; gap: 2px; justify-content: flex-end; }
.mv-language button { all: unset; cursor: pointer; padding: 4px 9px; font-size: .9rem; border-radius: 6px; }
.mv-language button:focus-visible { outline: 2px solid #1d4ed8; }
.mv-language button[aria-pressed=true] { font-weight: 700; text-decoration: underline; text-underline-offset: 4px; }
"""


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
    switch.select(_send, None, switch, **QUIET)
    return switch


def _send(event: gr.EventData) -> str:
    """The catalogue of the language pressed, as JSON; none for one that is not known."""
    language = str(event._data.get("language", ""))
    try:
        return json.dumps({"language": language, "words": catalogue(language)}, ensure_ascii=False)
    except KeyError:
        return "{}"


def language_now(place: int) -> str:
    """A script that tells a handler the page's language, in this place of its inputs."""
    return f"(...inputs) => {{ inputs[{place}] = document.documentElement.lang; return inputs; }}"
