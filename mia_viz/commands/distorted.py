"""Evaluates attacks on distorted pictures, members and hold-outs alike, against the same pictures undistorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mia_viz.pictures.distortions import Distortion

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.commands.known import KnownPictures
    from mia_viz.evaluation import Interval
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target


@dataclass(frozen=True)
class Distorted:
    """One attack under one distortion of the test pictures; change: of its AUC, paired over pictures."""

    distortion: str
    attack: str
    auc: Interval
    change: Interval


def parse(text: str) -> tuple[Distortion, ...]:
    """The distortions of a comma-separated list. Raises ValueError with a sentence."""
    return tuple(Distortion.parse(part) for part in text.split(",") if part.strip())


def tested(pictures: KnownPictures) -> KnownPictures:
    """The test split alone."""
    rows = pictures.split == "test"
    chosen = np.flatnonzero(rows)
    told = pictures.chosen_captions(rows)
    return replace(
        pictures,
        pictures=pictures.pictures[chosen],
        sha256=tuple(pictures.sha256[i] for i in chosen),
        names=tuple(pictures.names[i] for i in chosen),
        member=pictures.member[rows],
        split=pictures.split[rows],
        of_twin=pictures.of_twin[rows],
        byte_size=pictures.byte_size[rows],
        captions=None if told is None else tuple(told),
    )


def distort(pictures: KnownPictures, distortion: Distortion, seed: int = 0) -> KnownPictures:
    """The same pictures distorted; their names, membership and captions stay."""
    import torch

    changed = [distortion.apply(values, seed) for values in pictures.pictures.numpy()]
    return replace(pictures, pictures=torch.from_numpy(np.stack(changed)))


def evaluate(
    target: Target,
    table: Reference,
    plans: Sequence[Plan],
    pictures: KnownPictures | None,
    chosen: Sequence[Distortion],
) -> tuple[Distorted, ...]:
    """Every plan under every distortion; `table` holds the undistorted scores of the same pictures.

    Raises ValueError when only scores are at hand.
    """
    from mia_viz.commands.evaluate import measured, split_scores
    from mia_viz.evaluation import auc_difference, auc_interval

    if not chosen:
        return ()
    if pictures is None:
        raise ValueError("Distortions need the pictures, and only scores are stored; give --members and --holdouts.")
    plain, found = tested(pictures), []
    for distortion in chosen:
        scores, _ = measured(target, distort(plain, distortion), plans, f"{distortion} ")
        for item in plans:
            pair = [split_scores(part, item.key, "test") for part in (scores, table)]
            found.append(Distorted(str(distortion), item.key, auc_interval(pair[0]), auc_difference(*pair)))
    return tuple(found)
