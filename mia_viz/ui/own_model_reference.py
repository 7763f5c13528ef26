"""Pictures of known membership for a model of one's own: named, looked at, and made into a reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from mia_viz.own_models import NONE_OPEN, SHELF
from mia_viz.own_reference import Built, Looked, Named, look, questions, use
from mia_viz.own_reference import build as build_reference
from mia_viz.subjects import families
from mia_viz.ui import own_model_words as words
from mia_viz.ui import worker
from mia_viz.ui.asking import buttons, stopped
from mia_viz.ui.events import LATEST, MODEL, QUIET
from mia_viz.ui.parts import failure, status
from mia_viz.ui.report import link

if TYPE_CHECKING:
    from mia_viz.own_models import Own

NARROW = {"scale": 0, "min_width": 200}
HOW = [("exact: as they are", "exact"), ("crop: the middle, resized", "crop"), ("fit: all, resized", "fit")]
KIND = "application/octet-stream"
STOPPED = "Stopped. Methods that were finished are kept; press Build again to go on from there."


@dataclass(frozen=True)
class Known:
    """Components of this part. looked: a `Looked` once the pictures were looked at."""

    looked: gr.State
    members: gr.Textbox
    holdouts: gr.Textbox
    how: gr.Radio
    captions: gr.Textbox
    look: gr.Button
    check: gr.Button
    found: gr.HTML
    methods: gr.CheckboxGroup
    cost: gr.HTML
    file: gr.Textbox
    build: gr.Button
    stop: gr.Button
    status: gr.HTML
    stored: gr.Textbox
    use: gr.Button
    result: gr.HTML

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """What is emptied when another model is opened."""
        return [self.looked, self.captions, self.check, self.found, self.methods, self.cost, self.status, self.result]

    @property
    def named(self) -> list[gr.blocks.Block]:
        """The fields that name pictures."""
        return [self.members, self.holdouts, self.how, self.captions]


def build() -> Known:
    """Lay out the part."""
    looked = gr.State(None)
    gr.HTML(
        "<h2>3. Pictures to compare with</h2><p>A score means something only beside those of pictures whose answer is "
        "known. Name a folder of pictures that your model never saw, of the same kind and source, and, if you have "
        "them, one of pictures that it was trained on. Only their numbers are kept.</p>"
    )
    with gr.Row():
        members = gr.Textbox("", label="Folder of pictures it was trained on (may stay empty)", elem_id="own-members")
        holdouts = gr.Textbox("", label="Folder of pictures it never saw", elem_id="own-holdouts")
    how = gr.Radio(HOW, value="exact", label="If they do not have the model's size", elem_id="own-how")
    captions = gr.Textbox(
        "",
        label="File of their captions or classes (JSON, or lines of name, tab, caption)",
        visible=False,
        elem_id="own-captions",
    )
    with gr.Row():
        look_button = gr.Button("Look at these pictures", **NARROW, elem_id="own-look")
        check = gr.Button("Check the model on them", **NARROW, elem_id="own-check", interactive=False)
    found = gr.HTML(status(), elem_id="own-found")
    gr.HTML("<h2>4. The reference</h2><p>The model is asked about every one of these pictures, once.</p>")
    methods = gr.CheckboxGroup([], label="Methods, with what each costs per picture", elem_id="own-methods")
    cost = gr.HTML(status(), elem_id="own-cost")
    file = gr.Textbox(
        "", label="File to keep it in (.safetensors); left empty, it lives as long as MIA-Viz runs", elem_id="own-file"
    )
    with gr.Row():
        build_button = gr.Button("Build the reference", variant="primary", **NARROW, elem_id="own-build")
        stop = gr.Button("Cancel", **NARROW, elem_id="own-build-stop", interactive=False)
    status_view = gr.HTML(status(), elem_id="own-build-status")
    with gr.Accordion("Use one that was built before", open=False, elem_id="own-stored-part"):
        stored = gr.Textbox("", label="Its file (.safetensors)", elem_id="own-stored")
        use_button = gr.Button("Use it", **NARROW, elem_id="own-use")
    result = gr.HTML("", elem_id="own-result")
    first = (looked, members, holdouts, how, captions, look_button, check, found, methods, cost, file)
    return Known(*first, build_button, stop, status_view, stored, use_button, result)


def emptied(part: Known, own: Own) -> dict:
    """Values for `Known.outputs` when a model has just been opened: its methods, those of the walk ticked."""
    walk = {plan.attack.name for plan in own.plans}
    choices = [(f"{a.title} ({a.nfe})", a.name) for a in own.attacks if not a.reason]
    return {
        part.looked: None,
        part.captions: gr.Textbox(visible=bool(own.takes)),
        part.check: gr.Button(interactive=False),
        part.found: status(),
        part.methods: gr.CheckboxGroup(choices, value=[name for _, name in choices if name in walk]),
        part.cost: status(),
        part.status: status(),
        part.result: "",
    }


def wire(part: Known, held: gr.State, rate: gr.State, family: gr.Radio) -> None:
    """Look at pictures, build a reference or use a stored one; family: the walk's switch, which names the model."""
    given = [held, rate, part.methods, *part.named]
    part.look.click(_look, given, [part.looked, part.check, part.found, part.cost], concurrency_limit=1, **QUIET)
    part.methods.input(_cost, [held, rate, part.looked, part.methods], part.cost, **LATEST)
    results = [held, part.status, part.build, part.stop, part.result, family]
    running = part.build.click(_build, [held, part.methods, part.file, *part.named], results, **MODEL)
    part.use.click(_use, [held, part.stored], results, **MODEL)
    part.stop.click(None, None, None, cancels=[running], queue=False, api_visibility="private").then(
        lambda: (stopped(STOPPED), *buttons(False)),
        None,
        [part.status, part.build, part.stop],
        api_visibility="private",
    )


def _look(name: str, rate: float | None, methods: list[str], *named: str) -> Iterator[tuple]:
    rest, ready = gr.Button(interactive=False), gr.Button(interactive=True)
    yield None, rest, status("Looking at the pictures."), status()
    try:
        found = look(_required(name), Named(*named))
        yield found, ready, words.looked(found), _cost(name, rate, found, methods)
    except Exception as error:  # the last boundary before a visitor
        yield None, rest, failure(error), status()


def _cost(name: str, rate: float | None, found: Looked | None, methods: list[str]) -> str:
    """What a reference would cost; empty before the pictures were looked at."""
    if not name or found is None:
        return status()
    try:
        return words.cost(found.members + found.holdouts, questions(SHELF.own(name), methods), rate)
    except Exception as error:  # the last boundary before a visitor
        return failure(error)


def _build(name: str, methods: list[str], file: str, *named: str) -> Iterator[tuple]:
    """Build the reference; the model goes by a new name from then on."""
    yield gr.skip(), words.building(0, 0, 0), *buttons(True), "", gr.skip()
    try:
        found: Built | None = None
        _required(name)

        def job(progress, tell) -> None:
            build_reference(name, Named(*named), methods, file, progress, tell)

        for update in worker.follow(job):
            found = update.found or found
            bar = words.building(update.share, update.asked, update.seconds)
            yield gr.skip(), bar, *[gr.skip()] * 4
        yield _done(found, "Built.")
    except Exception as error:  # the last boundary before a visitor
        yield gr.skip(), failure(error), *buttons(False), "", gr.skip()


def _use(name: str, file: str) -> tuple:
    try:
        return _done(use(_required(name), file), "Taken.")
    except Exception as error:  # the last boundary before a visitor
        return gr.skip(), failure(error), *buttons(False), "", gr.skip()


def _done(found: Built, said: str) -> tuple:
    """The model under its new name, what its reference holds, and a link to save it by."""
    name = found.own.name
    saved = link("mia-viz-reference.safetensors", KIND, found.file.read_bytes(), "The reference, to keep")
    message = status(f"{said} Pictures that you ask about from now on are judged by it.")
    return name, message, *buttons(False), words.built(found, saved), family_switch(name)


def family_switch(name: str, **others: object) -> gr.Radio:
    """The walk's switch between kinds of pictures, with a visitor's model as one more."""
    return gr.Radio([*families(), (f"your model: {SHELF.own(name).title}", name)], **others)


def _required(name: str) -> str:
    if not name:
        raise ValueError(NONE_OPEN)
    return name
