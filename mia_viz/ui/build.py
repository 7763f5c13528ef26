"""Assemble the walk: five steps, one case, one analysis at a time."""

from __future__ import annotations

import gradio as gr

from mia_viz.pictures.picture import Picture, PictureError
from mia_viz.targets import bundled
from mia_viz.ui import asking, choose, frequency, methods, noise, pick, restore, verdict
from mia_viz.ui.own import SEND
from mia_viz.ui.parts import error_panel, status
from mia_viz.ui.pick import Picked
from mia_viz.ui.walk import Walk, evidence_values, subject

OPENING_FAMILY = "brain"
HEAD = """<div class="mv-head"><h1>Was this model trained on this picture?</h1>
<p>MIA-Viz asks an image-generating model about one picture and shows how it behaves. It does not search a database:
it tests this model on this picture.</p></div>"""
HOLD = "() => { document.querySelector('#analyse').disabled = true; }"
RELEASE = """() => {
  if (document.querySelector('#cancel').disabled) { document.querySelector('#analyse').disabled = false; }
}"""
STEPS = ("Choose", "Restore", "Frequency", "Noise", "Verdict")


def build_app() -> gr.Blocks:
    """The whole app. Launch it with `mia_viz.ui.launch`."""
    start, first = pick.opening_case(OPENING_FAMILY)
    with gr.Blocks(title="MIA-Viz", analytics_enabled=False, delete_cache=(60, 900)) as app:
        gr.HTML(HEAD)
        case, picked, asked = (gr.State(value, time_to_live=3600) for value in (start, first, first))
        uploaded = gr.State(None, time_to_live=900)
        shown = gr.HTML(subject(start), elem_id="subject")
        with gr.Tabs(selected=1, overflow_behavior="wrap", elem_id="steps") as tabs:
            parts, steps = [], []
            builders = (
                lambda: choose.build(start, first),
                *((lambda module=module: module.build(start)) for module in (restore, frequency, noise, verdict)),
            )
            for number, (label, builder) in enumerate(zip(STEPS, builders, strict=True), start=1):
                with gr.Tab(f"{number} {label}", id=number) as step:
                    steps.append(step)
                    parts.append(builder())
                    _next_button(tabs, number)
            with gr.Tab("All methods", id=len(STEPS) + 1) as tab:
                page = methods.build()
        walk = Walk(case, picked, asked, uploaded, shown, *parts)
        restore.wire(walk.restore, case)
        noise.wire(walk.noise, case)
        verdict.wire(walk.verdict, case, walk.choose.guess)
        _wire_choice(walk)
        asking.wire(walk)
        _wire_plots(walk, steps)
        methods.wire(page, tab, picked, walk.choose.target)
    return app


def _next_button(tabs: gr.Tabs, number: int) -> None:
    """A button at the foot of a step that leads on, or back to the start from the last."""
    following = number % len(STEPS) + 1
    label = f"Next: {STEPS[following - 1].lower()}" if following > 1 else "Back to the start"
    button = gr.Button(label, elem_id=f"next-{number}")
    top = "() => window.scrollTo({top: 0})"
    move = {"show_progress": "hidden", "api_visibility": "private", "js": top}
    button.click(lambda: gr.Tabs(selected=following), None, tabs, **move)


def _wire_plots(walk: Walk, tabs: list[gr.Tab]) -> None:
    """Draw a step's plots when it is opened.

    Plots that a streaming event updates on a tab that was never opened stay blank (gradio 6.31), so they are not part
    of the stream; the step in view is redrawn when an analysis ends.
    """
    for tab, (plots, draw) in zip(tabs[2:], walk.drawn, strict=True):
        # Gradio takes what a handler with one output returns as that output, a list of one included.
        drawing = draw if len(plots) > 1 else lambda case, draw=draw: draw(case)[0]
        tab.select(drawing, walk.case, plots, show_progress="hidden", api_visibility="private")


def _wire_choice(walk: Walk) -> None:
    """Every way to choose a picture or a model; pictures of one's own come prepared for the model's family."""
    step = walk.choose
    chosen = [walk.picked, step.chosen, step.guess, step.status]
    given = [step.upload, step.how, step.target]
    switched = [*step.of_family, *chosen, walk.asked, walk.case, *walk.evidence]
    choices = (
        (step.gallery.select, _from_gallery, step.target, chosen, None),
        (step.upload.upload, _from_upload, given, [step.upload, walk.uploaded, *chosen], None),
        (step.how.input, _from_picture, [walk.uploaded, step.how, step.target], chosen, None),
        (step.drawing.use.click, _from_drawing, [step.drawing.pad, step.target], [*chosen, step.drawing.status], SEND),
        (step.target.input, choose.card, step.target, step.card, None),
        (step.family.input, _of_family, step.family, switched, None),
    )
    for listen, handler, inputs, results, script in choices:
        # Analyse rests until the choice has arrived, else a quick hand would analyse the picture before.
        listen(None, None, None, js=HOLD, api_visibility="private")
        listen(handler, inputs, results, js=script, show_progress="hidden", api_visibility="private").then(
            None, None, None, js=RELEASE, api_visibility="private"
        )


def _chosen(picked: Picked) -> tuple:
    """What a new choice shows: the picture, no guess and no message."""
    return picked, choose.chosen_tile(picked), None, ""


def _refused(error: PictureError) -> tuple:
    """What was chosen before stays; a sentence says why."""
    return *[gr.skip()] * 3, error_panel(error)


def _from_gallery(target: str, event: gr.SelectData) -> tuple:
    family = bundled.family_of(target)
    return _chosen(pick.pick_bundled(family, pick.gallery_indices(family)[event.index]))


def _from_upload(file: str | None, how: str, target: str) -> tuple:
    """The field is emptied again: the picture lives in the visit, and the next file can follow at once."""
    if file is None:
        return None, None, *[gr.skip()] * 4
    try:
        picture = pick.read_upload(file)
    except PictureError as error:
        return None, None, *_refused(error)
    return None, picture, *_from_picture(picture, how, target)


def _from_picture(picture: Picture | None, how: str, target: str) -> tuple:
    if picture is None:
        return tuple([gr.skip()] * 4)
    try:
        return _chosen(pick.pick_upload(picture, how, target))
    except PictureError as error:
        return _refused(error)


def _from_drawing(uri: str | None, target: str) -> tuple:
    try:
        return *_chosen(pick.pick_drawing(uri, target)), status("Taken. Now press Analyse.")
    except PictureError as error:
        return *[gr.skip()] * 4, error_panel(error)


def _of_family(family: str) -> tuple:
    """Another family brings its own pictures, models and case; nothing of the one before stays on the page."""
    case, picked = pick.opening_case(family)
    return *choose.of_family(case.target), *_chosen(picked), picked, case, *evidence_values(case)
