"""Drawing what waits until its step is opened, under the settings that stand on the page then.

An answer that comes late must not undo what the visitor has set in the meantime: drawing never touches a control, and
where a control was moved or the page turned to another case while the server was drawing, it is drawn once more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr

from mia_viz.case import Case
from mia_viz.ui.events import QUIET


@dataclass(frozen=True)
class Drawing:
    """The large panels of a step.

    controls: what they depend on beside the case. panels: what is drawn. draw: values for the panels, from the case
    and the values of controls and states in their order. states: what else is needed, which no hand moves.
    """

    controls: list[gr.components.Component]
    panels: list[gr.components.Component]
    draw: Callable[..., list]
    states: tuple[gr.State, ...] = ()


def wire(event: Callable[..., gr.events.Dependency], case: gr.State, drawings: list[Drawing]) -> None:
    """Draw after an event (a listener such as `tab.select` or `event.then`), and again where a control was moved."""
    controls = [control for one in drawings for control in one.controls]
    states = [state for one in drawings for state in one.states]
    panels = [panel for one in drawings for panel in one.panels]
    drawn_with = gr.State(None)

    def draw(current: Case, *given: object) -> tuple:
        settings, held = iter(given[: len(controls)]), iter(given[len(controls) :])
        values = []
        for one in drawings:
            values += one.draw(current, *(next(settings) for _ in one.controls), *(next(held) for _ in one.states))
        return (current.fingerprint, given[: len(controls)]), *values

    def redraw(before: tuple, current: Case, *given: object) -> object:
        return gr.skip() if (current.fingerprint, given[: len(controls)]) == before else draw(current, *given)

    given, outputs = [case, *controls, *states], [drawn_with, *panels]
    event(draw, given, outputs, **QUIET).then(redraw, [drawn_with, *given], outputs, **QUIET)
