"""A frequency band chosen on one set of pictures and measured on another, from stored energies alone.

By Parseval the squared error inside a radial band is the sum of the residual's energy over the band's rings, and
references keep that energy. So every band between two ring edges can be tried without asking a model. FCRE (Zhao et
al. 2025, arXiv 2506.14919) cuts at .15 and .85 and says that the best cut varies with the data. Pure numpy.

Exact for bands that begin and end at ring edges; for others a ring on the edge counts by the share of its bins inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mia_viz.evaluation import Interval, Scores, auc, auc_difference, auc_interval

LITERAL = (0.15, 0.85)
"""FCRE's cuts, read as shares of Nyquist (its variant V3)."""
PRECISE = 1e6
"""Edges are rounded up to a millionth of Nyquist, so that they can be written as a filter and cut the same bins."""


@dataclass(frozen=True, eq=False)
class Energies:
    """Residual energy per ring of the members (m, bands) and hold-outs (n, bands) of one split."""

    members: np.ndarray
    holdouts: np.ndarray

    def scores(self, gains: np.ndarray) -> Scores:
        """Minus the squared error under a filter with these squared gains per ring (bands,)."""
        return Scores(-(self.members @ gains), -(self.holdouts @ gains))


@dataclass(frozen=True)
class BandChoice:
    """One attack's band and what it achieves on the test split.

    lo, hi: the chosen band, shares of Nyquist. calibration: AUC it was chosen for. test, unfiltered, literal: AUC on
    the test split of the squared error in the band, in all frequencies and in FCRE's band. over_unfiltered,
    over_literal: differences of AUC, paired over pictures.
    """

    key: str
    lo: float
    hi: float
    calibration: float
    test: Interval
    unfiltered: Interval
    literal: Interval
    over_unfiltered: Interval
    over_literal: Interval


def nyquist_shares(height: int, width: int) -> np.ndarray:
    """Distance of every FFT bin to zero frequency as a share of Nyquist, (H, W), unshifted."""
    return np.hypot(np.fft.fftfreq(height)[:, None] * 2, np.fft.fftfreq(width)[None, :] * 2)


def ring_edges(height: int, width: int, bands: int) -> np.ndarray:
    """Edges of the rings of `frequency.radial_energy` as shares of Nyquist, (bands + 1,), the corner inside the last.

    Filter("band", lo=edges[i], hi=edges[j]) lets exactly the rings i..j-1 through.
    """
    highest = nyquist_shares(height, width).max()
    return np.ceil(np.arange(bands + 1) * (highest + 1e-12) / bands * PRECISE) / PRECISE


def band_gains(lo: float, hi: float, height: int, width: int, bands: int) -> np.ndarray:
    """Share of every ring's bins that lie in [lo, hi), (bands,)."""
    rho, edges = nyquist_shares(height, width), ring_edges(height, width, bands)
    index = np.clip(np.searchsorted(edges, rho.ravel(), side="right") - 1, 0, bands - 1)
    inside = ((rho >= lo) & (rho < hi)).ravel()
    counts = np.bincount(index, minlength=bands)
    return np.bincount(index, inside, minlength=bands) / np.maximum(counts, 1)


def choose_band(energies: Energies) -> tuple[int, int, float]:
    """The rings first..end-1 whose summed energy tells members best, and their AUC; the widest of equally good ones."""
    bands = energies.members.shape[1]
    pairs = [(first, end) for first in range(bands) for end in range(first + 1, bands + 1)]
    pairs.sort(key=lambda pair: pair[0] - pair[1])
    found = [auc(energies.scores(_rings(first, end, bands))) for first, end in pairs]
    best = int(np.argmax(found))
    return *pairs[best], found[best]


def evaluate_band(key: str, calibration: Energies, test: Energies, height: int, width: int) -> BandChoice:
    """Choose a band on the calibration split and measure it on the test split; `height`, `width` of the residual."""
    bands = calibration.members.shape[1]
    first, end, chosen_auc = choose_band(calibration)
    edges = ring_edges(height, width, bands)
    chosen = test.scores(_rings(first, end, bands))
    unfiltered = test.scores(np.ones(bands))
    literal = test.scores(band_gains(*LITERAL, height, width, bands))
    return BandChoice(
        key,
        float(edges[first]),
        float(edges[end]),
        chosen_auc,
        *(auc_interval(scores) for scores in (chosen, unfiltered, literal)),
        auc_difference(chosen, unfiltered),
        auc_difference(chosen, literal),
    )


def _rings(first: int, end: int, bands: int) -> np.ndarray:
    inside = np.arange(bands)
    return ((inside >= first) & (inside < end)).astype(np.float64)
