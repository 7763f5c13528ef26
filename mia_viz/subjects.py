"""Subjects: the models that can be asked, bundled or opened by a visitor, each known by a name.

A subject says what everything but the network itself needs: what the model is called, which pictures it takes, what it
is told, and which known pictures belong to it. It holds no weights, so it can be kept and handed on freely. A model of
one's own is a family by itself, because no other model takes just its pictures. Free of torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from mia_viz import own_models
from mia_viz.pictures.files import load_picture
from mia_viz.targets import bundled
from mia_viz.targets.bundled import Population

__all__ = ["Subject", "captioned", "families", "of_family", "structured", "subject"]


@dataclass(frozen=True, eq=False)
class Subject:
    """A model in question.

    name: "brain-a", or "own:..." for one of a visitor's. family: of pictures. facts: rows of its card, by label.
    shape, picture_shape: (C, H, W) of what the network works on, and of pictures. takes: what the network is told
    beside the picture: "", "caption" or "class". twin: name of the model trained on the other half of the same
    pictures. population: the bundled pictures it belongs to. Either is None where there is none.
    """

    name: str
    family: str
    title: str
    facts: Mapping[str, str]
    shape: tuple[int, int, int]
    picture_shape: tuple[int, int, int]
    takes: str
    twin: str | None = None
    population: Population | None = None


def subject(name: str) -> Subject:
    """The subject of a name. Raises ValueError (TargetError for bundled ones) where there is none."""
    if own_models.is_own(name):
        own = own_models.SHELF.own(name)
        return Subject(name, name, own.title, own.facts, own.shape, own.picture_shape, own.takes)
    known, facts = bundled.population(bundled.family_of(name)), bundled.manifest(name)
    rows = {
        "what it is": facts["description"],
        "trained on": facts["trained_on"],
        "size": f"{facts['parameters'] / 1e6:.1f} million parameters, pictures of {facts['picture_size']}",
        "training": f"{facts['epoch']} passes over its pictures",
        "runs on": "the graphics card where there is one, else the processor",
    }
    shape, takes = tuple(facts["shape"]), "" if known.captions is None else "caption"
    pictures = _picture_shape(known.name)
    return Subject(name, known.name, facts["title"], rows, shape, pictures, takes, bundled.twin_of(name), known)


@lru_cache(maxsize=8)
def _picture_shape(family: str) -> tuple[int, int, int]:
    """(C, H, W) of a family's pictures, which is not that of what a latent model works on."""
    height, width, channels = load_picture(bundled.population(family).path(0)).pixels.shape
    return channels, height, width


def families() -> list[tuple[str, str]]:
    """The bundled families of pictures as (what they are, name)."""
    return [(bundled.population(name).kind, name) for name in bundled.families()]


def of_family(family: str) -> list[Subject]:
    """The models that take a family's pictures."""
    if own_models.is_own(family):
        return [subject(family)]
    return [subject(name) for name in bundled.bundled_names() if bundled.family_of(name) == family]


def captioned(family: str) -> bool:
    """Whether a family's models are told something beside the picture."""
    if own_models.is_own(family):
        return bool(own_models.SHELF.own(family).takes)
    return bundled.captioned(family)


def structured(family: str) -> bool:
    """Whether a family's models are also asked whether a picture's structure lasts (see `mia_viz.plans`)."""
    return not own_models.is_own(family) and bundled.captioned(family)
