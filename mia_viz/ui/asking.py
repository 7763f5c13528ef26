"""Ask the model and follow its answers: Analyse, Cancel and the twin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import escape

import gradio as gr

from mia_viz import engine, subjects
from mia_viz.case import Case
from mia_viz.ui import choose, drawing, steps, worker
from mia_viz.ui.events import MODEL
from mia_viz.ui.parts import failure, progress_bar, status
from mia_viz.ui.pick import Picked, truth
from mia_viz.ui.walk import Screen, Walk, evidence_values


def wire(walk: Walk) -> tuple[gr.events.Dependency, gr.events.Dependency]:
    """Analyse the chosen picture, or ask the twin about the one that was analysed; returns both events."""
    step = walk.choose
    outputs = [walk.case, walk.asked, step.status, walk.verdict.status, step.analyse, step.cancel, *walk.evidence]
    everything = [*outputs, step.family, *step.of_family, walk.picked, *step.of_picture, *walk.steps.outputs]

    def analyse(picked: Picked, target: str, caption: str, screen: Screen) -> Iterator[dict]:
        yield from _run(walk, picked, target, caption, screen)

    def ask_twin(case: Case, asked: Picked, screen: Screen) -> Iterator[dict]:
        """The twin of the model that was asked, about the same picture, whatever has been chosen since."""
        other = subjects.subject(case.target).twin
        if other is not None:
            screen.family = asked.family
            family = dict(zip(step.of_family, choose.of_family(other), strict=True))
            shown = dict(zip(step.of_picture, choose.of_picture(asked, case.caption), strict=True))
            way = dict(zip(walk.steps.outputs, steps.values(asked.family), strict=True))
            yield {step.family: asked.family, walk.picked: asked, **family, **shown, **way}
            yield from _run(walk, asked, other, case.caption or "", screen)

    given = [walk.picked, step.target, step.caption.text, walk.screen]
    first = step.analyse.click(analyse, given, outputs, **MODEL)
    second = walk.verdict.twin.click(ask_twin, [walk.case, walk.asked, walk.screen], everything, **MODEL)
    for event in (first, second):
        drawing.wire(event.then, walk.case, walk.drawings)
    step.cancel.click(None, None, None, cancels=[first, second], queue=False, api_visibility="private").then(
        lambda: (*[stopped("Stopped. What was finished is kept.")] * 2, *buttons(False)),
        None,
        [step.status, walk.verdict.status, step.analyse, step.cancel],
        api_visibility="private",
    )
    return first, second


def stopped(words: str) -> str:
    """Say so after the last update that was still on its way, which would overwrite it."""
    time.sleep(2 * worker.POLL_SECONDS)
    return status(words)


def buttons(running: bool) -> tuple[gr.Button, gr.Button]:
    """The button that asks and the one that cancels: one can be pressed at a time."""
    return gr.Button(interactive=not running), gr.Button(interactive=running)


def done_line(case: Case) -> str:
    """Times per stage and what it ran on, in words."""
    names = [f.title.split(" (")[0] for f in case.findings]
    names = [name if name.isupper() else name.lower() for name in names]
    stages = ", ".join(f"{name} {f.seconds:.1f} s" for name, f in zip(names, case.findings, strict=True))
    total = sum(f.seconds for f in case.findings)
    where = engine.device_words(case.target)
    return status(f"Done in {total:.1f} s on the {where} ({escape(stages)}). Walk on with the steps above.")


def idle() -> tuple:
    """Values for `Walk.idle` when nothing is running."""
    return status(), *buttons(False)


def _run(walk: Walk, picked: Picked, target: str, caption: str, screen: Screen) -> Iterator[dict]:
    """Follow one examination and hand every new piece of evidence to the page.

    It ends without a word when the visitor has turned to another family: its evidence has no place there.
    """
    step = walk.choose
    try:
        for update in _examination(walk, picked, target, caption):
            if screen.family != picked.family:
                return
            screen.running = True  # until gradio, having sent this, asks for more
            yield update
        analyse, cancel = buttons(False)
        yield {step.analyse: analyse, step.cancel: cancel}
    finally:
        screen.running = False


def _examination(walk: Walk, picked: Picked, target: str, caption: str) -> Iterator[dict]:
    """Everything one examination changes on the page, news by news."""
    step = walk.choose
    analyse, cancel = buttons(True)
    yield {step.status: progress_bar(0.0, 0.0), step.analyse: analyse, step.cancel: cancel}

    def job(progress, tell) -> None:
        known = truth(picked.group, target)
        engine.examine_named(target, picked.prepared, picked.name, known, progress, tell, caption.strip())

    case = None
    try:
        for update in worker.follow(job):
            bar = progress_bar(update.share, update.seconds)
            values = {step.status: bar, walk.verdict.status: bar}
            if update.found is not None:
                case = update.found
                values |= {walk.case: case, walk.asked: picked}
                values.update(zip(walk.evidence, evidence_values(case), strict=True))
            yield values
        message = done_line(case)
    except Exception as error:  # the last boundary before a visitor: the log gets the trace, the page a sentence
        message = failure(error)
    yield {step.status: message, walk.verdict.status: message}
