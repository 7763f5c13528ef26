"""Known pictures of a visitor's own model: folders of members and hold-outs, and the reference computed from them.

The same steps as `data check` and `reference build`, so the app's file is the command's. Nothing is written but the
one file, after every method, so that a build that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mia_viz.allowed import NotAllowed, allowed_file, allowed_folder, allowed_output
from mia_viz.own_models import SHELF, Own
from mia_viz.parametrisation import misfit
from mia_viz.private import locked_folder
from mia_viz.reference import Reference, ReferenceFileError, load

if TYPE_CHECKING:
    import torch

    from mia_viz.commands.known import KnownPictures
    from mia_viz.own_data import DataCheck
    from mia_viz.probe import Progress
    from mia_viz.statement import Gallery
    from mia_viz.targets.target import Target

MEMBERS, HOLDOUTS = "pictures it was trained on", "pictures it never saw"
NO_HOLDOUTS = (
    "Please name a folder of pictures that the model never saw; without them nothing can be said about how rare a "
    "score is."
)
ONLY_HOLDOUTS = (
    "Without pictures that the model was trained on there is a p-value but no likelihood ratio: it can be said how "
    "often a picture that it never saw scores this high, and not how often one that it was trained on does."
)


@dataclass(frozen=True)
class Named:
    """What a visitor named: folders, how their pictures are prepared, and a file of captions; empty for none."""

    members: str = ""
    holdouts: str = ""
    prepare: str = "exact"
    captions: str = ""

    def folders(self) -> tuple[Path | None, Path]:
        """The folders of members, None where none was named, and of hold-outs. Raises ValueError."""
        if not self.holdouts.strip():
            raise NotAllowed(NO_HOLDOUTS)
        members = allowed_folder(self.members, MEMBERS) if self.members.strip() else None
        return members, allowed_folder(self.holdouts, HOLDOUTS)


@dataclass(frozen=True)
class Looked:
    """What was found about named pictures: how many of each kind, the comparison, None without members, and remarks."""

    named: Named
    members: int
    holdouts: int
    check: DataCheck | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Built:
    """A reference that was computed or opened: where it lies, whether a visitor chose the place, and its model."""

    reference: Reference
    file: Path
    chosen: bool
    own: Own


def look(name: str, named: Named) -> Looked:
    """Read the pictures of a visitor's model and compare the two groups. Raises ValueError with one sentence."""
    from mia_viz.commands.data import opened
    from mia_viz.own_data import check_data

    target = SHELF.target(name)
    found = known_pictures(target, named)
    members, holdouts = named.folders()
    check = None if members is None else check_data(opened(members), opened(holdouts), target=target)
    inside = int(found.member.sum())
    return Looked(named, inside, len(found.member) - inside, check, found.remarks)


def known_pictures(target: Target, named: Named) -> KnownPictures:
    """The named pictures, prepared for a target, without their names. Raises ValueError with one sentence."""
    from mia_viz.commands.captions import read_captions
    from mia_viz.commands.known import own_pictures

    members, holdouts = named.folders()
    told = read_captions(allowed_file(named.captions, "captions")) if named.captions.strip() else None
    return own_pictures(target, members, holdouts, named.prepare, 0.0, told).unnamed()


def never_seen(looked: Looked, name: str, most: int = 16) -> tuple[torch.Tensor, tuple[str, ...] | None]:
    """The first few named pictures that a visitor's model never saw, to try it on, and their captions if it takes any.

    The pictures: (N, C, H, W) in [-1, 1], N <= most. Raises ValueError with one sentence.
    """
    found = known_pictures(SHELF.target(name), looked.named)
    rows = np.flatnonzero(~found.member)[:most]
    return found.pictures[rows], None if found.captions is None else tuple(found.captions[i] for i in rows)


def questions(own: Own, attacks: Sequence[str]) -> int:
    """How often the model is asked about every picture in building a reference of these methods."""
    from mia_viz.analysis import by_evidence

    return sum(group[0].evaluations for group in by_evidence(_plans(SHELF.target(own.name), attacks, None)))


def build(
    name: str, named: Named, attacks: Sequence[str], where: str, progress: Progress, tell: Callable[[Built], None]
) -> None:
    """Compute the reference of a visitor's model and tell it, under its new name.

    where: the file to write; a private one where empty, or where visitors do not decide. Raises ValueError, and
    `mia_viz.probe.Cancelled` when progress.cancel is set: methods that were finished are kept in the file.
    """
    from mia_viz.commands import reference as command

    target, own = SHELF.target(name), SHELF.own(name)
    chosen = allowed_output(where)
    pictures = known_pictures(target, named)
    file = chosen or private_file(own, pictures)
    refuse_foreign(file, pictures, own)
    plans = _plans(target, attacks, pictures.captions)
    how = command.provenance(target, named.prepare)
    found = command.build(target, pictures, plans, file, False, how, progress, lambda line: None)
    file.chmod(0o600)
    tell(Built(found, file, chosen is not None, SHELF.with_reference(name, found, file, gallery(pictures))))


def _plans(target: Target, attacks: Sequence[str], captions: Sequence[str] | None):
    from mia_viz.commands.common import choose
    from mia_viz.commands.reference import with_walk

    if not attacks:
        raise ValueError("No method is chosen; tick at least one.")
    return with_walk(choose(",".join(attacks), (), "none", target, captions).plans, target)


def use(name: str, where: str) -> Built:
    """Judge a visitor's model by a stored reference from now on. Raises ValueError with one sentence."""
    file = allowed_file(where, "reference")
    found = load(file)
    return Built(found, file, True, SHELF.with_reference(name, found, file))


def gallery(pictures: KnownPictures) -> Gallery:
    """The known pictures themselves, to look for near-duplicates; they are never put into a report."""
    from mia_viz.statement import Gallery

    names = tuple(f"number {i + 1}" for i in range(len(pictures.names)))
    return Gallery(pictures.pictures.numpy(), names, pictures.member, pictures.sha256)


def refuse_foreign(file: Path, pictures: KnownPictures, own: Own) -> None:
    """Raise NotAllowed where a file that would be overwritten is anything but an earlier build of this reference."""
    if not file.exists():
        return
    try:
        found = load(file)
    except ReferenceFileError as error:
        raise NotAllowed("A file of that name is there, and it is no reference; choose another name.") from error
    same = found.image_sha256 == pictures.sha256 and found.member.tolist() == pictures.member.tolist()
    if misfit(found, own) or not same:
        raise NotAllowed("A reference of another model or of other pictures has that name; choose another name.")


def private_file(own: Own, pictures: KnownPictures) -> Path:
    """Where the reference of this model and these pictures is kept in this run, out of everyone's reach."""
    asked = (own.weights_sha256, own.precision, json.dumps(own.parametrisation))
    words = "\n".join((*asked, *pictures.sha256, str(pictures.member.tolist())))
    return private_folder() / f"{hashlib.sha256(words.encode()).hexdigest()}.safetensors"


@lru_cache(maxsize=1)
def private_folder() -> Path:
    """A folder of this run that only its owner can enter, beside the app's, so that the app does not serve it."""
    return locked_folder(Path(tempfile.gettempdir()))
