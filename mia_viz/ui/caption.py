"""The caption a text-to-image model is told beside the picture: the picture's own, none, or what a visitor types."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from mia_viz import subjects
from mia_viz.ui.events import LATEST, QUIET
from mia_viz.ui.pick import Picked

OWN, NONE, TYPED = "own", "none", "typed"
LABELS = {OWN: "the picture's own", NONE: "none", TYPED: "your words"}
LONGEST = 200
"""Characters; the models cut captions at a few dozen words anyway."""
EXAMPLE = "for example: banana, flat emoji"


@dataclass(frozen=True)
class Caption:
    """The field and the choice over it; `area` is shown where the models take captions."""

    area: gr.Column
    kind: gr.Radio
    text: gr.Textbox

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """Everything that changes with the picture."""
        return [self.area, self.kind, self.text]


def kind_of(text: str, own: str | None) -> str:
    """Which kind of caption a text is."""
    told = text.strip()
    if told and own is not None and told == own:
        return OWN
    return TYPED if told else NONE


def facts(picked: Picked, told: str | None = None) -> tuple[bool, list[tuple[str, str]], str, str]:
    """Whether the field is shown, the kinds to choose from, the kind and the text: the picture's own, or `told`."""
    text = (picked.caption or "") if told is None else told
    kinds = [(label, kind) for kind, label in LABELS.items() if kind != OWN or picked.caption is not None]
    return subjects.captioned(picked.family), kinds, kind_of(text, picked.caption), text


def values(picked: Picked, told: str | None = None) -> list:
    """Values for `Caption.outputs`."""
    visible, kinds, kind, text = facts(picked, told)
    return [gr.Column(visible=visible), gr.Radio(kinds, value=kind), gr.Textbox(text)]


def build(picked: Picked) -> Caption:
    """Lay out the field."""
    visible, kinds, kind, text = facts(picked)
    with gr.Column(visible=visible, elem_id="caption-area") as area:
        choice = gr.Radio(kinds, value=kind, label="Caption told to the model", elem_id="caption-kind")
        field = gr.Textbox(
            text,
            label="Its words",
            placeholder=EXAMPLE,
            max_length=LONGEST,
            max_lines=1,
            elem_id="caption",
        )
    return Caption(area, choice, field)


def wire(field: Caption, picked: gr.State) -> None:
    """The choice fills the field, and what is typed moves the choice."""

    def chosen(kind: str, current: Picked) -> object:
        if kind == TYPED:
            return gr.skip()
        return (current.caption or "") if kind == OWN else ""

    field.kind.input(chosen, [field.kind, picked], field.text, **LATEST)
    # Not `input`: gradio 6.31 misses what is pasted or filled in.
    field.text.change(lambda text, current: kind_of(text, current.caption), [field.text, picked], field.kind, **QUIET)
