"""Does the reference cover this picture? A rank among hold-outs only means something for pictures like them.

Each picture is summed up in a few numbers that need no model: brightness, detail, and where the reference holds it, the
score of an attack with the model's knowledge taken out (`mia_viz.blind`). Its Mahalanobis distance (Ledoit-Wolf
covariance) is ranked among those of the hold-outs, with the picture treated as one of them, so that about 1 % of
exchangeable pictures fall outside the 99 % region whatever the law of the features (conformal prediction; Vovk et al.
2005). Being inside means only that these features notice no difference: a soft or mirrored picture may pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.covariance import LedoitWolf

from mia_viz.difficulty import FAINT, luminance, radial_power

OUTSIDE = 0.01
"""Share of exchangeable pictures that the region leaves out."""
BANDS = 6
FEATURES = (*(f"detail {k + 1} of {BANDS}" for k in range(BANDS)), "mean", "spread", "dark share", "bright level")
DARK = -0.9
NEAREST = 5


@dataclass(frozen=True)
class Coverage:
    """Whether a reference covers a picture.

    covered: None where fewer than 99 hold-outs cannot draw a 99 % region. p_value: rank of the distance among the n
    hold-outs. distance: Mahalanobis. typical: the hold-outs' median distance. nearest: rows of the hold-outs most like
    the picture, nearest first. blind: how many of the features are scores under a model that knows nothing.
    """

    covered: bool | None
    p_value: float
    distance: float
    typical: float
    n: int
    nearest: tuple[int, ...]
    blind: int = 0

    @property
    def sentence(self) -> str:
        """The finding in words."""
        if self.covered is None:
            return f"With {self.n} never-trained pictures it cannot be said whether the reference covers this picture."
        if not self.covered:
            return (
                "The reference does not cover this picture: fewer than 1 in 100 of its never-trained pictures "
                "are as unusual, so error rates measured on them need not hold here."
            )
        if self.blind:
            return (
                "In brightness and detail, and in how it scores with the model's knowledge taken out, this picture is "
                f"like the reference: about {100 * self.p_value:.0f} in 100 of its pictures are at least as unusual."
            )
        return (
            "In brightness and detail this picture is like the reference: "
            f"about {100 * self.p_value:.0f} in 100 of its pictures are at least as unusual."
        )


def describe(pictures: np.ndarray, extra: np.ndarray | None = None) -> np.ndarray:
    """FEATURES of pictures (N, C, H, W) in [-1, 1], (N, 10) float64, and any extra columns (N, E) behind them.

    Detail: log10 mean power in BANDS bands of equal width on a logarithmic axis from 1 cycle per picture to Nyquist.
    Mean and standard deviation of luminance, share of pixels below DARK, and the 95th percentile. Extra columns are
    scores under a control that knows nothing, such as a target with eps_hat = 0.
    """
    grey = luminance(pictures)
    centres, power = radial_power(grey)
    edges = np.geomspace(1, centres[-1] * (1 + 1e-9), BANDS + 1)
    band = np.clip(np.searchsorted(edges, centres, "right") - 1, 0, BANDS - 1)
    counts = np.bincount(band, minlength=BANDS)
    detail = np.stack([np.bincount(band, row, BANDS) for row in power]) / np.maximum(counts, 1)
    columns = [
        np.log10(detail + FAINT**2),
        grey.mean(axis=(1, 2))[:, None],
        grey.std(axis=(1, 2))[:, None],
        (grey < DARK).mean(axis=(1, 2))[:, None],
        np.percentile(grey, 95, axis=(1, 2))[:, None],
    ]
    return np.hstack(columns if extra is None else [*columns, np.asarray(extra, dtype=np.float64)])


def compared(
    pictures: np.ndarray, own: np.ndarray | None, description: np.ndarray, blind: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Features of pictures (N, F) and of a reference (M, F) that both have, and how many of these are blind scores.

    own (N, E): of the pictures (N, C, H, W), by `mia_viz.blind.blind_scores`. description (M, 10), blind (M, E): what
    the reference holds. Blind scores are left out where one side has none, as in older references.
    """
    if own is None or blind is None or own.shape[1] != blind.shape[1]:
        return describe(pictures), description, 0
    return describe(pictures, own), np.hstack([description, blind]), own.shape[1]


def coverage(features: np.ndarray, holdouts: np.ndarray, nearest: int = NEAREST, blind: int = 0) -> Coverage:
    """Place a picture's features (F,) among those of hold-outs (n, F). Raises ValueError for fewer than two or NaN.

    blind: how many of the features are scores under a model that knows nothing, for the words.

    Mean and covariance come from all n + 1, and all n + 1 distances are ranked: no one is treated differently.
    """
    table = np.vstack([features, holdouts]).astype(np.float64)
    if len(table) < 3 or not np.isfinite(table).all():
        raise ValueError("Comparing a picture with the reference needs finite features of two or more hold-outs.")
    spread = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0)  # shrinkage is towards a common variance
    inverse = LedoitWolf(assume_centered=True).fit(table).precision_
    squared = np.einsum("nf,fg,ng->n", table, inverse, table)
    n = len(holdouts)
    # Distances that differ by rounding only (a copy of a hold-out) count as equal.
    p_value = (1 + int((squared[1:] >= squared[0] * (1 - 1e-9)).sum())) / (n + 1)
    apart = table[1:] - table[0]
    order = np.argsort(np.einsum("nf,fg,ng->n", apart, inverse, apart), kind="stable")
    return Coverage(
        None if (n + 1) * OUTSIDE < 1 - 1e-9 else p_value > OUTSIDE,
        p_value,
        float(np.sqrt(squared[0])),
        float(np.median(np.sqrt(squared[1:]))),
        n,
        tuple(int(k) for k in order[:nearest]),
        blind,
    )
