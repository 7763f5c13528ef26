"""The steps of the walk in their order, and which of them a family of models has."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from mia_viz import subjects
from mia_viz.ui.events import QUIET

STEPS = ("Choose", "Restore", "Frequency", "Noise", "Structure", "Verdict")
"""A tab's id is its place here, counted from 1, whether or not the steps before it are shown."""
CAPTIONED_ONLY = "Structure"
"""Models that take captions are also asked whether a picture's structure lasts (see `mia_viz.plans`)."""


@dataclass(frozen=True)
class Steps:
    """The tabs and the buttons at their feet that lead on."""

    tabs: gr.Tabs
    each: list[gr.Tab]
    next: list[gr.Button]

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """What changes with the family: the step that not all have, those numbered after it, and the way to it."""
        place = STEPS.index(CAPTIONED_ONLY)
        return [*self.each[place:], self.next[place - 1]]


def of_family(family: str) -> tuple[str, ...]:
    """The steps of a family's walk."""
    return tuple(name for name in STEPS if name != CAPTIONED_ONLY or subjects.structured(family))


def label(name: str, family: str) -> str:
    """A tab's label: its place in the family's walk and its name."""
    steps = of_family(family)
    return f"{steps.index(name) + 1} {name}" if name in steps else name


def following(name: str, family: str) -> str:
    """The step after one, or the first after the last."""
    steps = of_family(family)
    return steps[(steps.index(name) + 1) % len(steps)] if name in steps else STEPS[-1]


def next_label(name: str, family: str) -> str:
    """What the button at the foot of a step says."""
    to = following(name, family)
    return "Back to the start" if to == STEPS[0] else f"Next: {to.lower()}"


def values(family: str) -> list:
    """Values for `Steps.outputs`."""
    place = STEPS.index(CAPTIONED_ONLY)
    shown = of_family(family)
    tabs = [gr.Tab(label(name, family), visible=name in shown) for name in STEPS[place:]]
    return [*tabs, gr.Button(next_label(STEPS[place - 1], family))]


def next_button(name: str, family: str) -> gr.Button:
    """Lay out the button at the foot of a step."""
    return gr.Button(next_label(name, family), elem_id=f"next-{STEPS.index(name) + 1}")


def wire(steps: Steps, family: gr.Radio) -> None:
    """The buttons lead on in the walk of the family in view."""
    top = "family => { window.scrollTo({top: 0}); return family; }"
    quiet = {"js": top, **QUIET}
    for name, button in zip(STEPS, steps.next, strict=True):

        def move(kind: str, name: str = name) -> gr.Tabs:
            return gr.Tabs(selected=STEPS.index(following(name, kind)) + 1)

        button.click(move, family, steps.tabs, **quiet)
