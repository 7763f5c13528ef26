"""The agree number of DRC: calling a picture a member when at least k of its K restorations are like the original.

Fu X. et al. 2024 (arXiv 2403.08487, Fig. 4) show precision and recall against k. From which likeness a restoration
agrees is fixed on the calibration split; what k then achieves is measured on the test split. Pure numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mia_viz.evaluation import Scores, best_threshold


@dataclass(frozen=True)
class AgreePoint:
    """What the rule "at least `at_least` restorations agree" achieves.

    recall: share of the members it finds. false_alarms: share of the hold-outs it takes for members. precision:
    share of members among the pictures it finds, if there were as many members as hold-outs; None when it finds none.
    members, holdouts: how many of each it finds, for any other mix.
    """

    at_least: int
    precision: float | None
    recall: float
    false_alarms: float
    members: int
    holdouts: int


@dataclass(frozen=True)
class Agreement:
    """One attack's points for k = 1..K; agree_at: a restoration agrees when its likeness exceeds this."""

    key: str
    agree_at: float
    points: tuple[AgreePoint, ...]


def agree_threshold(members: np.ndarray, holdouts: np.ndarray) -> float:
    """The likeness that separates single restorations of members (m, K) from those of hold-outs (n, K) best.

    Largest balanced accuracy over restorations, halfway to the next lower likeness seen, so that a hair's breadth
    decides nothing. The largest likeness of all, so that nothing agrees, where members are not the more alike.
    """
    scores = Scores(members.ravel(), holdouts.ravel())
    threshold = best_threshold(scores)
    if not np.isfinite(threshold):
        return float(scores.pooled.max())
    below = scores.pooled[scores.pooled < threshold]
    return float((threshold + below.max()) / 2) if len(below) else float(np.nextafter(threshold, -np.inf))


def agreement(members: np.ndarray, holdouts: np.ndarray, agree_at: float) -> tuple[AgreePoint, ...]:
    """Points for k = 1..K from likenesses of members (m, K) and hold-outs (n, K).

    Raises ValueError without members, without hold-outs, or when they differ in K.
    """
    if members.ndim != 2 or holdouts.ndim != 2 or members.shape[1] != holdouts.shape[1]:
        raise ValueError("Members and hold-outs need the same number of restorations each.")
    if len(members) == 0 or len(holdouts) == 0:
        raise ValueError("The agree number needs at least one member and one hold-out.")
    votes = [(likeness > agree_at).sum(axis=1) for likeness in (members, holdouts)]
    return tuple(_point(k, *(agreeing >= k for agreeing in votes)) for k in range(1, members.shape[1] + 1))


def _point(at_least: int, members: np.ndarray, holdouts: np.ndarray) -> AgreePoint:
    recall, false_alarms = float(members.mean()), float(holdouts.mean())
    found = recall + false_alarms
    precision = recall / found if found else None
    return AgreePoint(at_least, precision, recall, false_alarms, int(members.sum()), int(holdouts.sum()))
