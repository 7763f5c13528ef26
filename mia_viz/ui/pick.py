"""What a visitor has chosen: a known picture, one of their own, or one they drew. Needs neither gradio nor torch."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mia_viz.case import Case, load_case
from mia_viz.own_models import SHELF, is_own
from mia_viz.pictures.drawing import draw_digit
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import Picture, View
from mia_viz.pictures.prepare import Prepared, prepare
from mia_viz.pictures.uploads import apart, load_upload, open_upload
from mia_viz.pictures.volume import Volume
from mia_viz.subjects import subject
from mia_viz.targets import bundled
from mia_viz.ui.seen import Given, given

PER_GROUP = 6
GALLERY_ORDER_SEED = 5
DRAWN = "drawn"


@dataclass(frozen=True, eq=False)
class Picked:
    """The picture a visitor has chosen, prepared for a family of targets ("brain", "digits").

    group: A, B or C for bundled pictures, DRAWN for one that was drawn here, None where membership is not known.
    caption: the picture's own, None where it has none. given: an upload as it came, None for all others.
    """

    name: str
    family: str
    prepared: Prepared
    group: str | None
    caption: str | None = None
    given: Given | None = None


@lru_cache(maxsize=8)
def gallery_indices(family: str) -> tuple[int, ...]:
    """The pictures on show: a few of each group in one fixed random order that gives no group away."""
    known = bundled.population(family)
    shown = [i for group in "ABC" for i in known.indices(group, "shown")[:PER_GROUP]]
    return tuple(int(i) for i in np.random.default_rng(GALLERY_ORDER_SEED).permutation(shown))


def pick_bundled(family: str, index: int) -> Picked:
    """A picture of a bundled population by its index."""
    known = bundled.population(family)
    picture = load_picture(known.path(index))
    prepared = prepare(picture, picture.pixels.shape[:2], picture.pixels.shape[2])
    caption = None if known.captions is None else known.captions[index]
    return Picked(f"{known.one} {index:04d}", family, prepared, known.group[index], caption)


def read_upload(file: str) -> Picture | Volume:
    """An uploaded picture, decoded, or an opened scan; its file is removed from the disk at once.

    Raises PictureError.
    """
    try:
        return open_upload(file, os.path.basename(file))
    finally:
        if os.path.exists(file):
            os.unlink(file)


def read_view(file: str, view: View | None = None) -> Picture:
    """An uploaded picture, or one slice of a scan, the middle one where no view is given; its file is removed at once.

    Raises PictureError, also for a view of what is no scan.
    """
    try:
        return load_upload(file, os.path.basename(file), view)
    finally:
        if os.path.exists(file):
            os.unlink(file)


def pick_upload(picture: Picture, how: str, target: str, group: str | None = None) -> Picked:
    """A decoded picture prepared for a target. Raises PictureError."""
    known = subject(target)
    channels, *size = known.picture_shape
    prepared = prepare(picture, tuple(size), channels, how)
    if picture.view is not None:  # which slice and window it is belongs to what is asked about
        prepared = replace(prepared, notes=(*picture.notes, *prepared.notes))
    return Picked(picture.name, known.family, prepared, group, given=given(picture))


def pick_drawing(uri: str | None, target: str) -> Picked:
    """A digit drawn on the pad (PNG data URI), prepared for a target. Raises PictureError."""
    picture = apart(draw_digit, uri)  # the pad sends a file too, and anybody may send another one
    picked = pick_upload(picture, "exact", target, DRAWN)
    notes = (*picture.notes, *picked.prepared.notes)
    return replace(picked, prepared=replace(picked.prepared, notes=notes), given=None)


def truth(group: str | None, target: str) -> str | None:
    """Whether a picture was in a bundled target's training set; None where nobody here knows."""
    if group is None or is_own(target):
        return None
    return "member" if group == bundled.trained_group(target) else "hold-out"


def own_caption(case: Case) -> str | None:
    """The caption that a case's picture came with; None where it is not one of the bundled pictures."""
    known = subject(case.target).population
    captions = None if known is None else known.captions
    return None if captions is None or case.truth is None else captions[int(case.name.split()[-1])]


def opening_case(family: str) -> tuple[Case, Picked]:
    """The case a family is shown with before anything is asked: analysed beforehand, or else not at all.

    A visitor's own model is shown with a made-up picture until it gets another one.
    """
    if is_own(family):
        picked = Picked("made-up picture", family, SHELF.own(family).opening, None)
        return blank_case(picked, family), picked
    file = bundled.case_file(family)
    if file.is_file():
        case = load_case(file)
        return case, pick_bundled(family, int(case.name.split()[-1]))
    target = next(name for name in bundled.bundled_names() if bundled.family_of(name) == family)
    picked = pick_bundled(family, gallery_indices(family)[0])
    return blank_case(picked, target), picked


def blank_case(picked: Picked, target: str) -> Case:
    """A picture of which nothing has been asked."""
    prepared = picked.prepared
    return Case(
        target,
        picked.name,
        prepared.values,
        prepared.sha256,
        prepared.notes,
        truth(picked.group, target),
        live=False,
        caption=(picked.caption or "") if subject(target).takes else None,
        stretch=prepared.stretch,
    )
