"""Models that a person opens in the app: one at a time for everybody, with what was said of it and its known pictures.

A model gets a name when it is opened ("own:" and digits that nobody can guess, since whoever names it may ask it) and
another one whenever what is known about it changes, because a reference was built: what was asked before keeps its name
and its scale. Weights are held once and given up when another model is opened; what was said of the last few models
stays, so that pages about them can still be read. Free of torch until a model is opened.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz import parametrisation
from mia_viz.allowed import allowed_file, allowed_model
from mia_viz.pictures.prepare import Prepared
from mia_viz.reference import Reference

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.commands.target_check import Usable
    from mia_viz.statement import Gallery
    from mia_viz.targets.target import Target

PREFIX = "own:"
KEPT = 8
"""Names of which all is remembered; of older ones the known pictures are forgotten."""
REMEMBERED = 1000
MOST_GALLERY = 512_000_000
"""Bytes of known pictures that are kept at hand to look for near-duplicates."""
NONE_OPEN = "No model of your own is open; please open one under Your model."
REPLACED = "This model is no longer open, because another one was opened; please open it again under Your model."
MADE_UP = "This picture was made up by MIA-Viz, so that there is something to show; please give one of your own."


@dataclass(frozen=True, eq=False)
class Own:
    """A model of a visitor's, without its weights.

    description, assumed: plain sentences. attacks: every one, with its cost or why it cannot be used. plans: those of
    the walk, none where none suits it. opening: a made-up picture of its size. where: what it is called in a command:
    a folder's or file's own name, or a hub's id; flags: the rest of that command. reference, file, gallery: scores of
    known pictures, where they are stored, and the pictures themselves; None where there are none.
    """

    name: str
    title: str
    description: tuple[str, ...]
    assumed: tuple[str, ...]
    facts: Mapping[str, str]
    shape: tuple[int, int, int]
    picture_shape: tuple[int, int, int]
    takes: str
    precision: str
    weights_sha256: str
    parametrisation: Mapping[str, Any]
    attacks: tuple[Usable, ...]
    plans: tuple[Plan, ...]
    opening: Prepared
    where: str
    flags: tuple[str, ...] = ()
    reference: Reference | None = None
    file: Path | None = None
    gallery: Gallery | None = None


def is_own(name: str) -> bool:
    """Whether a name is that of a visitor's model."""
    return name.startswith(PREFIX)


class Shelf:
    """The one model that is open, and what is known of the last few."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._known: OrderedDict[str, Own] = OrderedDict()
        self._target: Target | None = None
        self._open: set[str] = set()

    def own(self, name: str) -> Own:
        """What is known of a name. Raises ValueError where nothing is."""
        with self._lock:
            if name not in self._known:
                raise ValueError(NONE_OPEN)
            return self._known[name]

    def target(self, name: str) -> Target:
        """The open model of a name. Raises ValueError when another one has taken its place."""
        with self._lock:
            if self._target is None or name not in self._open:
                raise ValueError(REPLACED)
            return self._target

    def open(self, model: str, lora: str = "", precision: str = "auto", device: str = "auto") -> Own:
        """Open a model that a visitor named; the one before is given up first. Raises ValueError with one sentence."""
        from mia_viz.commands.common import open_target

        where = allowed_model(model)
        weights = None if not lora.strip() else str(allowed_file(lora, "LoRA weights"))
        with self._lock:
            self.close()
            target = open_target(where, device, precision, weights)
            own = described(target, Path(where).name if Path(where).exists() else where)
            flags = () if weights is None else ("--lora LORA",)
            flags += () if precision == "auto" else (f"--precision {precision}",)
            self._target = target
            return self._keep(replace(own, flags=flags))

    def close(self) -> None:
        """Give up the weights of the model that is open."""
        with self._lock:
            had, self._target = self._target is not None, None
            self._open.clear()
        if had:
            free_memory()

    def with_reference(self, name: str, reference: Reference, file: Path | None, gallery: Gallery | None = None) -> Own:
        """The same open model under a new name, judged by this reference from now on.

        Raises ValueError where the model is no longer open, or the reference was computed with another one.
        """
        with self._lock:
            own = self.own(name)
            self.target(name)
            check_fits(own, reference)
            if gallery is not None and gallery.values.nbytes > MOST_GALLERY:
                gallery = None
            return self._keep(replace(own, reference=reference, file=file, gallery=gallery))

    def _keep(self, own: Own) -> Own:
        own = replace(own, name=f"{PREFIX}{secrets.token_hex(12)}")
        self._known[own.name] = own
        self._open.add(own.name)
        for name in [*self._known][:-KEPT]:
            self._known[name] = replace(self._known[name], reference=None, file=None, gallery=None)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return own


SHELF = Shelf()
"""What is open in this process, for all its visitors."""


def described(target: Target, where: str) -> Own:
    """What is known of an opened model before it is asked anything."""
    from mia_viz.commands.target_check import description, usable_attacks
    from mia_viz.report.make import usable_plans

    sentences, card = tuple(description(target)), target.card
    try:
        plans = tuple(usable_plans(target, ""))
    except ValueError:  # it can still be described and checked
        plans = ()
    channels, height, width = target.picture_shape
    facts = {
        "what it is": card.description or "A diffusion model of your own.",
        "trained on": "unknown" if card.trained_on == "unknown" else card.trained_on,
        "size": f"{card.parameters / 1e6:.1f} million parameters, pictures of {width} x {height}",
        "runs on": "the graphics card" if target.device.type == "cuda" else "the processor",
    }
    return Own(
        PREFIX,
        card.title or target.name,
        sentences,
        tuple(card.assumed),
        facts,
        tuple(target.shape),
        (channels, height, width),
        target.takes,
        target.precision,
        target.weights_sha256,
        target.parametrisation,
        tuple(usable_attacks(target)),
        plans,
        made_up((channels, height, width)),
        where,
    )


def made_up(shape: tuple[int, int, int]) -> Prepared:
    """A made-up picture of a shape (C, H, W), as the walk takes one."""
    import hashlib

    from mia_viz.health import synthetic

    values = synthetic(shape, 1)[0].numpy()
    return Prepared(values, (MADE_UP,), hashlib.sha256(values.astype("<f4").tobytes()).hexdigest())


def check_fits(own: Own, reference: Reference) -> None:
    """Raise ValueError unless a reference was computed with this very model."""
    if reference.weights_sha256 != own.weights_sha256:
        raise ValueError("This reference belongs to other weights than those of the model that is open.")
    if parametrisation.difference(reference.parametrisation, own.parametrisation):
        raise ValueError(
            "This reference was computed with the same weights, but under another noise schedule or with other "
            "settings of the model than those of the one that is open."
        )
    used = reference.provenance.get("precision", own.precision)
    if used != own.precision:
        raise ValueError(f"This reference was computed in {used}, and the model is open in {own.precision}.")


def command_flags(own: Own) -> list[str]:
    """The flags of the report's command for this model: names of files in capital letters, as everywhere."""
    flags = [*own.flags]
    if own.reference is not None:
        flags.append("--reference REFERENCE")
    if own.gallery is not None:
        for member, flag in ((True, "--members MEMBERS"), (False, "--holdouts HOLDOUTS")):
            flags += [flag] if (own.gallery.member == member).any() else []
    return flags


def free_memory() -> None:
    """Hand memory that nobody uses back, on the graphics card too."""
    import gc

    gc.collect()
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
