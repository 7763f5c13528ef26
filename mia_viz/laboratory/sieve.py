"""Radial filters in numpy alone, for a screen that must be there before torch is.

The formulas are those of `mia_viz.frequency.Filter`; tests hold the two together. Frequencies are shares of Nyquist.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mia_viz.bands import LITERAL, nyquist_shares, ring_edges

SHAPES = ("ideal", "gaussian", "butterworth")
HIGHEST = 1.42
"""The right end of the track: just beyond the corner (sqrt 2). A band that ends here has no upper edge at all."""
FAR = 1000.0
"""An upper edge written into a filter's text that no frequency comes near, so that soft flanks stay flat."""
FREMIA_BINS, FREMIA_REST = 5, 0.2


@dataclass(frozen=True)
class Sieve:
    """What passes: 1 between the Nyquist shares `lo` and `hi`, `rest` (0 to 1) elsewhere, with a flank of some shape.

    shape: "ideal" (sharp), "gaussian" or "butterworth" (order 4); soft flanks are one half at their edge.
    """

    lo: float = 0.0
    hi: float = HIGHEST
    shape: str = "ideal"
    rest: float = 0.0

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"A band's shape is one of {', '.join(SHAPES)}.")
        if not 0 <= self.lo < self.hi:
            raise ValueError("A band needs a low edge of at least 0 and a high edge above it.")
        if not 0 <= self.rest <= 1:
            raise ValueError("What passes outside a band is a share between 0 and 1.")

    @property
    def is_open(self) -> bool:
        """Whether the band has no upper edge."""
        return self.hi >= HIGHEST

    @property
    def text(self) -> str:
        """The same filter for the command line, see `mia_viz.frequency.Filter.parse`; empty where it has none."""
        if self.rest > 0:
            return ""
        if self.lo == 0 and self.is_open:
            return "none"
        hi = FAR if self.is_open else self.hi
        return f"band:lo={self.lo:g},hi={hi:g}" + ("" if self.shape == "ideal" else f",shape={self.shape}")

    def gain(self, rho: np.ndarray) -> np.ndarray:
        """Gain at distances rho from zero frequency (shares of Nyquist), same shape, in [0, 1]."""
        if self.shape == "ideal":
            inside = ((rho >= self.lo) & (self.is_open | (rho < self.hi))).astype(np.float64)
        else:
            upper = np.ones_like(rho) if self.is_open else _flank(rho, self.hi, self.shape)
            inside = upper * (1 - _flank(rho, self.lo, self.shape))
        return self.rest + (1 - self.rest) * inside

    def mask(self, height: int, width: int) -> np.ndarray:
        """Gain of every FFT bin, (H, W), unshifted."""
        return self.gain(nyquist_shares(height, width))

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """A picture (..., H, W) through the filter, float64."""
        return np.fft.ifft2(np.fft.fft2(picture) * self.mask(*picture.shape[-2:])).real


def _flank(rho: np.ndarray, edge: float, shape: str) -> np.ndarray:
    """A smooth low-pass that is one half at `edge`; nothing passes with edge 0."""
    if edge <= 0:
        return np.zeros_like(rho)
    if shape == "gaussian":
        return np.exp2(-((rho / edge) ** 2))
    return 1 / (1 + (rho / edge) ** 8)


EVERYTHING = Sieve()
FCRE = Sieve(*LITERAL)


def fremia(side: int) -> Sieve:
    """FreMIA's low-pass r = 5 bins, s = 0.2 on a square grid of `side` (arXiv 2505.20955, eq. 9).

    The edge is a hair beyond 5 bins, because the paper's disc includes it.
    """
    return Sieve(0.0, 2 * FREMIA_BINS / side + 1e-6, "ideal", FREMIA_REST)


@lru_cache(maxsize=32)
def ring_of(height: int, width: int, bands: int) -> tuple[np.ndarray, np.ndarray]:
    """Ring (0..bands-1) of every FFT bin, flat (H * W,), and how many bins every ring has, (bands,).

    On small grids some rings have none.
    """
    edges = ring_edges(height, width, bands)
    index = np.clip(np.searchsorted(edges, nyquist_shares(height, width).ravel(), side="right") - 1, 0, bands - 1)
    return index, np.bincount(index, minlength=bands)


def ring_weights(sieve: Sieve, height: int, width: int, bands: int) -> np.ndarray:
    """Mean squared gain on every ring, (bands,): the weights that turn ring energies into the squared error.

    By Parseval |F r|^2 = sum over bins of gain^2 * power. Summing ring by ring with the mean squared gain is exact
    where the gain is constant on each ring: sharp bands that begin and end at ring edges, and everything. Otherwise a
    ring that an edge cuts counts in part, as if its power were spread evenly. With 32 rings on 64 x 64 pixels a ring
    is 0.044 of Nyquist wide; on residuals of the bundled brain model, bands at least 0.1 wide are met within 7 % with
    soft edges and within 19 % with sharp ones, worst where narrow bands cut the few bins of the coarsest rings. The
    picture in question and the known pictures are summed alike, so the ranks of their scores stay comparable.
    """
    index, counts = ring_of(height, width, bands)
    squared = np.square(sieve.mask(height, width)).ravel()
    return np.bincount(index, squared, minlength=bands) / np.maximum(counts, 1)
