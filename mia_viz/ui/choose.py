"""Step 1, choose: a target, a picture, and the first look at what the model gave back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from html import escape

import gradio as gr
import numpy as np

from mia_viz.case import Case
from mia_viz.figures import images
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import Picture
from mia_viz.pictures.prepare import Prepared, prepare
from mia_viz.targets import bundled
from mia_viz.ui.parts import status

PER_GROUP = 6
GUESSES = ("It was trained on this picture", "It was not", "I cannot tell")
GALLERY_ORDER_SEED = 5


@dataclass(frozen=True, eq=False)
class Picked:
    """The picture a visitor has chosen, prepared for a family of targets ("brain", "digits").

    group: A, B or C for bundled pictures, else None.
    """

    name: str
    family: str
    prepared: Prepared
    group: str | None


@dataclass(frozen=True)
class Choose:
    """Components other steps and the app need."""

    target: gr.Radio
    card: gr.HTML
    gallery: gr.Gallery
    upload: gr.File
    how: gr.Radio
    chosen: gr.HTML
    guess: gr.Radio
    analyse: gr.Button
    cancel: gr.Button
    status: gr.HTML
    hero: gr.HTML


@lru_cache(maxsize=4)
def gallery_indices(population: str) -> tuple[int, ...]:
    """The pictures on show: a few of each group in one fixed random order that gives no group away."""
    known = bundled.population(population)
    shown = [i for group in "ABC" for i in known.indices(group, "shown")[:PER_GROUP]]
    return tuple(int(i) for i in np.random.default_rng(GALLERY_ORDER_SEED).permutation(shown))


def pick_bundled(population: str, index: int) -> Picked:
    """A picture of a bundled population by its index."""
    known = bundled.population(population)
    picture = load_picture(known.path(index))
    prepared = prepare(picture, picture.pixels.shape[:2], picture.pixels.shape[2])
    return Picked(f"picture {index:04d}", population, prepared, known.group[index])


def truth(picked_group: str | None, target: str) -> str | None:
    """Whether a bundled picture was in a bundled target's training set."""
    if picked_group is None:
        return None
    return "member" if picked_group == bundled.trained_group(target) else "hold-out"


def read_upload(file: str) -> Picture:
    """An uploaded picture, decoded; its file is removed from the disk at once. Raises PictureError."""
    try:
        return load_picture(file, os.path.basename(file))
    finally:
        if os.path.exists(file):
            os.unlink(file)


def pick_upload(picture: Picture, how: str, target: str) -> Picked:
    """A decoded picture prepared for a target. Raises PictureError."""
    channels, *size = bundled.manifest(target)["shape"]
    return Picked(picture.name, target.split("-")[0], prepare(picture, tuple(size), channels, how), None)


def card(target: str) -> str:
    """The target's card."""
    facts = bundled.manifest(target)
    rows = {
        "what it is": facts["description"],
        "trained on": facts["trained_on"],
        "size": f"{facts['parameters'] / 1e6:.1f} million parameters, pictures of {facts['picture_size']}",
        "training": f"{facts['epoch']} passes over its pictures",
        "runs on": "the graphics card where there is one, else the processor",
    }
    items = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in rows.items())
    return f'<div class="mv-card"><b>{escape(facts["title"])}</b><dl>{items}</dl></div>'


def chosen_tile(picked: Picked) -> str:
    """The picture in question, with what was done to it."""
    note = " ".join(picked.prepared.notes) or "Taken as it is, pixel for pixel."
    tile = images.tile(images.grey(picked.prepared.values), picked.name, "the picture in question", note)
    return f'<div class="mv-chosen">{tile}</div>'


def hero(case: Case) -> str:
    """Original, hidden, restored: the evidence anyone can read."""
    part = case.restoration
    if part is None:
        alone = images.tile(images.grey(case.values), "The picture", "the original picture")
        note = "What the model puts into a hidden part is not computed yet; it comes last."
        return f'<p class="mv-lead">{note}</p><div class="mv-chosen">{alone}</div>'
    tiles = [
        images.tile(images.grey(case.values), "The picture", "the original picture"),
        images.tile(images.hide(case.values, part.hidden[0]), "A part is hidden", "the picture, its middle hidden"),
        images.tile(images.grey(part.restored[0]), "What the model put there", "the picture as the model filled it in"),
    ]
    question = "The model never sees the hidden part. Did it know what was there?"
    return f'<p class="mv-lead">{question}</p>{images.strip(tiles)}'


def build(start: Case, picked: Picked) -> Choose:
    """Lay out the step around an already analysed case."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            hero_view = gr.HTML(hero(start), elem_id="hero")
            gr.HTML(
                "<h3>Try another picture</h3><p>Press one. Whether the model was trained on it stays hidden until you "
                "ask.</p>"
            )
            gallery = gr.Gallery(
                gallery_value(start.target.split("-")[0]),
                label="Known pictures",
                show_label=False,
                columns=6,
                height="auto",
                allow_preview=False,
                format="png",
                buttons=[],
                elem_id="gallery",
            )
        with gr.Column(scale=4, min_width=320):
            chosen = gr.HTML(chosen_tile(picked), elem_id="chosen")
            guess = gr.Radio(list(GUESSES), label="Guess first: what do you think?", elem_id="guess")
            with gr.Row():
                analyse = gr.Button("Analyse", variant="primary", elem_id="analyse")
                cancel = gr.Button("Cancel", elem_id="cancel", interactive=False)
            status_view = gr.HTML(status(), elem_id="status")
            target = gr.Radio(target_choices(), value=start.target, label="Model under question", elem_id="target")
            card_view = gr.HTML(card(start.target), elem_id="card")
            how, upload = _own_picture()
    return Choose(target, card_view, gallery, upload, how, chosen, guess, analyse, cancel, status_view, hero_view)


def _own_picture() -> tuple[gr.Radio, gr.File]:
    """The corner for uploads, closed at first."""
    with gr.Accordion("Use a picture of your own", open=False, elem_id="own"):
        how = gr.Radio(
            [("exact: as it is", "exact"), ("crop: its middle, resized", "crop"), ("fit: all of it, resized", "fit")],
            value="exact",
            label="If it does not have the model's size",
            elem_id="how",
        )
        upload = gr.File(
            label="PNG, JPEG, TIFF or WebP; it stays on this machine",
            file_count="single",
            height=120,
            elem_id="upload",
        )
    return how, upload


def gallery_value(population: str) -> list[str]:
    """Paths of the pictures on show."""
    known = bundled.population(population)
    return [str(known.path(i)) for i in gallery_indices(population)]


def target_choices() -> list[tuple[str, str]]:
    """Bundled targets as (title, name)."""
    return [(bundled.manifest(name)["title"], name) for name in bundled.bundled_names()]
