"""Assemble the walk: its steps, one case, one analysis at a time."""

from __future__ import annotations

import gradio as gr

from mia_viz import subjects
from mia_viz.case import Case
from mia_viz.pictures.picture import Picture, PictureError, View
from mia_viz.pictures.volume import Volume
from mia_viz.ui import (
    api,
    asking,
    caption,
    choose,
    coming_back,
    compare,
    drawing,
    frequency,
    glossary,
    language,
    lesson,
    links,
    many,
    methods,
    noise,
    noise_matrix,
    own_model,
    pick,
    quiz,
    restore,
    scan,
    sign_out,
    steps,
    structure,
    through,
    verdict,
)
from mia_viz.ui.events import EACH, IN_ORDER
from mia_viz.ui.lab import static
from mia_viz.ui.own import SEND
from mia_viz.ui.parts import error_panel, status
from mia_viz.ui.pick import Picked
from mia_viz.ui.steps import STEPS, Steps
from mia_viz.ui.walk import Screen, Walk, evidence_values, subject

OPENING_FAMILY = "brain"
HEAD = """<div class="mv-head"><h1>Was this model trained on this picture?</h1>
<p>MIA-Viz asks an image-generating model about one picture and shows how it behaves. It does not search a database:
it tests this model on this picture.</p></div>"""
HOLD = "() => { window.mvHeld = (window.mvHeld || 0) + 1; document.querySelector('#analyse').disabled = true; }"
CHOSEN = 7
"""Components that a new choice changes."""
RELEASE = """() => {
  window.mvHeld -= 1;
  if (!window.mvHeld && document.querySelector('#cancel').disabled) document.querySelector('#analyse').disabled = false;
}"""


def build_app(served: bool = False) -> gr.Blocks:
    """The whole app. Launch it with `mia_viz.ui.launch`. served: whether visitors sign in, and so want to sign out."""
    start, first = pick.opening_case(OPENING_FAMILY)
    with gr.Blocks(title="MIA-Viz", analytics_enabled=False, delete_cache=(60, 900)) as app:
        language.build()
        if served:
            sign_out.build()
        # Gradio confines style sheets of the app to its own element; paper needs rules for the whole page.
        scripts = "\n".join((static("print.js"), coming_back.script()))
        head = gr.HTML(f"{HEAD}<style>{static('print.css')}</style>", js_on_load=scripts, elem_id="head")
        with gr.Row(elem_id="learn"):
            tour, _, link = lesson.build(), glossary.build(), links.build()
        # What is kept in a visit is forgotten by `mia_viz.ui.housekeeping`, together, and not by gradio one by one.
        case, picked, asked, screen = (gr.State(value) for value in (start, first, first, Screen(OPENING_FAMILY)))
        uploaded = gr.State(None)
        shown = gr.HTML(subject(start), elem_id="subject")
        with gr.Tabs(selected=1, overflow_behavior="wrap", elem_id="steps") as tabs:
            parts, each, onward = [], [], []
            builders = (
                lambda: choose.build(start, first),
                *(lambda m=m: m.build(start) for m in (restore, frequency, noise, structure, verdict)),
            )
            for number, (name, builder) in enumerate(zip(STEPS, builders, strict=True), start=1):
                shown_here = name in steps.of_family(OPENING_FAMILY)
                named = {"id": number, "elem_id": f"tab-{name.lower()}"}
                with gr.Tab(steps.label(name, OPENING_FAMILY), visible=shown_here, **named) as step:
                    each.append(step)
                    parts.append(builder())
                    onward.append(steps.next_button(name, OPENING_FAMILY))
            with gr.Tab("Compare", id="compare", elem_id="tab-compare") as beside_tab:
                beside = compare.build()
            with gr.Tab("All methods", id=len(STEPS) + 1, elem_id="tab-methods") as tab:
                page = methods.build()
            with gr.Tab("Many pictures", id=len(STEPS) + 2, elem_id="tab-many") as sets_tab:
                sets = many.build()
                table = through.build()
            with gr.Tab("Quiz", id="quiz", elem_id="tab-quiz"):
                ten = quiz.build()
            with gr.Tab("Your model", id="own", elem_id="tab-own"):
                own = own_model.build()
        walk = Walk(case, picked, asked, uploaded, screen, shown, Steps(tabs, each, onward), *parts)
        steps.wire(walk.steps, walk.choose.family)
        caption.wire(walk.choose.caption, picked)
        restore.wire(walk.restore, case)
        frequency.wire(walk.frequency, case)
        noise.wire(walk.noise, case, asked)
        structure.wire(walk.structure, case)
        _wire_choice(walk)
        api.build()
        scan.wire(walk.choose.scan, walk.choose.how, walk.choose.target)
        verdict.wire(walk.verdict, case, uploaded, walk.choose.guess, each[-1], asking.wire(walk))
        _wire_plots(walk, each)
        compare.wire(beside, beside_tab, walk, own.held)
        methods.wire(page, tab, picked, walk.choose.target, walk.choose.caption.text)
        many.wire(sets, sets_tab, walk.choose.target)
        through.wire(table, walk.choose.target, [walk.uploaded, *_of_choice(walk)], tabs, _chosen)
        quiz.wire(ten)
        own_model.wire(own, walk, _switched(walk), _turned)
        links.wire(link, walk, tour, ten, beside)
        coming_back.wire(head, walk, (beside, page, sets, table), own.held, _switched(walk), _turned)
    return app


def _wire_plots(walk: Walk, tabs: list[gr.Tab]) -> None:
    """Draw a step's plots when it is opened.

    Plots that a streaming event updates on a tab that was never opened stay blank (gradio 6.31), so they are not part
    of the stream; the step in view is redrawn when an analysis ends.
    """
    for tab, one in zip(tabs[2:-1], walk.drawings, strict=True):
        drawing.wire(tab.select, walk.case, [one])


def _wire_choice(walk: Walk) -> None:
    """Every way to choose a picture or a model; pictures of one's own come prepared for the model's family."""
    step = walk.choose
    chosen, decoding = _of_choice(walk), (_from_upload, _from_scan, _from_picture, _from_drawing)
    given = [step.upload, step.how, step.target]
    choices = (
        (step.gallery.select, _from_gallery, step.target, chosen, None),
        (step.upload.upload, _from_upload, given, [step.upload, walk.uploaded, *chosen, *step.scan.outputs], None),
        (step.scan.use.click, _from_scan, [*step.scan.looked_at, *given[1:]], [walk.uploaded, *chosen], None),
        (step.how.input, _from_picture, [walk.uploaded, step.how, step.target], chosen, None),
        (step.drawing.use.click, _from_drawing, [step.drawing.pad, step.target], [*chosen, step.drawing.status], SEND),
        (step.target.input, choose.card, step.target, step.card, None),
        (step.family.input, _of_family, [step.family, walk.screen], _switched(walk), None),
    )
    for listen, handler, inputs, results, script in choices:
        # Analyse rests until every choice has arrived, else a quick hand would analyse the picture before. None of a
        # quick hand's choices is dropped, and what is quick to answer is answered in its order.
        listen(None, None, None, js=HOLD, api_visibility="private")
        kind = EACH if handler in decoding else {**IN_ORDER, "concurrency_id": "choice"}
        done = listen(handler, inputs, results, js=script, **kind)
        done.then(None, None, None, js=RELEASE, api_visibility="private")
        done.failure(None, None, None, js=RELEASE, api_visibility="private")


def _of_choice(walk: Walk) -> list[gr.blocks.Block]:
    """What changes with the picture that is chosen."""
    return [walk.picked, *walk.choose.of_picture, walk.choose.guess, walk.choose.status]


def _switched(walk: Walk) -> list[gr.blocks.Block]:
    """What changes with the family of pictures."""
    shown = [*walk.idle, *walk.steps.outputs, *walk.evidence, *walk.noise.beside.of_family]
    return [*walk.choose.of_family, *_of_choice(walk), walk.asked, walk.case, *shown]


def _turned(case: Case, picked: Picked) -> tuple:
    """Values for `_switched`: another family brings its own pictures, models and case."""
    new = (*choose.of_family(case.target), *_chosen(picked), picked, case)
    return *new, *asking.idle(), *steps.values(picked.family), *evidence_values(case), *noise_matrix.BLANK


def _chosen(picked: Picked) -> tuple:
    """What a new choice shows: the picture, no guess and no message."""
    return picked, *choose.of_picture(picked), None, ""


def _refused(error: PictureError) -> tuple:
    """What was chosen before stays; a sentence says why."""
    return *[gr.skip()] * (CHOSEN - 1), error_panel(error)


def _from_gallery(target: str, event: gr.SelectData) -> tuple:
    family = subjects.subject(target).family
    return _chosen(pick.pick_bundled(family, pick.gallery_indices(family)[event.index]))


def _from_upload(file: str | None, how: str, target: str) -> tuple:
    """The field is emptied again: the picture lives in the visit, and the next file can follow at once."""
    if file is None:
        return None, None, *[gr.skip()] * (CHOSEN + len(scan.values(None, how, target)))
    volume = None
    try:
        picture = pick.read_upload(file)
        if isinstance(picture, Volume):
            volume, picture = picture, picture.picture()
    except PictureError as error:
        return None, None, *_refused(error), *scan.values(None, how, target)
    return None, picture, *_from_picture(picture, how, target), *scan.values(volume, how, target)


def _from_scan(volume: Volume | None, view: View, how: str, target: str) -> tuple:
    """The slice in view, under its window."""
    try:
        picture = scan.take(volume, view)
    except PictureError as error:
        return gr.skip(), *_refused(error)
    return picture, *_from_picture(picture, how, target)


def _from_picture(picture: Picture | None, how: str, target: str) -> tuple:
    if picture is None:
        return tuple([gr.skip()] * CHOSEN)
    try:
        return _chosen(pick.pick_upload(picture, how, target))
    except PictureError as error:
        return _refused(error)


def _from_drawing(uri: str | None, target: str) -> tuple:
    try:
        return *_chosen(pick.pick_drawing(uri, target)), status("Taken. Now press Analyse.")
    except PictureError as error:
        return *[gr.skip()] * CHOSEN, error_panel(error)


def _of_family(family: str, screen: Screen) -> tuple:
    """Another family brings its own pictures, models and case; nothing of the one before stays on the page."""
    if family != screen.family:
        screen.turn_to(family)
    return _turned(*pick.opening_case(family))
