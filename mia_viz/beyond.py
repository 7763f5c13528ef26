"""What a combined score says beyond the picture's difficulty, and beyond what a twin says of the same picture.

A twin is a model trained in the same way on other pictures. How it scores a picture tells how hard the picture is for
such models, in ways that measures of detail miss. Where the twin's reference holds the very hold-outs that the picture
is ranked among, the twin's combined score is one more thing to take out. Free of torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mia_viz.case import Case
from mia_viz.reference import Reference
from mia_viz.together import Together
from mia_viz.verdict import Verdict, judge

ZONES = {
    "stands out": "the score stands out",
    "inconclusive": "the score is inconclusive",
    "ordinary": "the score is ordinary",
}


@dataclass(frozen=True)
class Beside:
    """The combined score after taking out the twin's as well. title: what the twin is called. explained: share of
    variance that difficulty and twin explain together. verdict: without members, whom the twin's reference lacks."""

    title: str
    verdict: Verdict
    explained: float

    @property
    def sentence(self) -> str:
        """The finding in words."""
        return (
            f"How simple a picture is and how the twin, {self.title}, scores it explain {100 * self.explained:.0f} % "
            f"together. With both taken out, {ZONES[self.verdict.zone]} (p = {self.verdict.p_value:.3f})."
        )


@dataclass(frozen=True)
class Beyond:
    """The combined score after taking out what the picture's difficulty predicts. explained: share of variance.

    beside: the same with a twin's score taken out as well; None where no twin scored the same hold-outs.
    """

    verdict: Verdict
    explained: float
    beside: Beside | None = None

    @property
    def sentence(self) -> str:
        """The finding in words, the twin aside."""
        return (
            f"How simple a picture is explains {100 * self.explained:.0f} % of how these scores vary. With that taken "
            f"out, {ZONES[self.verdict.zone]} (p = {self.verdict.p_value:.3f})."
        )


def beyond(
    case: Case, reference: Reference, whole: Together, twin: tuple[Together, Reference, str] | None = None
) -> Beyond | None:
    """None where the file holds no features, or fewer hold-outs than a fit needs.

    twin: the same picture's combined score under the twin, the twin's reference, and what the twin is called.
    """
    if reference.difficulty is None:
        return None
    from mia_viz.difficulty import difficulty, residuals

    rows = {member: reference.choose(member, "calibration", (case.sha256,)) for member in (False, True)}
    own, (outside, inside) = difficulty(case.values[None])[0], (reference.difficulty[rows[m]] for m in (False, True))
    try:
        found = residuals(whole.score, own, whole.holdouts, outside, whole.members, inside)
    except ValueError:
        return None
    verdict = judge(found.score, found.holdouts, found.members)
    names = [reference.image_sha256[k] for k in np.flatnonzero(rows[False])]
    return Beyond(verdict, found.explained, _beside(whole, own, outside, names, case.sha256, twin))


def _beside(
    whole: Together,
    own: np.ndarray,
    outside: np.ndarray,
    names: Sequence[str],
    sha256: str,
    twin: tuple[Together, Reference, str] | None,
) -> Beside | None:
    """None unless the twin scored all of the named hold-outs, as hold-outs, or with too few of them for a fit.

    Picture and hold-outs are treated alike under the twin too, so the rank of the residual stays valid for pictures
    that neither model was trained on. One that the twin was trained on scores higher there, and so lower here.
    """
    if twin is None:
        return None
    from mia_viz.difficulty import residuals

    heard, known, title = twin
    rows = np.flatnonzero(known.choose(False, "calibration", (sha256,)))
    scores = {known.image_sha256[k]: score for k, score in zip(rows, heard.holdouts, strict=True)}
    if not all(name in scores for name in names):
        return None
    table = np.c_[outside, [scores[name] for name in names]]
    try:
        found = residuals(whole.score, np.r_[own, heard.score], whole.holdouts, table)
    except ValueError:
        return None
    return Beside(title, judge(found.score, found.holdouts), found.explained)
