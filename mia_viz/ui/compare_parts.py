"""Parts of the page "Compare": panels that share its style sheet, and the picker of a column's picture and model.

Pictures in the picker travel inside the page, so that a visitor's own leaves no file on the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from mia_viz.figures import images
from mia_viz.ui.compare_offers import OTHER, Offer
from mia_viz.ui.compare_table import Side
from mia_viz.ui.pick import Picked

STYLE = (Path(__file__).parent / "static" / "compare.css").read_text(encoding="utf-8")
LEFT, RIGHT = "left", "right"
TITLES = {LEFT: "Left column", RIGHT: "Right column"}
PRESS = """
element.addEventListener('click', event => {
  const pressed = event.target.closest('[data-pick]');
  if (!pressed) return;
  for (const button of element.querySelectorAll('[data-pick]')) button.setAttribute('aria-pressed', button === pressed);
  trigger('select', {pick: pressed.dataset.pick});
});
"""
"""The button pressed says so at once and keeps the focus; the picker is drawn anew only when its model changes."""


@dataclass(frozen=True)
class Picker:
    """What chooses one column."""

    thumbs: gr.HTML
    target: gr.Dropdown
    note: gr.HTML

    @property
    def outputs(self) -> list[gr.components.Component]:
        """Everything that changes with the column's model."""
        return [self.thumbs, self.target, self.note]


def panel(elem_id: str, value: str = "") -> gr.HTML:
    """A piece of the page that follows its style sheet."""
    return gr.HTML(value, css_template=STYLE, js_on_load=None, elem_id=elem_id)


def picker(which: str) -> Picker:
    """Lay out the picker of one column, empty."""
    with gr.Column(min_width=300):
        gr.HTML(f"<h3>{TITLES[which]}</h3>")
        view = gr.HTML("", css_template=STYLE, js_on_load=PRESS, elem_id=f"compare-pick-{which}")
        model = gr.Dropdown([], label="Model that is asked", filterable=False, elem_id=f"compare-model-{which}")
        note = gr.HTML("", visible=False, elem_id=f"compare-note-{which}")
    return Picker(view, model, note)


def thumbs(which: str, side: Side, on_offer: list[Offer]) -> str:
    """The pictures a column's model can be asked about as buttons, the visitor's own at the end; truth is not told."""
    pictures = [(offer.key, offer.picked) for offer in on_offer]
    if not any(picked.prepared.sha256 == side.picked.prepared.sha256 for _, picked in pictures):
        pictures.append((OTHER, side.picked))
    buttons = "".join(
        _button(key, picked, picked.prepared.sha256 == side.picked.prepared.sha256) for key, picked in pictures
    )
    return f'<div class="cmp-thumbs" role="group" aria-label="{TITLES[which]}: which picture">{buttons}</div>'


def _button(key: str, picked: Picked, pressed: bool) -> str:
    source, name = images.uri(images.grey(picked.prepared.values)), escape(picked.name)
    return (
        f'<button type="button" data-pick="{key}" aria-pressed="{str(pressed).lower()}" title="{name}">'
        f'<img src="{source}" alt="{name}"></button>'
    )
