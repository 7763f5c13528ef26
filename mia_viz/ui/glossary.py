"""The glossary: one data file, shown as a list and behind the words and beside the menus of the page."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from mia_viz.ui.lab import static

TERMS = Path(__file__).parent / "glossary.json"


def build() -> gr.HTML:
    """Lay out the button; list and popover are made in the browser (static/glossary*.js)."""
    return gr.HTML(
        TERMS.read_text(encoding="utf-8"),
        html_template=static("glossary.html"),
        css_template=static("glossary.css"),
        js_on_load="\n".join(static(name) for name in ("glossary_words.js", "glossary.js")),
        apply_default_css=False,
        elem_id="glossary",
    )
