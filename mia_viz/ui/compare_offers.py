"""Which pictures a column of the comparison can be about, given its model, and why others cannot.

A bundled model is offered the pictures of its family; a model of the visitor's own those bundled pictures that it takes
without a change of size or colour, and the known pictures it is judged by. The visitor's picture from step 1 is offered
to every model that takes it in the way chosen there. Needs neither gradio nor torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mia_viz import subjects
from mia_viz.own_models import SHELF, is_own
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import Picture, PictureError
from mia_viz.pictures.prepare import HOW, Prepared, prepare, to_uint8
from mia_viz.targets import bundled
from mia_viz.ui.compare_cases import examples, targets
from mia_viz.ui.compare_table import Side, Table
from mia_viz.ui.letting_go import is_personal
from mia_viz.ui.pick import DRAWN, GALLERY_ORDER_SEED, PER_GROUP, Picked, gallery_indices, pick_bundled, pick_upload

MINE, OTHER = "mine", "other"
"""Keys of the visitor's picture, and of one in a column that is not on offer any more."""
OWN_BESIDE, OWN_KNOWN = "own", "known"
PRESETS = {
    OWN_BESIDE: "The same picture asked of your model and of one that comes with MIA-Viz",
    OWN_KNOWN: "Your model: a picture it was trained on beside one never seen",
}
NO_METHOD = "Your model is not offered: none of the methods of the walk can be used on it."
NONE_FITS = "Your model is not offered: none of the pictures at hand has its size and colours."
GIVE_ONE = "Give it a picture under Your model, or choose one in step 1 and let it be cropped or resized."
SOME_FIT = (
    "Of the pictures that come with MIA-Viz, your model is asked only about those of its own size and colours: a "
    "resampled picture is another picture."
)
MINE_NOT = "Your own picture is not offered for this model."
AS_IT_CAME = "It is no longer at hand as it came; choose it again in step 1."


@dataclass(frozen=True, eq=False)
class Mine:
    """What the visitor brings along.

    held: name of the open model, "" for none. picked: the picture chosen in step 1. uploaded: the file it came from,
    decoded, or None. how: the way to prepare it. caption: what step 1 tells the model.
    """

    held: str
    picked: Picked
    uploaded: Picture | None
    how: str
    caption: str


@dataclass(frozen=True, eq=False)
class Offer:
    """A picture as a model takes it. key: "brain:112", "known:3" for one of the model's own known pictures, or MINE."""

    key: str
    picked: Picked


def offers(target: str, mine: Mine) -> list[Offer]:
    """The pictures a model can be asked about, the visitor's own last."""
    found = [*_known(target), *_bundled(target)] if is_own(target) else [*_of_family(bundled.family_of(target))]
    try:
        own = in_question(target, mine)
    except PictureError:
        own = None
    return found if own is None else [*found, Offer(MINE, own)]


def in_question(target: str, mine: Mine) -> Picked | None:
    """The visitor's own picture as a model takes it; None where a bundled one is chosen. Raises PictureError."""
    picked, known = mine.picked, subjects.subject(target)
    if not is_personal(picked):
        return None
    if picked.prepared.values.shape == known.picture_shape:
        return picked
    if picked.group == DRAWN:
        found = pick_upload(_picture(picked), "exact", target, DRAWN)
        notes = (*picked.prepared.notes, *found.prepared.notes)
        return replace(found, prepared=replace(found.prepared, notes=notes), given=None)
    return pick_upload(mine.uploaded, _way(mine), target)


def _way(mine: Mine) -> str:
    """How the picture in question was prepared from the upload. Raises PictureError where it is of another file."""
    channels, *size = mine.picked.prepared.values.shape
    for how in (mine.how, *HOW) if mine.uploaded is not None else ():
        try:
            if prepare(mine.uploaded, tuple(size), channels, how).sha256 == mine.picked.prepared.sha256:
                return how
        except PictureError:
            continue
    raise PictureError(AS_IT_CAME)


def _picture(picked: Picked) -> Picture:
    """A drawing as a picture file would hold it."""
    channels, *size = picked.prepared.values.shape
    pixels = (to_uint8(picked.prepared.values) / np.float32(255)).reshape(*size, channels)
    return Picture(pixels, picked.name, picked.prepared.sha256, pixels.size, "L" if channels == 1 else "RGB", 8)


def _of_family(family: str) -> Iterator[Offer]:
    for index in gallery_indices(family):
        yield Offer(f"{family}:{index}", pick_bundled(family, index))


def fitting(target: str) -> list[str]:
    """The bundled families whose pictures a model takes unchanged, but for grey being repeated in every colour."""
    channels, *size = subjects.subject(target).picture_shape
    shapes = {family: subjects.subject(targets(family)[0]).picture_shape for family in bundled.families()}
    return [f for f, shape in shapes.items() if [*shape[1:]] == size and shape[0] in (1, channels)]


def _bundled(target: str) -> Iterator[Offer]:
    shape = subjects.subject(target).picture_shape
    for family in fitting(target):
        for offer in _of_family(family):
            picked = offer.picked
            if picked.prepared.values.shape != shape:
                file = bundled.population(family).path(int(picked.name.split()[-1]))
                picked = replace(picked, prepared=prepare(load_picture(file), shape[1:], shape[0]))
            yield Offer(offer.key, picked)


def _known(target: str) -> Iterator[Offer]:
    """A few of the pictures that a visitor's model is judged by, in an order that gives no group away."""
    gallery = SHELF.own(target).gallery
    if gallery is None:
        return
    rows = [i for member in (True, False) for i in np.flatnonzero(gallery.member == member)[:PER_GROUP]]
    for i in np.random.default_rng(GALLERY_ORDER_SEED).permutation(rows):
        prepared = Prepared(gallery.values[i], (), gallery.sha256[i])
        yield Offer(f"known:{i}", Picked(f"known picture {i + 1}", target, prepared, None))


def side_of(offer: Offer, target: str, mine: Mine) -> Side:
    """The column about a picture on offer, told what belongs beside it."""
    takes = subjects.subject(target).takes
    told = mine.caption.strip() if offer.key == MINE or takes == "class" else offer.picked.caption or ""
    return Side(offer.picked, target, told if takes else None, offer.key)


def turned(side: Side, target: str, mine: Mine) -> Side:
    """The column under another model: about the same picture where that can be asked, else about another."""
    found = {offer.key: offer for offer in offers(target, mine)}
    same = found.get(side.key)
    if same is not None:
        return side_of(same, target, mine)
    if is_personal(side.picked) and side.picked.prepared.values.shape == subjects.subject(target).picture_shape:
        return side_of(Offer(OTHER, side.picked), target, mine)
    if not is_own(target):
        return side_of(found[f"{bundled.family_of(target)}:{examples_of(target)}"], target, mine)
    first = found.get(MINE) or next(iter(found.values()), None)
    return side if first is None else side_of(first, target, mine)


def examples_of(target: str) -> int:
    """The bundled picture whose answer is stored for a model: the first of those it was trained on."""
    return examples(bundled.family_of(target))["ab".index(target.split("-")[1])]


def refused(mine: Mine) -> str:
    """Why the visitor's model is no choice, in plain sentences; "" where it is one, or none is open."""
    if not mine.held:
        return ""
    if not SHELF.own(mine.held).plans:
        return NO_METHOD
    return "" if offers(mine.held, mine) else f"{NONE_FITS} {GIVE_ONE}"


def left_out(target: str, mine: Mine) -> str:
    """What a model is not asked about, and why, in plain sentences; "" where nothing was left out."""
    said = [SOME_FIT] if is_own(target) and len(fitting(target)) < len(bundled.families()) else []
    try:
        in_question(target, mine)
    except PictureError as error:
        said.append(f"{MINE_NOT} {error}")
    return " ".join(said)


def presets(mine: Mine) -> dict[str, str]:
    """The ready-made comparisons with the visitor's model, as name -> words."""
    return {name: words for name, words in PRESETS.items() if _pair(name, "", mine) is not None}


def preset(name: str, family: str, mine: Mine) -> Table | None:
    """A ready-made comparison with the visitor's model, None where there is none. family: the one in view."""
    pair = _pair(name, family, mine)
    return None if pair is None else Table(family, tuple(side_of(offer, target, mine) for offer, target in pair))


def _pair(name: str, family: str, mine: Mine) -> tuple[tuple[Offer, str], tuple[Offer, str]] | None:
    """Both columns of a preset as (picture, model); None where it cannot be had."""
    if not mine.held or refused(mine):
        return None
    here = {offer.key: offer for offer in offers(mine.held, mine)}
    if name == OWN_KNOWN:
        gallery = SHELF.own(mine.held).gallery
        keys = [key for key in here if key.startswith("known:")]
        groups = [[k for k in keys if gallery.member[int(k[6:])] == member] for member in (True, False)]
        return tuple((here[group[0]], mine.held) for group in groups) if all(groups) else None
    for other in sorted(bundled.families(), key=lambda one: one != family):
        model = f"{other}-a"
        there = {offer.key: offer for offer in offers(model, mine)}
        shared = [key for key in (MINE, f"{other}:{examples(other)[0]}") if key in here and key in there]
        if shared:
            return (here[shared[0]], mine.held), (there[shared[0]], model)
    return None
