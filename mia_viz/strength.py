"""Strength of evidence: how much more probable a score is if the picture was in the training set than if it was not.

A likelihood ratio (LR) needs known members as well as hold-outs. Scores become LRs by logistic calibration with both
groups weighted equally, so the fitted odds carry no prior (Morrison 2013, Aust. J. Forensic Sci. 45:173-197). They are
then capped where the reference stops supporting them: the empirical lower and upper bound, ELUB (Vergeer et al. 2016,
Sci. Justice 56:482-491). Words follow the ENFSI guideline for evaluative reporting (2015). Log10 throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

FEWEST = 10
"""Members, and hold-outs, below which no likelihood ratio is given."""

SCALE = (
    (2.0, "no support either way"),
    (10.0, "weak support"),
    (100.0, "moderate support"),
    (1_000.0, "moderately strong support"),
    (10_000.0, "strong support"),
    (1_000_000.0, "very strong support"),
    (np.inf, "extremely strong support"),
)
"""ENFSI's verbal scale: the words for ratios below each edge; the reciprocal ratios take the same words."""


@dataclass(frozen=True)
class Strength:
    """The capped likelihood ratio of one score.

    lr, log10: in favour of "was in the training set". lower, upper: the caps as ratios, lower <= 1 <= upper.
    capped: whether the calibrated ratio lay beyond a cap and was moved to it. words: of the verbal scale. members,
    holdouts: how many known pictures it rests on. cllr: cost of the reference's capped ratios in bits, 0 perfect, 1
    worthless. cllr_min: the same after the best monotone recalibration, so what separation alone would allow.
    """

    lr: float
    log10: float
    lower: float
    upper: float
    capped: bool
    words: str
    members: int
    holdouts: int
    cllr: float
    cllr_min: float

    @property
    def sentence(self) -> str:
        """The ratio in words; always about the findings, never about the picture (no transposed conditional)."""
        times = times_text(self.log10)
        if times == "1":
            return "The findings are about as probable if the image was in the training set as if it was not."
        first, second = ("was", "was not") if self.log10 > 0 else ("was not", "was")
        return (
            f"The findings are about {times} times more probable if the image {first} in the training set "
            f"than if it {second}."
        )

    @property
    def cap(self) -> str:
        """How far the reference can go, in one or two sentences."""
        basis = f"A reference of {self.members} members and {self.holdouts} never-trained pictures"
        up, down = times_text(np.log10(self.upper)), times_text(np.log10(self.lower))
        if up == down == "1":
            return f"{basis} that these scores hardly tell apart supports neither side."
        if up == "1":
            text = f"{basis} supports nothing in favour, and at most {down} times against."
        elif down == "1":
            text = f"{basis} supports at most {up} times in favour, and nothing against."
        else:
            text = f"{basis} supports at most {up} times in favour and {down} times against."
        return text + (" The value found lies beyond that and was set to this limit." if self.capped else "")


@dataclass(frozen=True)
class Calibrator:
    """log10 LR = intercept + slope (score - centre) / scale, slope >= 0."""

    centre: float
    scale: float
    slope: float
    intercept: float

    def log10(self, scores: np.ndarray | float) -> np.ndarray:
        """Uncapped log10 likelihood ratios, of the shape of `scores`."""
        return self.intercept + self.slope * (np.asarray(scores, dtype=np.float64) - self.centre) / self.scale


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a plot of the calibration shows.

    log10, best: (m + n,) the reference's capped log10 LRs in ascending order, and what the best monotone recalibration
    makes of them (infinite at the ends); on the diagonal the ratios mean what they say. log10_odds: (G,) prior odds;
    entropy, neutral, entropy_best: (G,) empirical cross-entropy in bits of these LRs, of LR = 1, and of `best`.
    """

    log10: np.ndarray
    best: np.ndarray
    log10_odds: np.ndarray
    entropy: np.ndarray
    neutral: np.ndarray
    entropy_best: np.ndarray


def strength(score: float, holdouts: np.ndarray, members: np.ndarray | None = None) -> Strength | None:
    """The capped likelihood ratio of one score, from hold-outs (n,) and members (m,), larger = more member-like.

    None where members or hold-outs are missing or fewer than FEWEST. Raises ValueError for numbers that are not finite.
    """
    if members is None or min(len(members), len(holdouts)) < FEWEST:
        return None
    if not np.isfinite(score):
        raise ValueError("A likelihood ratio needs finite scores.")
    calibrator = calibrate(holdouts, members)
    outside, inside = calibrator.log10(holdouts), calibrator.log10(members)
    low, high = bounds(outside, inside)
    free = float(calibrator.log10(score))
    value = float(np.clip(free, low, high))
    capped = [np.clip(group, low, high) for group in (outside, inside)]
    return Strength(
        float(10**value),
        value,
        float(10**low),
        float(10**high),
        value != free,
        words(value),
        len(members),
        len(holdouts),
        cllr(*capped),
        cllr_min(*capped),
    )


def calibrate(holdouts: np.ndarray, members: np.ndarray) -> Calibrator:
    """Logistic calibration of a score on hold-outs (n,) and members (m,).

    Scores are standardised first, so that the mild ridge penalty (C = 1) does not depend on their unit. Larger was
    declared more member-like beforehand: where the data say the opposite, every ratio is 1 rather than turned round.
    """
    scores = np.r_[np.asarray(holdouts, dtype=np.float64), np.asarray(members, dtype=np.float64)]
    if not np.isfinite(scores).all():
        raise ValueError("A likelihood ratio needs finite scores.")
    labels = np.r_[np.zeros(len(holdouts)), np.ones(len(members))]
    centre, scale = float(scores.mean()), float(scores.std()) or 1.0
    fitted = LogisticRegression(class_weight="balanced").fit((scores[:, None] - centre) / scale, labels)
    slope, intercept = fitted.coef_[0, 0] / np.log(10), fitted.intercept_[0] / np.log(10)
    return Calibrator(centre, scale, float(slope), float(intercept)) if slope > 0 else Calibrator(centre, scale, 0, 0)


def bounds(holdouts: np.ndarray, members: np.ndarray) -> tuple[float, float]:
    """ELUB: the lowest and highest log10 LR that these log10 LRs of hold-outs (n,) and members (m,) support.

    With one misleading picture added to either group, deciding by "LR above theta" must not cost more than ignoring
    the LR, for every theta from 1 to the bound (Vergeer et al. 2016, section 2.4). For theta >= 1 that reads
    theta <= (share of members above theta) / (share of hold-outs above theta), solved here exactly between the data
    instead of on a grid. low <= 0 <= high.
    """
    return 0.0 - _upper(-np.asarray(members), -np.asarray(holdouts)), _upper(np.asarray(holdouts), np.asarray(members))


def _upper(wrong: np.ndarray, right: np.ndarray) -> float:
    """Largest x >= 0 with 10^t (1 + #{wrong > t}) / (n + 1) <= #{right > t} / (m + 1) for all t in [0, x)."""
    values = np.r_[wrong, right]
    start = np.r_[0.0, np.unique(values[values > 0])]  # counts stay the same from one start to the next
    wrong_above = len(wrong) - np.searchsorted(np.sort(wrong), start, "right") + 1
    right_above = len(right) - np.searchsorted(np.sort(right), start, "right")
    with np.errstate(divide="ignore"):
        limit = np.log10(right_above / (len(right) + 1)) - np.log10(wrong_above / (len(wrong) + 1))
    first = int(np.argmax(limit < np.r_[start[1:], np.inf]))  # beyond all data the limit is -inf, so there is one
    return float(max(start[first], limit[first]))


def cllr(holdouts: np.ndarray, members: np.ndarray) -> float:
    """Log-likelihood-ratio cost in bits of log10 LRs (Brummer and du Preez 2006, eq. 12 with equal priors)."""
    return float(_entropy(np.asarray(holdouts), np.asarray(members), np.zeros(1))[0])


def cllr_min(holdouts: np.ndarray, members: np.ndarray) -> float:
    """Cllr after the best monotone recalibration: what separation alone would allow."""
    return cllr(*best_monotone(holdouts, members))


def best_monotone(holdouts: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log10 LRs of hold-outs (n,) and members (m,) after pool-adjacent-violators; infinite where one group is alone."""
    values = np.r_[holdouts, members]
    labels = np.r_[np.zeros(len(holdouts)), np.ones(len(members))]
    weights = np.r_[np.full(len(holdouts), 1 / len(holdouts)), np.full(len(members), 1 / len(members))]
    share = np.clip(IsotonicRegression().fit(values, labels, weights).predict(values), 0, 1)
    with np.errstate(divide="ignore"):
        ratios = np.log10(share) - np.log10(1 - share)
    return ratios[: len(holdouts)], ratios[len(holdouts) :]


def _entropy(holdouts: np.ndarray, members: np.ndarray, log10_odds: np.ndarray) -> np.ndarray:
    """Empirical cross-entropy in bits at prior odds (G,) (Ramos and Gonzalez-Rodriguez 2013), (G,)."""
    odds = log10_odds[:, None] * np.log(10)
    prior = 1 / (1 + np.exp(-odds[:, 0]))
    outside = np.logaddexp(0, odds + holdouts * np.log(10)).mean(axis=1)
    inside = np.logaddexp(0, -odds - members * np.log(10)).mean(axis=1)
    return (prior * inside + (1 - prior) * outside) / np.log(2)


def calibration(holdouts: np.ndarray, members: np.ndarray) -> Calibration:
    """What the calibration plot shows of scores of hold-outs (n,) and members (m,)."""
    calibrator = calibrate(holdouts, members)
    groups = [calibrator.log10(group) for group in (holdouts, members)]
    low, high = bounds(*groups)
    outside, inside = (np.clip(group, low, high) for group in groups)
    best = best_monotone(outside, inside)
    order = np.argsort(np.r_[outside, inside], kind="stable")
    odds = np.linspace(-3, 3, 121)
    return Calibration(
        np.r_[outside, inside][order],
        np.r_[best][order],
        odds,
        _entropy(outside, inside, odds),
        _entropy(np.zeros(1), np.zeros(1), odds),
        _entropy(*best, odds),
    )


def words(log10: float) -> str:
    """The verbal scale's words for a log10 LR, naming the side they support."""
    size = 10 ** abs(log10) * (1 + 1e-12)  # 10^1 is 10, whatever the last bit says
    text = next(text for edge, text in SCALE if size < edge or np.isinf(edge))
    if text == SCALE[0][1]:
        return text
    return f"{text} that the image {'was' if log10 > 0 else 'was not'} in the training set"


def times_text(log10: float) -> str:
    """The size of a ratio or of its reciprocal for a sentence: "1", "1.4", "7.2", "35", "1,300"."""
    size = float(10 ** abs(log10))
    if size >= 100:
        size = float(f"{size:.2g}")
    return f"{size:,.0f}" if size >= 9.95 else f"{size:.1f}".removesuffix(".0")
