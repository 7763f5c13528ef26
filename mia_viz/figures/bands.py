"""Frequency figures: bands of a picture, filters as pictures, error per ring against the reference."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from mia_viz.figures.palette import HOLDOUT, MEMBER, QUERY, calm, faded

NAMES = {"low": "Coarse shapes", "mid": "Middling detail", "high": "Fine detail"}
EDGES = {"low": (0.0, 0.1), "mid": (0.1, 0.4), "high": (0.4, 1.5)}
"""Shares of the finest detail a picture can hold (Nyquist); they tile all frequencies, corners included."""


def nyquist_share(height: int, width: int) -> np.ndarray:
    """Distance of every FFT bin to zero frequency as a share of Nyquist, (H, W), unshifted."""
    return np.hypot(np.fft.fftfreq(height)[:, None] * 2, np.fft.fftfreq(width)[None, :] * 2)


def band(picture: np.ndarray, low: float, high: float) -> np.ndarray:
    """The part of a picture (C, H, W) whose frequencies lie in [low, high), shares of Nyquist."""
    rho = nyquist_share(*picture.shape[-2:])
    keep = (rho >= low) & (rho < high)
    return np.fft.ifft2(np.fft.fft2(picture) * keep).real


def log_spectrum(picture: np.ndarray) -> np.ndarray:
    """log10 power of a picture (C, H, W) with zero frequency in the middle, (H, W)."""
    power = (np.abs(np.fft.fft2(picture)) ** 2).mean(axis=0) / picture[0].size
    return np.fft.fftshift(np.log10(np.maximum(power, 1e-6)))


def ring_energy(residual: np.ndarray, bands: int) -> np.ndarray:
    """Energy of a residual (C, H, W) per ring of equal width from zero frequency to the corner, (bands,)."""
    rho = nyquist_share(*residual.shape[-2:])
    index = np.minimum((rho / (rho.max() + 1e-12) * bands).astype(int), bands - 1)
    power = (np.abs(np.fft.fft2(residual)) ** 2).sum(axis=0) / residual[0].size
    return np.bincount(index.ravel(), power.ravel(), minlength=bands)


def ring_middles(bands: int, height: int, width: int) -> np.ndarray:
    """Middle of every ring as a share of Nyquist, (bands,)."""
    return (np.arange(bands) + 0.5) / bands * nyquist_share(height, width).max()


def error_per_ring(
    share: np.ndarray,
    query: np.ndarray,
    members: np.ndarray,
    holdouts: np.ndarray,
    name: str = "this picture",
) -> go.Figure:
    """Error per frequency ring on a log scale: the query (bands,) against members and hold-outs (n, bands).

    Reference groups are drawn as median and middle half.
    """
    figure = go.Figure()
    for rows, colour, symbol, label in (
        (members, MEMBER, "circle", "seen in training"),
        (holdouts, HOLDOUT, "square", "never seen"),
    ):
        if len(rows) == 0:
            continue
        low, middle, high = np.percentile(np.maximum(rows, 1e-9), (25, 50, 75), axis=0)
        figure.add_scatter(x=share, y=high, mode="lines", line={"width": 0}, showlegend=False, hoverinfo="skip")
        figure.add_scatter(
            x=share, y=low, mode="lines", line={"width": 0}, fill="tonexty", fillcolor=faded(colour, 0.18),
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
        figure.add_scatter(
            x=share, y=middle, mode="lines+markers", name=f"typical picture {label}", line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 5}, hovertemplate="%{y:.3g}<extra>" + label + "</extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=share, y=np.maximum(query, 1e-9), mode="lines+markers", name=name, line={"color": QUERY, "width": 2, "dash": "dot"},
        marker={"symbol": "diamond", "size": 7, "color": QUERY}, hovertemplate="%{y:.3g}<extra>" + name + "</extra>",
    )  # fmt: skip
    for edge in (EDGES["mid"][0], EDGES["high"][0]):
        figure.add_vline(x=edge, line={"color": "rgba(128,136,144,.6)", "width": 1, "dash": "dash"})
    calm(figure, 380)
    figure.update_yaxes(type="log", title="error (energy per ring)", exponentformat="power", dtick=1)
    figure.update_xaxes(
        title="coarse  \N{LEFTWARDS ARROW}  share of the finest detail (Nyquist)  \N{RIGHTWARDS ARROW}  fine"
    )
    return figure
