"""From a score to a statement with a known error rate.

The p-value is the score's rank among pictures the model never saw, (1 + #{reference >= score}) / (n + 1), which is
valid for any n when the picture is exchangeable with them (conformal p-value; Vovk et al. 2005). It is shown as a
natural frequency, because percentages of guilt are misread. Members enter only to say when a score is too low for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, rankdata

STANDS_OUT = 0.01
ORDINARY = 0.10
NEEDED = round(1 / STANDS_OUT) - 1
"""Never-trained pictures from which a p-value can be small enough to stand out."""
ZONES = ("stands out", "inconclusive", "ordinary")


@dataclass(frozen=True)
class Verdict:
    """A score's place among never-trained pictures.

    p_value: in (0, 1]. at_least: how many of the `n` never-trained pictures score at least this high. per_thousand:
    the natural frequency with its 95 % Clopper-Pearson interval `low`, `high`. members_below: share of known members
    scoring no higher, or None without members. zone: one of ZONES; never "ordinary" for a score above all others.
    """

    p_value: float
    at_least: int
    n: int
    per_thousand: float
    low: float
    high: float
    members_below: float | None
    zone: str

    @property
    def frequency(self) -> str:
        """The natural frequency in one sentence."""
        if self.at_least == 0 and self.n == 1:
            return "The one never-trained picture we tried scored lower, which says next to nothing."
        if self.at_least == 0:
            return (
                f"None of the {self.n} never-trained pictures we tried scored this high; "
                f"in 1,000 such pictures we would expect fewer than {np.ceil(self.high):.0f}."
            )
        return (
            f"Of 1,000 pictures this model never saw, about {self.per_thousand:.0f} score this high "
            f"({self.at_least} of the {self.n} we tried; 95 % interval {self.low:.0f} to {self.high:.0f})."
        )


def judge(score: float, holdouts: np.ndarray, members: np.ndarray | None = None) -> Verdict:
    """Place one score among hold-outs (n,) and, where known, members. Raises ValueError without hold-outs."""
    n = len(holdouts)
    if n == 0 or not np.isfinite(score) or np.isnan(holdouts).any():
        raise ValueError("A verdict needs a finite score and at least one picture the model never saw.")
    at_least = int((holdouts >= score).sum())
    p_value = (1 + at_least) / (n + 1)
    low = 0.0 if at_least == 0 else float(beta.ppf(0.025, at_least, n - at_least + 1))
    high = 1.0 if at_least == n else float(beta.ppf(0.975, at_least + 1, n - at_least))
    below = None if members is None or len(members) == 0 else float((members <= score).mean())
    place = zone(p_value)
    if at_least == 0 and place == "ordinary":  # above all of them; they are too few to say more
        place = "inconclusive"
    return Verdict(p_value, at_least, n, 1000 * at_least / n, 1000 * low, 1000 * high, below, place)


def too_few(holdouts: int) -> str:
    """That so few never-trained pictures (at least 1, fewer than NEEDED) let no picture stand out, in words."""
    least = 1 / (holdouts + 1)
    if holdouts == 1:
        return f"No picture can stand out with only 1 never-trained picture: its p-value is {least:.3f} at the least."
    return (
        f"No picture can stand out with only {holdouts} never-trained pictures: its p-value is {least:.3f} at the "
        f"least, and standing out takes {STANDS_OUT}, for which {NEEDED} of them are needed."
    )


def zone(p_value: float) -> str:
    """ZONES by p-value: at most 0.01 stands out, above 0.10 is ordinary, between lies the inconclusive zone."""
    if p_value <= STANDS_OUT:
        return "stands out"
    return "ordinary" if p_value > ORDINARY else "inconclusive"


def rank_sums(
    scores: Mapping[str, float], holdouts: Mapping[str, np.ndarray], members: Mapping[str, np.ndarray]
) -> tuple[float, np.ndarray, np.ndarray]:
    """One score from several attacks by ranks, for `judge`: the picture's, of hold-outs (n,), of members (m,).

    For each attack the picture and the n hold-outs are ranked together, and ranks are added up over attacks. Treating
    the picture like any hold-out keeps the p-value of its sum valid, which picking the best attack afterwards would
    not. All hold-out arrays list the same pictures in the same order.
    """
    # Sums of half-integer ranks are exact, so equal mean ranks stay equal.
    pooled = np.sum([rankdata(np.append(holdouts[name], scores[name])) for name in scores], axis=0)
    inside = np.sum([_rank_among(members[name], holdouts[name]) for name in scores], axis=0)
    return float(pooled[-1]), pooled[:-1], np.asarray(inside, dtype=np.float64)


def _rank_among(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The rank each value would have if it alone joined the others; ties share the middle rank, as in `rankdata`."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2 + 1


SENTENCES = {
    "stands out": "The model behaves as if it had been trained on this picture.",
    "inconclusive": "The evidence is inconclusive.",
    "ordinary": "The model treats this picture like one it has never seen.",
}
CAVEAT = (
    "This describes how the model behaves, not what its makers did. It holds for pictures like those of the reference, "
    "and a near-copy of a training picture scores high too."
)
