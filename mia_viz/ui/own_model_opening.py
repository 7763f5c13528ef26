"""Opening a model of one's own for a visit, opening it again after it was let go, and checking it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import gradio as gr

from mia_viz import engine
from mia_viz.allowed import NotAllowed
from mia_viz.figures.palette import waiting
from mia_viz.own_models import NONE_OPEN, SHELF
from mia_viz.own_reference import Looked, never_seen
from mia_viz.ui import own_model_reference as known
from mia_viz.ui import own_model_words as words
from mia_viz.ui import worker
from mia_viz.ui.asking import buttons
from mia_viz.ui.parts import failure, progress_bar, status

if TYPE_CHECKING:
    from mia_viz.health import Health
    from mia_viz.own_described import Own
    from mia_viz.ui.own_model import OwnModel
    from mia_viz.ui.walk import Walk

AGAIN = "Your model is open again, with everything that was known about it; go on where you were."


def opened(page: OwnModel, walk: Walk, where: str, lora: str, precision: str, owner: str = "") -> Iterator[dict]:
    """Open a model for a visit and check it; every piece of news goes to the page as it comes.

    A wrong name costs nothing: the model that was open before stays. One that turns out to be no model costs it.
    """
    opener, stop = buttons(True)
    yield {page.status: words.opening(0), page.open: opener, page.stop: stop}
    own = None
    try:
        for update in worker.follow(_opening(where, lora, precision, owner)):
            if update.found is None:
                yield {page.status: words.opening(update.seconds)}
                continue
            own = update.found
        yield {page.held: own.name, walk.choose.family: known.family_switch(own.name), **_described(page, own)}
        yield from _check(page, own)
    except Exception as error:  # the last boundary before a visitor
        lost = {page.card: "", page.rest: gr.Column(visible=False), page.held: "", page.rate: None}
        yield {page.status: failure(error), **({} if own or isinstance(error, NotAllowed) else lost)}
    opener, stop = buttons(False)
    yield {page.open: opener, page.stop: stop}


def _opening(where: str, lora: str, precision: str, owner: str) -> Callable:
    def job(progress, tell: Callable[[Own], None]) -> None:
        own = SHELF.open(where, lora, precision, owner=owner)
        if progress.cancel.is_set():  # nobody waits for it any more, and nobody would ever give it up
            SHELF.forget(own.name)
        else:
            tell(own)

    return job


def opened_again(page: OwnModel, name: str) -> Iterator[dict]:
    """Open the visit's model under its name once more, after it was let go."""
    opener, stop = buttons(True)
    yield {page.status: words.opening(0), page.open: opener, page.stop: stop}
    try:
        if not name:
            raise ValueError(NONE_OPEN)
        for update in worker.follow(lambda progress, tell: tell(SHELF.open_again(name))):
            yield {page.status: words.opening(update.seconds)}
        message = status(AGAIN)
    except Exception as error:  # the last boundary before a visitor
        message = failure(error)
    opener, stop = buttons(False)
    yield {page.status: message, page.open: opener, page.stop: stop}


def _described(page: OwnModel, own: Own) -> dict:
    """What is shown as soon as a model is open; what was said of another one is gone."""
    blank = {page.health: "", page.sample: "", page.chart: waiting("being measured")}
    return {page.card: words.card(own), page.rest: gr.Column(visible=True), **blank, **known.emptied(page.known, own)}


def checked_again(page: OwnModel, name: str, looked: Looked | None) -> Iterator[dict]:
    """The health check on pictures of one's own that the model never saw, which it must know how to denoise."""
    opener, stop = buttons(True)
    yield {page.status: status("Reading the pictures."), page.open: opener, page.stop: stop}
    try:
        if not name or looked is None:
            raise ValueError(NONE_OPEN)
        yield from _check(page, SHELF.own(name), looked)
    except Exception as error:  # the last boundary before a visitor
        yield {page.status: failure(error)}
    opener, stop = buttons(False)
    yield {page.open: opener, page.stop: stop}


def _check(page: OwnModel, own: Own, looked: Looked | None = None) -> Iterator[dict]:
    """The health check, level by level, on made-up pictures or on those that were looked at."""
    steps, done, start = engine.opened(own.name).schedule.steps, None, time.perf_counter()

    def job(progress, tell: Callable[[Health], None]) -> None:
        from mia_viz.health import check_health

        pictures, captions = (None, None) if looked is None else never_seen(looked, own.name)
        tell(check_health(engine.opened(own.name), pictures, captions, progress=progress, tell=tell))

    for update in worker.follow(job):
        values = {page.status: progress_bar(update.share, update.seconds)}
        if update.found is not None:
            done = update.found
            values |= {
                page.chart: words.health_chart(done, steps),
                page.health: words.health_words(done, False, looked is None),
            }
            if done.sample is None:  # the sample is drawn one question at a time, which says little of batches
                values |= {page.rate: update.asked / max(update.seconds, 1e-9) or None}
        yield values
    if done is not None:
        did = "Opened and checked" if looked is None else "Checked"
        message = status(f"{did} in {time.perf_counter() - start:.0f} s on the {_where(own)}.")
        yield {
            page.status: message,
            page.health: words.health_words(done, True, looked is None),
            page.sample: words.sample(done),
        }


def _where(own: Own) -> str:
    return engine.device_words(own.name)
