"""Beside the walk: a model of one's own, opened and checked, with pictures of one's own, and taken into the walk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from mia_viz.figures.palette import waiting
from mia_viz.own_models import NONE_OPEN
from mia_viz.own_reference import Looked
from mia_viz.pictures.volume import Volume
from mia_viz.ui import own_model_opening as opening
from mia_viz.ui import own_model_reference as known
from mia_viz.ui import pick, scan
from mia_viz.ui.asking import buttons, stopped
from mia_viz.ui.events import MODEL, QUIET
from mia_viz.ui.lab import static
from mia_viz.ui.parts import failure, status

if TYPE_CHECKING:
    from mia_viz.case import Case
    from mia_viz.ui.pick import Picked
    from mia_viz.ui.walk import Screen, Walk

NARROW = {"scale": 0, "min_width": 160}
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
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

    again: pressed from wherever a sentence says that the model was let go. rest: everything that needs an open model.
    """

    held: gr.State
    rate: gr.State
    where: gr.Textbox
    lora: gr.Textbox
    precision: gr.Radio
    open: gr.Button
    stop: gr.Button
    again: gr.Button
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
    held, rate = gr.State(""), gr.State(None)
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
        again = gr.Button("Open it again", visible="hidden", elem_id="own-again")
    gr.HTML(
        '<p class="mv-note">Weights are read from safetensors, or from a published .pt file without running anything '
        "in it. Nothing leaves this machine, and only a hub's id asks the network. Your model is open for this visit "
        "alone: nobody else who uses this app can see or ask it, and a minute after the page is closed it is gone. "
        "Opening another one takes its place.</p>",
        js_on_load=static("again.js"),
        apply_default_css=False,
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
    first = (held, rate, where, lora, precision, opener, stop, again, status_view, card)
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

    def opened(where: str, lora: str, precision: str, request: gr.Request) -> Iterator[dict]:
        yield from opening.opened(page, walk, where, lora, precision, request.session_hash or "")

    def opened_again(name: str) -> Iterator[dict]:
        yield from opening.opened_again(page, name)

    given = [page.where, page.lora, page.precision]
    running = [listen(opened, given, outputs, **MODEL) for listen in (page.open.click, page.where.submit)]
    running.append(page.again.click(opened_again, page.held, [page.status, page.open, page.stop], **MODEL))

    def checked(name: str, looked: Looked | None) -> Iterator[dict]:
        yield from opening.checked_again(page, name, looked)

    measured = [page.rate, page.status, page.open, page.stop, page.health, page.chart, page.sample]
    running.append(page.known.check.click(checked, [page.held, page.known.looked], measured, js=SEE_CHART, **MODEL))
    page.stop.click(None, None, None, cancels=running, queue=False, api_visibility="private").then(
        lambda: (stopped(STOPPED), *buttons(False)), None, [page.status, page.open, page.stop], api_visibility="private"
    )
    known.wire(page.known, page.held, page.rate, walk.choose.family)
    _wire_asking(page, walk, switched, turned)


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
