"""The one number that is the result: a picture's score over all attacks of the walk, and its place in the reference.

The rule is fixed before anything is asked. With enough known members the attacks are weighed by
`mia_viz.combined.weigh`; without, their ranks are added up (`mia_viz.verdict.rank_sums`); one attack alone counts as
it is. Attacks that the reference does not hold take no part, which depends on the reference and never on the picture.
Free of torch; scikit-learn is loaded only when something is combined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mia_viz.case import Finding
from mia_viz.reference import Reference
from mia_viz.verdict import Verdict, judge, rank_sums

if TYPE_CHECKING:
    from mia_viz.strength import Strength

RULES = {
    "weighed": "the attacks' scores, weighed by a cross-fitted logistic regression on the reference",
    "ranks": "the sum of the attacks' ranks, because the reference has too few known members to weigh them",
    "single": "the one attack's own score",
}


@dataclass(frozen=True, eq=False)
class Together:
    """One score from several attacks, larger = more member-like.

    score: the picture's. holdouts (n,), members (m,): the reference's, the picture itself left out. methods: reference
    columns it rests on. rule: one of RULES. weights: by method, per standard deviation, empty unless weighed.
    verdict: the score's place. strength: the capped likelihood ratio, None with too few members or hold-outs.
    """

    score: float
    holdouts: np.ndarray
    members: np.ndarray
    methods: tuple[str, ...]
    rule: str
    weights: tuple[float, ...]
    verdict: Verdict
    strength: Strength | None


def together(findings: Sequence[Finding], reference: Reference | None, sha256: str) -> Together | None:
    """The combined score of a picture whose prepared pixels have this SHA-256.

    None without a reference that holds at least one of the attacks, and where an attack gave no finite number.
    """
    if reference is None or not all(np.isfinite(f.score) for f in findings):
        return None
    scores = {f.key: f.score for f in findings if f.verdict is not None}
    if not scores:
        return None
    holdouts, members = (
        {key: reference.scores(key, member, without=(sha256,)) for key in scores} for member in (False, True)
    )
    return of_scores(scores, holdouts, members)


def of_scores(
    scores: Mapping[str, float], holdouts: Mapping[str, np.ndarray], members: Mapping[str, np.ndarray]
) -> Together:
    """The combined score from scores by attack; all arrays of a group list the same pictures in the same order."""
    from mia_viz.strength import strength

    rule, weights, parts = _combine(scores, holdouts, members)
    verdict = judge(*parts)
    return Together(*parts, tuple(scores), rule, weights, verdict, strength(*parts))


def _combine(
    scores: Mapping[str, float], holdouts: Mapping[str, np.ndarray], members: Mapping[str, np.ndarray]
) -> tuple[str, tuple[float, ...], tuple[float, np.ndarray, np.ndarray]]:
    """The rule applied, the weights, and (score, hold-outs, members)."""
    if len(scores) == 1:
        (key,) = scores
        return "single", (), (float(scores[key]), holdouts[key], members[key])
    from mia_viz.combined import weigh

    found = weigh(scores, holdouts, members)
    if found is None:
        return "ranks", (), rank_sums(scores, holdouts, members)
    return "weighed", tuple(float(w) for w in found.weights), (found.score, found.holdouts, found.members)
