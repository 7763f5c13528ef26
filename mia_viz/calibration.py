"""Difficulty calibration: an attack's score less its score under a second model.

Easy pictures score high under every model of their kind; what is left when a second model's score is taken away is
what only the model in question knows (Watson et al. 2022, arXiv 2111.08440, with one reference model and the plain
difference). It assumes a second model of the same kind that was not trained on the picture; a picture both were
trained on scores like one that neither was. Pictures that the second model was trained on say nothing about false
alarms, because theirs are pushed down, so hold-outs are always pictures that neither model saw. Pure numpy.
"""

from __future__ import annotations

import numpy as np

from mia_viz.reference import Reference


def calibrated(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Scores of the same pictures under both models, (N,) each: the difference. Raises ValueError for other shapes."""
    own, other = np.asarray(own, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if own.shape != other.shape:
        raise ValueError("Only scores of the same pictures can be subtracted from one another.")
    return own - other


def calibrated_rows(own: Reference, other: Reference, member: bool, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Where a group of pictures stands in either reference, two equally long index arrays.

    member: those that the first model was trained on; else those that neither was. split: of the first reference.
    Pictures that the second reference does not hold are left out.
    """
    place = {sha256: i for i, sha256 in enumerate(other.image_sha256)}
    pairs = [
        (i, place[own.image_sha256[i]])
        for i in np.flatnonzero(own.choose(member, split))
        if own.image_sha256[i] in place and (member or not other.member[place[own.image_sha256[i]]])
    ]
    rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def calibrated_scores(
    own: Reference, other: Reference, key: str, member: bool, split: str, without: str = ""
) -> np.ndarray:
    """Calibrated scores of one attack for a group of pictures (see `calibrated_rows`).

    without: SHA-256 of a picture to leave out.
    """
    rows, others = calibrated_rows(own, other, member, split)
    kept = np.array([own.image_sha256[i] != without for i in rows], dtype=bool)
    return calibrated(own.columns[key].score[rows[kept]], other.columns[key].score[others[kept]])
