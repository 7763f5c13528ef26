"""Step 1, choose: a family of pictures, a target, a picture, and the first look at what the model gave back."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr

from mia_viz.case import Case
from mia_viz.figures import images
from mia_viz.own_models import is_own
from mia_viz.subjects import families, subject
from mia_viz.subjects import of_family as models_of
from mia_viz.targets import bundled
from mia_viz.ui import caption, link_marks, scan, seen, tasks
from mia_viz.ui.lab import static
from mia_viz.ui.own import Drawing, drawing_pad, file_corner
from mia_viz.ui.parts import status
from mia_viz.ui.pick import Picked, gallery_indices

GUESSES = ("It was trained on this picture", "It was not", "I cannot tell")


@dataclass(frozen=True)
class Choose:
    """Components other steps and the app need."""

    family: gr.Radio
    about: gr.HTML
    gallery: gr.Gallery
    drawing: Drawing
    target: gr.Radio
    card: gr.HTML
    upload: gr.File
    corner: gr.Accordion
    how: gr.Radio
    scan: scan.Scan
    chosen: gr.HTML
    caption: caption.Caption
    guess: gr.Radio
    analyse: gr.Button
    cancel: gr.Button
    status: gr.HTML
    hero: gr.HTML

    @property
    def of_picture(self) -> list[gr.blocks.Block]:
        """Everything that changes with the chosen picture."""
        return [self.chosen, *self.caption.outputs]

    @property
    def of_family(self) -> list[gr.blocks.Block]:
        """Everything that changes with the family of pictures."""
        return [self.about, self.gallery, self.drawing.area, self.target, self.card]


def card(target: str) -> str:
    """The target's card."""
    known = subject(target)
    items = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in known.facts.items())
    return f'<div class="mv-card"><b>{escape(known.title)}</b><dl>{items}</dl></div>'


def chosen_tile(picked: Picked) -> str:
    """The picture in question, with what was done to it; an upload as it came beside what the model sees of it."""
    mark = link_marks.of_choice(picked)
    if picked.given is not None:
        return f"<div {mark}>{seen.pair(picked.given, picked.prepared, models_of(picked.family)[0].name)}</div>"
    note = " ".join(picked.prepared.notes) or "Taken as it is, pixel for pixel."
    tile = images.tile(images.grey(picked.prepared.values), picked.name, "the picture in question", note)
    return f'<div class="mv-chosen" {mark}>{tile}</div>'


def of_picture(picked: Picked, told: str | None = None) -> list:
    """Values for `Choose.of_picture`; told: the caption to start from, the picture's own where None."""
    return [chosen_tile(picked), *caption.values(picked, told)]


def hero(case: Case) -> str:
    """Original, degraded, restored: the evidence anyone can read."""
    part = case.restoration
    if part is None:
        alone = images.tile(images.grey(case.values), "The picture", "the original picture")
        note = "What the model puts in place of what is hidden or lost is not computed yet; it comes last."
        if not case.findings:
            note = "Nothing has been asked about this picture yet: press Analyse."
        return f'<p class="mv-lead">{note}</p><div class="mv-chosen">{alone}</div>'
    words = tasks.TASKS[part.labels[0]]
    tiles = [
        images.tile(images.grey(case.values), "The picture", "the original picture"),
        images.tile(tasks.shown(case, 0), words.shown, f"the picture, {words.short}"),
        images.tile(images.grey(part.restored[0]), "What the model made of it", "the picture as the model restored it"),
    ]
    return f'<p class="mv-lead">{words.asked}</p>{images.strip(tiles)}'


def about(family: str) -> str:
    """Where a family's pictures come from, and what pressing one does."""
    if is_own(family):
        return "<p>This is your model. Give it a picture under <b>Use a picture of your own</b>.</p>"
    origin = escape(bundled.population(family).about)
    return f"<p>{origin} Press one; whether the model was trained on it stays hidden until you ask.</p>"


def of_family(target: str) -> list:
    """Values for `Choose.of_family`: everything of the family that a target belongs to, the target chosen."""
    known = subject(target)
    family = known.family
    return [
        about(family),
        gr.Gallery(gallery_value(family), selected_index=None, visible=known.population is not None),
        gr.Column(visible=known.population is not None and known.population.draw),
        gr.Radio(target_choices(family), value=target),
        card(target),
    ]


def build(start: Case, picked: Picked) -> Choose:
    """Lay out the step around an already analysed case."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            hero_view = gr.HTML(hero(start), elem_id="hero")
            family, about_view, gallery = _known_pictures(picked.family)
            drawing = drawing_pad(bundled.population(picked.family).draw)
        with gr.Column(scale=4, min_width=320):
            chosen = gr.HTML(chosen_tile(picked), elem_id="chosen")
            field = caption.build(picked)
            guess = gr.Radio(list(GUESSES), label="Guess first: what do you think?", elem_id="guess")
            with gr.Row():
                analyse = gr.Button("Analyse", variant="primary", elem_id="analyse")
                cancel = gr.Button("Cancel", elem_id="cancel", interactive=False)
            status_view = gr.HTML(status(), elem_id="status")
            models = target_choices(picked.family)
            target = gr.Radio(models, value=start.target, label="Model under question", elem_id="target")
            card_view = gr.HTML(card(start.target), elem_id="card")
            corner, how, upload, viewer = file_corner()
    asking = (chosen, field, guess, analyse, cancel, status_view, hero_view)
    return Choose(family, about_view, gallery, drawing, target, card_view, upload, corner, how, viewer, *asking)


def _known_pictures(family: str) -> tuple[gr.Radio, gr.HTML, gr.Gallery]:
    """The switch between families and the pictures on show."""
    gr.HTML('<h2 class="mv-sub">Try another picture</h2>')
    switch = gr.Radio(families(), value=family, label="Kind of picture", elem_id="family", container=False)
    about_view = gr.HTML(about(family), js_on_load=static("gallery.js"), elem_id="about")
    gallery = gr.Gallery(
        gallery_value(family),
        label="Known pictures",
        show_label=False,
        columns=6,
        height="auto",
        allow_preview=False,
        format="png",
        buttons=[],
        elem_id="gallery",
    )
    return switch, about_view, gallery


def gallery_value(family: str) -> list[tuple[str, str]]:
    """Paths of the pictures on show with their names; a visitor's own model has none."""
    if is_own(family):
        return []
    known = bundled.population(family)
    return [(str(known.path(i)), f"{known.one} {i:04d}") for i in gallery_indices(family)]


def target_choices(family: str) -> list[tuple[str, str]]:
    """The models of a family as (title, name)."""
    return [(model.title, model.name) for model in models_of(family)]
