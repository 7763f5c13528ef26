"""Assemble the walk: five steps, one case, one analysis at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

import gradio as gr

from mia_viz import engine
from mia_viz.case import Case, load_case
from mia_viz.pictures.picture import Picture, PictureError
from mia_viz.targets import bundled
from mia_viz.targets.bundled import ASSETS
from mia_viz.ui import choose, frequency, methods, noise, restore, verdict, worker
from mia_viz.ui.choose import Picked
from mia_viz.ui.parts import error_panel, progress_bar, status

HEAD = """<div class="mv-head"><h1>Was this model trained on this picture?</h1>
<p>MIA-Viz asks an image-generating model about one picture and shows how it behaves. It does not search a database:
it tests this model on this picture.</p></div>"""
HOLD = "() => { document.querySelector('#analyse').disabled = true; }"
RELEASE = """() => {
  if (document.querySelector('#cancel').disabled) { document.querySelector('#analyse').disabled = false; }
}"""
STEPS = ("Choose", "Restore", "Frequency", "Noise", "Verdict")


@dataclass(frozen=True)
class Walk:
    """All steps and the state they share."""

    case: gr.State
    picked: gr.State
    uploaded: gr.State
    subject: gr.HTML
    choose: choose.Choose
    restore: restore.Restore
    frequency: frequency.Frequency
    noise: noise.Noise
    verdict: verdict.VerdictStep

    @property
    def evidence(self) -> list[gr.components.Component]:
        """Everything that changes with the case."""
        parts = (self.restore, self.frequency, self.noise, self.verdict)
        return [self.subject, self.choose.hero, *(c for part in parts for c in part.outputs)]


def opening_case() -> Case:
    """The bundled case the app opens on."""
    return load_case(ASSETS / "cases" / "opening.npz")


def evidence_values(case: Case) -> list:
    """Values for `Walk.evidence`."""
    return [
        subject(case),
        choose.hero(case),
        *restore.render(case),
        *frequency.render(case),
        *noise.render(case),
        *verdict.render(case),
    ]


def subject(case: Case) -> str:
    """What all the evidence on the page is about: which picture, asked of which model, and when."""
    title = bundled.manifest(case.target)["title"]
    when = "computed just now" if case.live else "computed beforehand for this example"
    what = f"<b>{escape(case.name)}</b>, asked of <b>{escape(title)}</b>, {when}"
    return f'<p class="mv-subject">Evidence shown: {what}.</p>'


def done_line(case: Case) -> str:
    """Times per stage and what it ran on, in words."""
    stages = ", ".join(f"{f.title.split(' (')[0].lower()} {f.seconds:.1f} s" for f in case.findings)
    total = sum(f.seconds for f in case.findings)
    where = engine.device_words(case.target)
    line = f"Done in {total:.1f} s on the {where} ({escape(stages)}). Walk on with the steps above."
    return status(line)


def build_app() -> gr.Blocks:
    """The whole app. Launch it with `mia_viz.ui.launch`."""
    start = opening_case()
    index = int(start.name.split()[-1])
    first = choose.pick_bundled(start.target.split("-")[0], index)
    with gr.Blocks(title="MIA-Viz", analytics_enabled=False, delete_cache=(60, 900)) as app:
        gr.HTML(HEAD)
        case, picked = gr.State(start, time_to_live=3600), gr.State(first, time_to_live=3600)
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
        walk = Walk(case, picked, uploaded, shown, *parts)
        _wire(walk)
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


def _wire(walk: Walk) -> None:
    restore.wire(walk.restore, walk.case)
    noise.wire(walk.noise, walk.case)
    verdict.wire(walk.verdict, walk.case, walk.choose.guess)
    _wire_choice(walk)
    _wire_analysis(walk)


def _drawn(walk: Walk) -> list[tuple[list[gr.Plot], Callable[[Case], list]]]:
    """The plots of every step that has some, and what draws them."""
    return [
        (walk.frequency.plots, frequency.draw),
        (walk.noise.plots, noise.draw),
        (walk.verdict.plots, verdict.draw),
    ]


def _wire_plots(walk: Walk, tabs: list[gr.Tab]) -> None:
    """Draw a step's plots when it is opened.

    Plots that a streaming event updates on a tab that was never opened stay blank (gradio 6.31), so they are not part
    of the stream; the step in view is redrawn when an analysis ends.
    """
    for tab, (plots, draw) in zip(tabs[2:], _drawn(walk), strict=True):
        tab.select(draw, walk.case, plots, show_progress="hidden", api_visibility="private")


def _wire_choice(walk: Walk) -> None:
    step = walk.choose

    def from_gallery(target: str, event: gr.SelectData) -> tuple:
        population = target.split("-")[0]
        chosen = choose.pick_bundled(population, choose.gallery_indices(population)[event.index])
        return chosen, choose.chosen_tile(chosen), None, ""

    def from_upload(file: str | None, how: str, target: str) -> tuple:
        """The field is emptied again: the picture lives in the visit, and the next file can follow at once."""
        if file is None:
            return None, None, *[gr.skip()] * 4
        try:
            picture = choose.read_upload(file)
        except PictureError as error:
            return None, None, *[gr.skip()] * 3, error_panel(error)
        return None, picture, *prepared(picture, how, target)

    def prepared(picture: Picture | None, how: str, target: str) -> tuple:
        if picture is None:
            return tuple([gr.skip()] * 4)
        try:
            chosen = choose.pick_upload(picture, how, target)
        except PictureError as error:
            return gr.skip(), gr.skip(), gr.skip(), error_panel(error)
        return chosen, choose.chosen_tile(chosen), None, ""

    def switch_target(target: str, current: Picked) -> tuple:
        """Another half or age keeps the picture; another family brings its own pictures."""
        family = target.split("-")[0]
        if current.family == family:
            return choose.card(target), gr.skip(), *[gr.skip()] * 4
        first = choose.pick_bundled(family, choose.gallery_indices(family)[0])
        gallery = gr.Gallery(choose.gallery_value(family), selected_index=None)
        return choose.card(target), gallery, first, choose.chosen_tile(first), None, ""

    outputs = [walk.picked, step.chosen, step.guess, step.status]
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    given = [step.upload, step.how, step.target]
    switched = [step.card, step.gallery, *outputs]
    choices = (
        (step.gallery.select, from_gallery, step.target, outputs),
        (step.upload.upload, from_upload, given, [step.upload, walk.uploaded, *outputs]),
        (step.how.input, prepared, [walk.uploaded, step.how, step.target], outputs),
        (step.target.input, switch_target, [step.target, walk.picked], switched),
    )
    for listen, handler, inputs, results in choices:
        # Analyse rests until the choice has arrived, else a quick hand would analyse the picture before.
        listen(None, None, None, js=HOLD, api_visibility="private")
        listen(handler, inputs, results, **quiet).then(None, None, None, js=RELEASE, api_visibility="private")


def _wire_analysis(walk: Walk) -> None:
    step = walk.choose
    outputs = [
        walk.case,
        step.status,
        walk.verdict.status,
        step.analyse,
        step.cancel,
        walk.verdict.twin,
        *walk.evidence,
    ]
    outputs = list(dict.fromkeys(outputs))

    def analyse(picked: Picked, target: str) -> Iterator[dict]:
        yield from _run(walk, picked, target)

    def ask_twin(picked: Picked, target: str) -> Iterator[dict]:
        other = bundled.twin_of(target)
        if other is not None:
            yield {step.target: other, step.card: choose.card(other)}
            yield from _run(walk, picked, other)

    settings = {
        "concurrency_limit": 1,
        "concurrency_id": "model",
        "show_progress": "hidden",
        "api_visibility": "private",
    }
    first = step.analyse.click(analyse, [walk.picked, step.target], outputs, **settings)
    second = walk.verdict.twin.click(
        ask_twin, [walk.picked, step.target], [*outputs, step.target, step.card], **settings
    )
    plots = [plot for some, _ in _drawn(walk) for plot in some]
    for event in (first, second):
        event.then(
            lambda case: [figure for _, draw in _drawn(walk) for figure in draw(case)],
            walk.case,
            plots,
            show_progress="hidden",
            api_visibility="private",
        )
    step.cancel.click(None, None, None, cancels=[first, second], queue=False, api_visibility="private").then(
        _stopped, None, [step.status, walk.verdict.status, step.analyse, step.cancel], api_visibility="private"
    )


def _stopped() -> tuple:
    """Say so after the last update that was still on its way, which would overwrite it."""
    time.sleep(2 * worker.POLL_SECONDS)
    message = status("Stopped. What was finished is kept.")
    return message, message, *_buttons(False)


def _buttons(running: bool) -> tuple[gr.Button, gr.Button]:
    """Analyse and Cancel: one can be pressed at a time."""
    return gr.Button(interactive=not running), gr.Button(interactive=running)


def _run(walk: Walk, picked: Picked, target: str) -> Iterator[dict]:
    """Follow one examination and hand every new piece of evidence to the page."""
    step = walk.choose
    analyse, cancel = _buttons(True)
    yield {step.status: progress_bar(0.0, 0.0), step.analyse: analyse, step.cancel: cancel}
    truth = choose.truth(picked.group, target)

    def job(progress, tell) -> None:
        engine.examine_bundled(target, picked.prepared, picked.name, truth, progress, tell)

    case = None
    try:
        for update in worker.follow(job):
            bar = progress_bar(update.share, update.seconds)
            values = {step.status: bar, walk.verdict.status: bar}
            if update.found is not None:
                case = update.found
                values[walk.case] = case
                values.update(zip(walk.evidence, evidence_values(case), strict=True))
            yield values
        message = done_line(case)
    except ValueError as error:
        message = error_panel(error)
    except Exception:  # the last boundary before a visitor: the log gets the trace, the page a sentence
        logging.getLogger(__name__).exception("an examination failed")
        message = error_panel(ValueError("The model failed on this picture; try another picture or model."))
    analyse, cancel = _buttons(False)
    yield {step.status: message, walk.verdict.status: message, step.analyse: analyse, step.cancel: cancel}
