"""What is known of a model of a visitor's without its weights, and what is said of it before it is asked anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz import parametrisation
from mia_viz.pictures.prepare import Prepared
from mia_viz.reference import Reference

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.commands.target_check import Usable
    from mia_viz.statement import Gallery
    from mia_viz.targets.target import Target

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


def described(target: Target, where: str) -> Own:
    """What is known of an opened model before it is asked anything; it has no name yet."""
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
        "",
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
