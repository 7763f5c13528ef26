"""Pictures of known membership for `reference` and `evaluate`: a bundled population or own folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mia_viz.commands.captions import of_files
from mia_viz.commands.score import prepare_file
from mia_viz.pictures.named import is_picture_file

if TYPE_CHECKING:
    import torch

    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target


@dataclass(frozen=True, eq=False)
class KnownPictures:
    """M prepared pictures with what is known about each.

    pictures: (M, C, H, W) in [-1, 1]. sha256: of the prepared values. member: (M,) bool. split: (M,) of
    "calibration" and "test". of_twin: (M,) bool, whether the target's twin was trained on it. byte_size: (M,)
    of the files. captions: told to a model that takes them, None where there are none. repeated: copies left out.
    """

    pictures: torch.Tensor
    sha256: tuple[str, ...]
    names: tuple[str, ...]
    member: np.ndarray
    split: np.ndarray
    of_twin: np.ndarray
    byte_size: np.ndarray
    captions: tuple[str, ...] | None = None
    repeated: int = 0

    @property
    def remarks(self) -> tuple[str, ...]:
        """A sentence on copies that were left out; none where there were none."""
        if not self.repeated:
            return ()
        words = "picture was" if self.repeated == 1 else "pictures were"
        return (f"{self.repeated} repeated {words} left out, because a copy is no further evidence.",)

    def chosen_captions(self, rows: np.ndarray) -> list[str] | None:
        """Captions of the pictures where the boolean mask (M,) is true; None where there are none."""
        if self.captions is None:
            return None
        return [caption for caption, wanted in zip(self.captions, rows, strict=True) if wanted]

    def distinct(self) -> KnownPictures:
        """Each picture once, the first of its copies, by the SHA-256 of its prepared values."""
        rows = sorted({sha256: i for i, sha256 in reversed(list(enumerate(self.sha256)))}.values())
        if len(rows) == len(self.sha256):
            return self
        picked = {name: tuple(getattr(self, name)[i] for i in rows) for name in ("sha256", "names")}
        arrays = {name: getattr(self, name)[rows] for name in ("pictures", "member", "split", "of_twin", "byte_size")}
        told = None if self.captions is None else tuple(self.captions[i] for i in rows)
        return KnownPictures(**picked, **arrays, captions=told, repeated=len(self.sha256) - len(rows))

    def unnamed(self) -> KnownPictures:
        """The same pictures under numbers in place of their files' names."""
        return replace(self, names=tuple(f"picture {i + 1}" for i in range(len(self.names))))

    def blank_reference(self, target: Target) -> Reference:
        """A reference of these pictures with their features, without any column yet."""
        from mia_viz.reference import Reference, with_features

        facts = Reference(target.name, target.weights_sha256, self.sha256, self.names, self.member, self.split, {})
        return with_features(replace(facts, parametrisation=target.parametrisation), self.pictures.numpy(), target)


def bundled_pictures(target: Target, splits: Sequence[str] = ("calibration", "test")) -> KnownPictures:
    """The population of a bundled target.

    Calibration: the pictures of its own group and of group C in that split. Test: all groups' test pictures,
    so that those of the twin's group serve as hold-outs of this target and as members of the other. Raises
    TargetError for a target that is not bundled.
    """
    from mia_viz.targets import bundled
    from mia_viz.targets.errors import TargetError

    population = bundled.population_of(target.name)
    if population is None:
        raise TargetError(f"{target.name} is not bundled, so the members are unknown; give --members and --holdouts.")
    own = bundled.trained_group(target.name)
    twin = {"A": "B", "B": "A"}[own]
    groups = {"calibration": f"{own}C", "test": "ABC"}
    indices = [(i, split) for split in splits for i in population.indices(groups[split], split)]
    files = [population.path(i) for i, _ in indices]
    group = np.array([population.group[i] for i, _ in indices])
    found = _collect(target, files, group == own, np.array([s for _, s in indices]), group == twin)
    if population.captions is None or not target.takes:
        return found
    return replace(found, captions=tuple(population.captions[i] for i, _ in indices))


def own_pictures(
    target: Target,
    members: Path | None,
    holdouts: Path | None,
    prepare: str,
    test_share: float,
    captions: Mapping[str, str] | None = None,
) -> KnownPictures:
    """Pictures of two folders; about `test_share` of them, chosen by their content, form the test split.

    Of equal pictures in a folder the first is kept: a copy is no further evidence, and p-values hold for pictures that
    were drawn independently. captions: by file name, for a model that takes them; empty ones without. Raises ValueError
    when a folder is missing or empty, when a picture cannot be used, or when one is in both.
    """
    if members is None and holdouts is None:
        raise ValueError("Give --members, --holdouts, or both.")
    inside = [] if members is None else picture_files(members)
    outside = [] if holdouts is None else picture_files(holdouts)
    member = np.arange(len(inside) + len(outside)) < len(inside)
    split = np.full(len(member), "calibration")
    found = _collect(target, [*inside, *outside], member, split, np.zeros(len(member), dtype=bool), prepare, apart=True)
    shared = {s for s, m in zip(found.sha256, member, strict=True) if m} & {
        s for s, m in zip(found.sha256, member, strict=True) if not m
    }
    if shared:
        raise ValueError("A picture is among the members and the hold-outs; every one must be in one folder only.")
    place = np.array([int(sha256[:8], 16) / 2**32 for sha256 in found.sha256])
    told = of_files([*inside, *outside], captions or {}) if target.takes else None
    return replace(found, split=np.where(place < test_share, "test", "calibration"), captions=told).distinct()


def picture_files(folder: Path) -> list[Path]:
    """The picture files of a folder, sorted by name. Raises ValueError when there is none."""
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}.")
    files = sorted(file for file in folder.iterdir() if is_picture_file(file))
    if not files:
        raise ValueError(f"There is no picture in {folder}.")
    return files


def _collect(
    target: Target,
    files: Sequence[Path],
    member: np.ndarray,
    split: np.ndarray,
    of_twin: np.ndarray,
    prepare: str = "exact",
    apart: bool = False,
) -> KnownPictures:
    from mia_viz.analysis import to_pictures

    subjects = [prepare_file(file, target, prepare, apart=apart) for file in files]
    return KnownPictures(
        to_pictures(subjects),
        tuple(subject.pixels_sha256 for subject in subjects),
        tuple(subject.name for subject in subjects),
        member,
        split,
        of_twin,
        np.array([file.stat().st_size for file in files]),
    )
