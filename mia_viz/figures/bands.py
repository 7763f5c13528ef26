"""Frequency figures: bands of a picture, filters as pictures, error per ring against the reference."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from mia_viz.figures.palette import add_groups, add_query, calm

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


def error_per_ring(share: np.ndarray, query: np.ndarray, members: np.ndarray, holdouts: np.ndarray) -> go.Figure:
    """Error per frequency ring on a log scale: the query (bands,) against members and hold-outs (n, bands)."""
    figure = go.Figure()
    add_groups(figure, share, np.maximum(members, 1e-9), np.maximum(holdouts, 1e-9))
    add_query(figure, share, np.maximum(query, 1e-9))
    for edge in (EDGES["mid"][0], EDGES["high"][0]):
        figure.add_vline(x=edge, line={"color": "rgba(128,136,144,.6)", "width": 1, "dash": "dash"})
    calm(figure, 380)
    figure.update_yaxes(type="log", title="error (energy per ring)", exponentformat="power", dtick=1)
    axis = "fineness of detail (share of Nyquist) \N{RIGHTWARDS ARROW}"
    figure.update_xaxes(title=axis, range=[0, 1.02 * float(share.max())])
    return figure
