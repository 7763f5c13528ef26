"""What a filter does to a method: scores of known pictures from their ring energies, AUC, errors and the verdict.

Everything here is a matrix product and two sorts, so 10,000 reference pictures take milliseconds. The score is
-log10 of the squared error that passes the filter, summed over channels and averaged over the method's comparisons:
methods that publish another distance (PIA's fourth power, FCRE's error per pixel and its SSIM term) are judged here by
this one error, so that all of them can be filtered alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mia_viz.evaluation import Interval, Scores, rates, threshold_at
from mia_viz.laboratory.sieve import Sieve, ring_of, ring_weights
from mia_viz.reference import Reference
from mia_viz.verdict import Verdict, judge

TINY = 1e-12
FALSE_ALARMS = 0.05
Z = 1.959963984540054
"""Two-sided 95 % of a normal distribution."""


@dataclass(frozen=True, eq=False)
class Spectra:
    """Ring energies of M known pictures under one method.

    energy: (M, bands). member, test: (M,) bool; what is not test is calibration. height, width: of the residual's
    grid. detail: (M,) log10 of the pictures' fine detail, or None in older files. names: of the pictures.
    """

    energy: np.ndarray
    member: np.ndarray
    test: np.ndarray
    height: int
    width: int
    detail: np.ndarray | None = None
    names: tuple[str, ...] = ()

    @property
    def bands(self) -> int:
        return self.energy.shape[1]

    def group(self, member: bool, test: bool) -> np.ndarray:
        """Boolean mask (M,) of members or hold-outs of a split."""
        return (self.member == member) & (self.test == test)

    def weights(self, sieve: Sieve) -> np.ndarray:
        """`ring_weights` on this grid."""
        return ring_weights(sieve, self.height, self.width, self.bands)


@dataclass(frozen=True, eq=False)
class Reading:
    """A method under one filter.

    scores: (M,), larger = more member-like. query: the score of the picture in question, or None. calibration, test:
    AUC with its 95 % interval (DeLong); test is None without test pictures. threshold: the score that at most 5 % of
    the calibration hold-outs reach. found: share of calibration members that reach it. test_found, test_accused:
    shares of test members and test hold-outs that reach it. verdict: the picture's place among calibration hold-outs.
    """

    scores: np.ndarray
    query: float | None
    calibration: Interval
    test: Interval | None
    threshold: float
    found: float
    test_found: float | None
    test_accused: float | None
    verdict: Verdict | None


def spectra(reference: Reference, key: str, size: tuple[int, int], without: Sequence[str] = ()) -> Spectra:
    """A reference's column as Spectra; size: (H, W) of the residual; without: SHA-256 of pictures to leave out.

    Energies are rounded to float32, the precision in which they are stored and sent to a browser.
    """
    kept = ~np.isin(np.array(reference.image_sha256), list(without)) & np.isin(reference.split, ("calibration", "test"))
    energy = reference.columns[key].energy[kept].mean(axis=1).astype(np.float32).astype(np.float64)
    detail = None if reference.difficulty is None else reference.difficulty[kept, 0]
    names = tuple(name for name, keep in zip(reference.names, kept, strict=True) if keep)
    return Spectra(energy, reference.member[kept], reference.split[kept] == "test", *size, detail, names)


def score(energy: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """-log10 of the error that passes: energy (..., bands) -> (...)."""
    return -np.log10(np.maximum(energy @ weights, TINY))


def read(known: Spectra, sieve: Sieve, query: np.ndarray | None = None) -> Reading:
    """Score everything under a filter; query: ring energies (bands,) of the picture in question."""
    return read_weights(known, known.weights(sieve), query)


def read_weights(known: Spectra, weights: np.ndarray, query: np.ndarray | None = None) -> Reading:
    """`read` with any non-negative weights per ring (bands,)."""
    scores = score(known.energy, weights)
    groups = [Scores(*(scores[known.group(member, test)] for member in (True, False))) for test in _splits(known)]
    calibration, test = (*groups, None)[:2]
    threshold = threshold_at(calibration.holdouts, FALSE_ALARMS)
    tested = (None, None) if test is None else rates(test, threshold)
    own = None if query is None else float(score(query, weights))
    verdict = None if own is None else judge(own, calibration.holdouts, calibration.members)
    found = rates(calibration, threshold)[0]
    return Reading(
        scores,
        own,
        delong(calibration.members, calibration.holdouts),
        None if test is None else delong(test.members, test.holdouts),
        threshold,
        found,
        *tested,
        verdict,
    )


def _splits(known: Spectra) -> tuple[bool, ...]:
    whole = known.test.any() and known.group(True, True).any() and known.group(False, True).any()
    return (False, True) if whole else (False,)


def delong(members: np.ndarray, holdouts: np.ndarray) -> Interval:
    """AUC with its 95 % interval from the placements of every score (DeLong et al. 1988), cut at 0 and 1.

    Bootstrap intervals would take seconds per move; this takes two sorts. Where the groups lie wholly apart, the
    variance is zero, as it is for the bootstrap, and the interval says no more than the value.
    """
    inside, outside = _placements(members, holdouts), 1 - _placements(holdouts, members)
    value = float(inside.mean())
    spread = [part.var(ddof=1) / len(part) if len(part) > 1 else 0.0 for part in (inside, outside)]
    half = Z * float(np.sqrt(sum(spread)))
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


def _placements(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of the others that each value exceeds, ties counting one half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(others))


def auc_map(known: Spectra) -> np.ndarray:
    """AUC on the calibration pictures of every sharp band between two ring edges, (bands, bands + 1).

    Row i, column j: the rings i..j-1; NaN where there is no ring between them or none of its rings has a bin.
    """
    members, holdouts = (known.energy[known.group(member, False)] for member in (True, False))
    cumulated = [np.cumsum(np.c_[np.zeros(len(rows)), rows], axis=1) for rows in (members, holdouts)]
    counts = np.cumsum(np.r_[0, ring_of(known.height, known.width, known.bands)[1]])
    found = np.full((known.bands, known.bands + 1), np.nan)
    for first in range(known.bands):
        for end in range(first + 1, known.bands + 1):
            if counts[end] > counts[first]:
                inside, outside = (part[:, first] - part[:, end] for part in cumulated)
                found[first, end] = _placements(inside, outside).mean()
    return found


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Test pictures judged wrongly at the calibration threshold, (M,) bool each: members missed, hold-outs accused."""

    missed: np.ndarray
    accused: np.ndarray


def mistakes(known: Spectra, reading: Reading) -> Mistakes:
    """Which test pictures a filter gets wrong at 5 % false alarms on the calibration pictures."""
    over = reading.scores >= reading.threshold
    return Mistakes(known.group(True, True) & ~over, known.group(False, True) & over)
