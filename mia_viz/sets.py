"""Sets of pictures: was a whole collection used? Many weak signs add up where a single picture says little.

An owner brings suspect pictures and pictures of the same kind that are certainly unseen (made after the model, say).
If the model saw neither, the two are exchangeable, and their mean scores differ by chance alone: a one-sided
permutation test, exact for tiny sets, with Welch's t-test beside it (as dataset inference reports: Dubinski et al.
2025, arXiv 2411.12858). The permutation test's power is found on sets drawn from the reference's members and hold-outs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from scipy.stats import binomtest, permutation_test, rankdata, ttest_ind

ALPHA = 0.01
"""Share of never-trained sets for which the test may call wrongly."""
PERMUTATIONS = 9_999
EXACT = 20_000
"""Sets with no more divisions than this are tested over all of them."""
DRAWS = 1_000
POWER_DIVISIONS = 999
ROUNDING = 1e-3
"""Sums of standardised scores that differ by less are taken as equal, which errs on the careful side."""
SEED = 20_260_101
WANTED = 0.9
LARGEST = 5_000
CHUNK_VALUES = 4_000_000
CAVEAT = (
    "The test compares two collections. It means membership only if nothing else sets them apart: the same source, "
    "kind, years, format and preparation."
)


@dataclass(frozen=True)
class SetTest:
    """Suspect pictures against certainly unseen ones, larger scores = more member-like.

    difference: of mean scores. effect: the difference in pooled standard deviations (Cohen's d), None where there is no
    spread. above: how often a suspect picture scores above an unseen one, ties counting half. p_value: one-sided
    permutation test, exact or from `divisions` random ones as (1 + b) / (1 + B). p_welch: one-sided Welch test, None
    without spread.
    """

    suspects: int
    unseen: int
    difference: float
    effect: float | None
    above: float
    p_value: float
    exact: bool
    divisions: int
    p_welch: float | None

    @property
    def sentence(self) -> str:
        """The finding in words."""
        times = round(1000 * self.p_value)
        often = {0: "less than once", 1: "about once"}.get(times, f"about {times} times")
        clearly = "" if self.p_value <= ALPHA else "not clearly "
        return (
            f"The model's scores are {clearly}higher on the {self.suspects} suspect pictures than on the {self.unseen} "
            f"unseen ones: dealt out at random, the same pictures would differ as much {often} in 1,000."
        )


@dataclass(frozen=True)
class Power:
    """How often the test finds training on `share` of `suspects` pictures, compared with `unseen` ones.

    power: 0 to 1, with its 95 % simulation interval low, high. That interval does not cover how well the reference's
    members and hold-outs, which the sets are drawn from, stand for all.
    """

    suspects: int
    unseen: int
    share: float
    power: float
    low: float
    high: float

    @property
    def sentence(self) -> str:
        """The power in words, as times out of 10, rounded down."""
        trained = "all" if self.share == 1 else f"{100 * self.share:.0f} in 100"
        tenths = int(10 * self.power + 1e-9)
        often = {0: "less than once out of 10", 1: "once out of 10", 10: "practically always"}
        return (
            f"With {self.suspects} pictures this test would find training on {trained} of them "
            f"{often.get(tenths, f'{tenths} times out of 10')}."
        )


def compare_sets(suspects: np.ndarray, unseen: np.ndarray, seed: int = SEED) -> SetTest:
    """Test suspect scores (s,) against unseen scores (u,). Raises ValueError for fewer than two or not finite ones."""
    suspects, unseen = np.asarray(suspects, dtype=np.float64), np.asarray(unseen, dtype=np.float64)
    s, u = len(suspects), len(unseen)
    if min(s, u) < 2:
        raise ValueError("Testing a set needs at least two suspect and two unseen pictures.")
    pooled = np.r_[suspects, unseen]
    if not np.isfinite(pooled).all():
        raise ValueError("Some scores are not finite numbers, so the set cannot be tested.")
    exact = comb(s + u, s) <= EXACT
    found = permutation_test(
        (suspects, unseen),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        n_resamples=np.inf if exact else PERMUTATIONS,
        batch=max(1, CHUNK_VALUES // (s + u)),
        alternative="greater",
        rng=np.random.default_rng(seed),
    )
    difference = float(suspects.mean() - unseen.mean())
    variance = ((s - 1) * suspects.var(ddof=1) + (u - 1) * unseen.var(ddof=1)) / (s + u - 2)
    welch = ttest_ind(suspects, unseen, equal_var=False, alternative="greater").pvalue if variance > 0 else None
    return SetTest(
        s,
        u,
        difference,
        float(difference / np.sqrt(variance)) if variance > 0 else None,
        float((rankdata(pooled)[:s].sum() - s * (s + 1) / 2) / (s * u)),
        float(found.pvalue),
        exact,
        comb(s + u, s) if exact else PERMUTATIONS,
        None if welch is None else float(welch),
    )


def power(
    holdouts: np.ndarray,
    members: np.ndarray,
    suspects: int,
    unseen: int | None = None,
    share: float = 1.0,
    seed: int = SEED,
) -> Power:
    """How often `compare_sets` reaches ALPHA for sets of this size, over DRAWS sets drawn from the reference.

    holdouts (n,), members (m,): scores of the reference, drawn with replacement. unseen: as many as suspects if None.
    share: part of the suspects that was trained on, in (0, 1]. Raises ValueError for sets of fewer than two.
    """
    unseen = suspects if unseen is None else unseen
    if min(suspects, unseen) < 2 or not 0 < share <= 1 or min(len(holdouts), len(members)) == 0:
        raise ValueError("Power needs two or more pictures on each side, a share above 0 and a reference with members.")
    rng = np.random.default_rng([seed, suspects, unseen])
    trained = max(1, round(share * suspects))
    pooled = np.r_[holdouts, members].astype(np.float64)
    centre, scale = pooled.mean(), pooled.std() or 1.0
    divisions = _divisions(suspects, unseen, rng)
    chunk = max(1, CHUNK_VALUES // max(len(divisions), suspects + unseen))
    found = 0
    for start in range(0, DRAWS, chunk):
        rows = min(chunk, DRAWS - start)
        drawn = np.hstack(
            [rng.choice(members, (rows, trained)), rng.choice(holdouts, (rows, suspects - trained + unseen))]
        )
        found += int((_p_values((drawn - centre) / scale, suspects, divisions) <= ALPHA + 1e-12).sum())
    interval = binomtest(found, DRAWS).proportion_ci(method="exact")
    return Power(suspects, unseen, share, found / DRAWS, float(interval.low), float(interval.high))


def _divisions(suspects: int, unseen: int, rng: np.random.Generator) -> np.ndarray:
    """Divisions into suspects (1) and unseen (0), (D, s + u) float32: the true one and all others, or random others."""
    total = suspects + unseen
    first = np.arange(total) < suspects
    if comb(total, suspects) > EXACT:
        drawn = rng.permuted(np.tile(first, (POWER_DIVISIONS, 1)), axis=1)
        return np.vstack([first, drawn]).astype(np.float32)
    table = np.zeros((comb(total, suspects), total), dtype=np.float32)
    for row, chosen in enumerate(combinations(range(total), suspects)):
        table[row, chosen] = 1  # combinations come in order, so the first row is the true division
    return table


def _p_values(drawn: np.ndarray, suspects: int, divisions: np.ndarray) -> np.ndarray:
    """Permutation p-values of sets (R, s + u), suspects first, in standard units. At a fixed total the suspects' sum
    orders divisions as the difference of means does."""
    sums = drawn.astype(np.float32) @ divisions.T
    return (sums >= sums[:, :1] - ROUNDING).mean(axis=1)


def smallest_set(
    holdouts: np.ndarray, members: np.ndarray, unseen: int | None = None, share: float = 1.0, seed: int = SEED
) -> int | None:
    """Fewest suspect pictures, up to LARGEST, for a power of WANTED; None if LARGEST do not reach it.

    unseen: how many certainly unseen pictures there are; as many as suspects if None.
    """

    def enough(suspects: int) -> bool:
        return power(holdouts, members, suspects, unseen, share, seed).power >= WANTED

    high = 2
    while high < LARGEST and not enough(high):
        high = min(2 * high, LARGEST)
    if high == LARGEST and not enough(high):
        return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def smallest_sentence(suspects: int | None) -> str:
    """What `smallest_set` found, in words."""
    if suspects is None:
        return f"Even {LARGEST:,} pictures would not let this test find training on all of them 9 times out of 10."
    return f"About {suspects:,} pictures are enough to find training on all of them 9 times out of 10."
