"""Parts of the page "Compare": panels that share its style sheet, and the picker of a column's picture and model.

Pictures in the picker travel inside the page, so that a visitor's own leaves no file on the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from mia_viz.figures import images
from mia_viz.targets import bundled
from mia_viz.ui.pick import Picked, gallery_indices, pick_bundled

STYLE = (Path(__file__).parent / "static" / "compare.css").read_text(encoding="utf-8")
LEFT, RIGHT = "left", "right"
TITLES = {LEFT: "Left column", RIGHT: "Right column"}
PRESS = """
element.addEventListener('click', event => {
  const pressed = event.target.closest('[data-pick]');
  if (!pressed) return;
  for (const button of element.querySelectorAll('[data-pick]')) button.setAttribute('aria-pressed', button === pressed);
  trigger('select', {index: Number(pressed.dataset.pick)});
});
"""
"""The button pressed says so at once and keeps the focus; the picker is drawn anew only when a preset turns it."""


@dataclass(frozen=True)
class Picker:
    """What chooses one column."""

    thumbs: gr.HTML
    target: gr.Dropdown


def panel(elem_id: str, value: str = "") -> gr.HTML:
    """A piece of the page that follows its style sheet."""
    return gr.HTML(value, css_template=STYLE, js_on_load=None, elem_id=elem_id)


def picker(which: str) -> Picker:
    """Lay out the picker of one column, empty."""
    with gr.Column(min_width=300):
        gr.HTML(f"<h3>{TITLES[which]}</h3>")
        view = gr.HTML("", css_template=STYLE, js_on_load=PRESS, elem_id=f"compare-pick-{which}")
        model = gr.Dropdown([], label="Model that is asked", filterable=False, elem_id=f"compare-model-{which}")
    return Picker(view, model)


def thumbs(which: str, family: str, chosen: Picked, own: Picked | None) -> str:
    """The pictures on show as buttons, the visitor's own at the end; truth is not told."""
    known = bundled.population(family)
    pictures = [(index, pick_bundled(family, index)) for index in gallery_indices(family)]
    if own is not None:
        pictures.append((-1, own))
    buttons = "".join(
        _button(index, picked, picked.prepared.sha256 == chosen.prepared.sha256) for index, picked in pictures
    )
    words = f"{TITLES[which]}: which {known.one}"
    return f'<div class="cmp-thumbs" role="group" aria-label="{escape(words)}">{buttons}</div>'


def _button(index: int, picked: Picked, pressed: bool) -> str:
    source, name = images.uri(images.grey(picked.prepared.values)), escape(picked.name)
    return (
        f'<button type="button" data-pick="{index}" aria-pressed="{str(pressed).lower()}" title="{name}">'
        f'<img src="{source}" alt="{name}"></button>'
    )
