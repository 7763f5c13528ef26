"""Beside the walk: a model of one's own, opened and checked, with pictures of one's own, and taken into the walk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from mia_viz import engine
from mia_viz.allowed import NotAllowed
from mia_viz.figures.palette import waiting
from mia_viz.own_models import NONE_OPEN, SHELF
from mia_viz.own_reference import Looked, never_seen
from mia_viz.pictures.volume import Volume
from mia_viz.ui import own_model_reference as known
from mia_viz.ui import own_model_words as words
from mia_viz.ui import pick, scan, worker
from mia_viz.ui.asking import MODEL, buttons, stopped
from mia_viz.ui.parts import failure, progress_bar, status

if TYPE_CHECKING:
    from mia_viz.case import Case
    from mia_viz.health import Health
    from mia_viz.own_models import Own
    from mia_viz.ui.pick import Picked
    from mia_viz.ui.walk import Screen, Walk

NARROW = {"scale": 0, "min_width": 160}
QUIET = {"show_progress": "hidden", "api_visibility": "private"}
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
TTL = 3600
SEE_CHART = """(...given) => {
  document.querySelector('#own-chart').scrollIntoView({block: 'center'});
  return given;
}"""
STOPPED = "Stopped. What was found is kept; press Open to begin again."


@dataclass(frozen=True)
class Asking:
    """The part that takes a picture of one's own into the walk."""

    upload: gr.File
    how: gr.Radio
    go: gr.Button
    status: gr.HTML


@dataclass(frozen=True)
class OwnModel:
    """Components of the page. held: the name of this visit's model, "" for none. rate: questions a second, or None.

    rest: everything that needs an open model.
    """

    held: gr.State
    rate: gr.State
    where: gr.Textbox
    lora: gr.Textbox
    precision: gr.Radio
    open: gr.Button
    stop: gr.Button
    status: gr.HTML
    card: gr.HTML
    rest: gr.Column
    health: gr.HTML
    chart: gr.Plot
    sample: gr.HTML
    known: known.Known
    asking: Asking


def build() -> OwnModel:
    """Lay out the page."""
    held, rate = gr.State("", time_to_live=TTL), gr.State(None, time_to_live=TTL)
    gr.HTML(
        '<p class="mv-lead">Ask a model of your own. Say where it lies on this machine; it is opened, described and '
        "checked here, and then it can be walked through like the models that come with MIA-Viz.</p>"
        "<h2>1. Which model?</h2>"
    )
    where = gr.Textbox(
        "",
        label="A folder, a file, or a hub's id",
        placeholder="my-models/brains, model.safetensors, checkpoint.pt or owner/name",
        elem_id="own-where",
    )
    with gr.Accordion("LoRA weights and precision", open=False, elem_id="own-more"):
        lora = gr.Textbox(
            "", label="LoRA weights on top of a text-to-image model (.safetensors), if any", elem_id="own-lora"
        )
        precision = gr.Radio(list(PRECISIONS), value="auto", label="Precision of the network", elem_id="own-precision")
    with gr.Row():
        opener = gr.Button("Open", variant="primary", **NARROW, elem_id="own-open")
        stop = gr.Button("Cancel", **NARROW, elem_id="own-stop", interactive=False)
    gr.HTML(
        '<p class="mv-note">Weights are read from safetensors, or from a published .pt file without running anything '
        "in it. One model is open at a time; nothing leaves this machine, and only a hub's id asks the network.</p>"
    )
    status_view = gr.HTML(status(), elem_id="own-status")
    card = gr.HTML("", elem_id="own-card")
    with gr.Column(visible=False, elem_id="own-rest") as rest:
        gr.HTML("<h2>2. Does it work?</h2>")
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=300):
                chart = gr.Plot(waiting("nothing measured yet"), show_label=False, elem_id="own-chart")
            with gr.Column(scale=2, min_width=220):
                sample = gr.HTML("", elem_id="own-sample")
        health = gr.HTML("", elem_id="own-health")
        part = known.build()
        asking = _build_asking()
    first = (held, rate, where, lora, precision, opener, stop, status_view, card)
    return OwnModel(*first, rest, health, chart, sample, part, asking)


def _build_asking() -> Asking:
    gr.HTML(
        "<h2>5. Ask about a picture</h2><p>Give a picture, and it is taken to step 1 with your model; press Analyse "
        "there, and every step shows what your model did.</p>"
    )
    how = gr.Radio(known.HOW, value="exact", label="If it does not have the model's size", elem_id="own-ask-how")
    upload = gr.File(
        label="The picture in question; it stays on this machine", file_count="single", height=120, elem_id="own-ask"
    )
    go = gr.Button("Go to step 1 with this model", **NARROW, elem_id="own-go")
    return Asking(upload, how, go, gr.HTML(status(), elem_id="own-ask-status"))


def wire(
    page: OwnModel,
    walk: Walk,
    switched: Sequence[gr.blocks.Block],
    turned: Callable[[Case, Picked], tuple],
) -> None:
    """Open and check; name pictures; build a reference; take the model into the walk.

    switched: what changes with the family of pictures. turned: values for it.
    """
    outputs = [page.held, page.rate, page.status, page.open, page.stop, page.card, page.rest, page.health, page.chart]
    outputs += [page.sample, walk.choose.family, *page.known.outputs]

    def opened(where: str, lora: str, precision: str) -> Iterator[dict]:
        yield from _open(page, walk, where, lora, precision)

    given = [page.where, page.lora, page.precision]
    running = [listen(opened, given, outputs, **MODEL) for listen in (page.open.click, page.where.submit)]

    def checked(name: str, looked: Looked | None) -> Iterator[dict]:
        yield from _check_again(page, name, looked)

    measured = [page.rate, page.status, page.open, page.stop, page.health, page.chart, page.sample]
    running.append(page.known.check.click(checked, [page.held, page.known.looked], measured, js=SEE_CHART, **MODEL))
    page.stop.click(None, None, None, cancels=running, queue=False, api_visibility="private").then(
        lambda: (stopped(STOPPED), *buttons(False)), None, [page.status, page.open, page.stop], api_visibility="private"
    )
    known.wire(page.known, page.held, page.rate, walk.choose.family)
    _wire_asking(page, walk, switched, turned)


def _open(page: OwnModel, walk: Walk, where: str, lora: str, precision: str) -> Iterator[dict]:
    """Open a model and check it; every piece of news goes to the page as it comes.

    A wrong name costs nothing: the model that was open before stays. One that turns out to be no model costs it.
    """
    opener, stop = buttons(True)
    yield {page.status: words.opening(0), page.open: opener, page.stop: stop}
    own = None
    try:
        for update in worker.follow(lambda progress, tell: tell(SHELF.open(where, lora, precision))):
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


def _described(page: OwnModel, own: Own) -> dict:
    """What is shown as soon as a model is open; what was said of another one is gone."""
    blank = {page.health: "", page.sample: "", page.chart: waiting("being measured")}
    return {page.card: words.card(own), page.rest: gr.Column(visible=True), **blank, **known.emptied(page.known, own)}


def _check_again(page: OwnModel, name: str, looked: Looked | None) -> Iterator[dict]:
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


def _wire_asking(
    page: OwnModel, walk: Walk, switched: Sequence[gr.blocks.Block], turned: Callable[[Case, Picked], tuple]
) -> None:
    part = page.asking

    def go(name: str, file: str | None, how: str, screen: Screen) -> dict:
        """Turn the walk to this visit's model, with the picture given or a made-up one.

        Of a scan the walk's first step opens the viewer, so that another slice and window can be chosen there.
        """
        emptied, volume = {part.upload: None}, None
        try:
            if not name:
                raise ValueError(NONE_OPEN)
            if file is None:
                (case, picked), picture = pick.opening_case(name), None
            else:
                picture = pick.read_upload(file)
                if isinstance(picture, Volume):
                    volume, picture = picture, picture.picture()
                picked = pick.pick_upload(picture, how, name)
                case = pick.blank_case(picked, name)
        except Exception as error:  # the last boundary before a visitor
            return {**emptied, part.status: failure(error)}
        if name != screen.family:
            screen.turn_to(name)
        family, tabs = known.family_switch(name, value=name), gr.Tabs(selected=1)
        moved = {walk.choose.family: family, walk.steps.tabs: tabs, walk.uploaded: picture, part.status: status()}
        moved |= zip(walk.choose.scan.outputs, scan.values(volume, how, name), strict=True)
        if volume is not None:
            moved |= {walk.choose.corner: gr.Accordion(open=True), walk.choose.how: how}
        return {**emptied, **moved, **dict(zip(switched, turned(case, picked), strict=True))}

    given = [page.held, part.upload, part.how, walk.screen]
    results = [part.upload, part.status, walk.choose.family, walk.steps.tabs, walk.uploaded, *switched]
    results += [walk.choose.corner, walk.choose.how, *walk.choose.scan.outputs]
    top = {"js": "(...given) => { window.scrollTo({top: 0}); return given; }", **QUIET}
    part.upload.upload(go, given, results, **QUIET)
    part.go.click(lambda name, how, screen: go(name, None, how, screen), [given[0], *given[2:]], results, **top)
