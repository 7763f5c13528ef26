"""Ask what nobody has asked yet about the two columns, and follow the answers.

One analysis runs at a time, whoever asks (`events.MODEL`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gradio as gr

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.ui import worker
from mia_viz.ui.asking import buttons, stopped
from mia_viz.ui.compare_cases import family_in_view
from mia_viz.ui.compare_table import Side, Table, missing, remember
from mia_viz.ui.events import MODEL
from mia_viz.ui.parts import failure, progress_bar, status
from mia_viz.ui.pick import truth
from mia_viz.ui.walk import Screen


@dataclass(frozen=True)
class Asking:
    """The way to answers that are missing; hidden while there are none."""

    area: gr.Column
    ask: gr.Button
    cancel: gr.Button
    status: gr.HTML

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        return [self.area, self.ask]


def build() -> Asking:
    """Lay out the buttons, hidden."""
    with gr.Column(visible=False, elem_id="compare-asking") as area, gr.Row():
        ask = gr.Button("Ask", variant="primary", elem_id="compare-ask")
        cancel = gr.Button("Cancel", elem_id="compare-cancel", interactive=False)
    return Asking(area, ask, cancel, gr.HTML(status(), elem_id="compare-status"))


def values(count: int) -> list:
    """Values for `Asking.outputs` when `count` columns have no answer."""
    words = "Ask both models" if count == 2 else "Ask the model that has not been asked"
    return [gr.Column(visible=count > 0), gr.Button(words)]


def wire(
    part: Asking, table: gr.State, kept: gr.State, screen: gr.State
) -> tuple[gr.events.Dependency, gr.events.Dependency]:
    """Ask and cancel; returns the events after which the page has to be drawn anew."""

    def ask(current: Table, known: tuple[Case, ...], view: Screen) -> Iterator[tuple]:
        for update in _asked(current, known):
            if family_in_view(view.family) != current.family:  # what is found has no place on the page any more
                yield known, status(), *buttons(False)
                return
            yield update

    outputs = [kept, part.status, part.ask, part.cancel]
    running = part.ask.click(ask, [table, kept, screen], outputs, **MODEL)
    ended = part.cancel.click(None, None, None, cancels=[running], queue=False, api_visibility="private").then(
        lambda: (stopped("Stopped. Answers that were complete are kept."), *buttons(False)),
        None,
        [part.status, part.ask, part.cancel],
        api_visibility="private",
    )
    return running, ended


def _asked(table: Table, kept: tuple[Case, ...]) -> Iterator[tuple]:
    """News while every missing column is asked for, one after the other: cases kept, a status line, two buttons."""
    sides, seconds = missing(table, kept), 0.0
    yield kept, progress_bar(0.0, 0.0), *buttons(True)
    try:
        for done, side in enumerate(sides):
            found = None
            for update in worker.follow(_job(side)):
                found = update.found if update.found is not None else found
                share, so_far = (done + update.share) / len(sides), seconds + update.seconds
                yield kept, progress_bar(share, so_far), *buttons(True)
            seconds = so_far
            kept = remember(kept, found)
        message = status(f"Done in {seconds:.1f} s. The answers are kept while you are here.")
    except Exception as error:  # the last boundary before a visitor: the log gets the trace, the page a sentence
        message = failure(error)
    yield kept, message, *buttons(False)


def _job(side: Side) -> Callable[..., None]:
    """The whole walk about one column."""
    picked = side.picked

    def job(progress, tell) -> None:
        known = truth(picked.group, side.target)
        engine.examine_named(side.target, picked.prepared, picked.name, known, progress, tell, side.caption or "")

    return job
