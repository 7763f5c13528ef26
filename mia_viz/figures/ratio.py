"""Likelihood ratios: one on its scale, as HTML, and what the reference's own ratios are worth, as a figure."""

from __future__ import annotations

from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mia_viz.figures.palette import HOLDOUT, INK, MEMBER, QUERY, calm, faded

DECADES = 3
"""The scale reaches 1,000 times either way, or as far as the caps go."""
BINS = 24


def ratio_scale(log10: float, low: float, high: float, words: str) -> str:
    """A scale of likelihood ratios with the picture's (diamond) and what the reference supports (the band).

    log10: of the ratio; low <= 0 <= high: of the caps. words: for those who cannot see it.
    """
    reach = max(DECADES, int(np.ceil(max(-low, high))))

    def place(value: float) -> float:
        return 50 + 50 * float(np.clip(value / reach, -1, 1))

    step = 1 if reach <= DECADES else 2
    decades = [d for d in range(-reach, reach + 1) if d % step == 0]
    marks = "".join(f'<span style="left:{place(d):.1f}%">{10 ** abs(d):,}</span>' for d in decades)
    band = f"left:{place(low):.1f}%;width:{place(high) - place(low):.1f}%"
    return (
        f'<div class="mv-ratio" role="img" aria-label="{escape(words)}">'
        f'<div class="mv-track"><i style="{band}"></i><b style="left:{place(log10):.1f}%"></b></div>'
        f'<div class="mv-marks">{marks}</div>'
        '<div class="mv-ends"><span>\N{LEFTWARDS ARROW} times more probable if it was not</span>'
        "<span>times more probable if it was \N{RIGHTWARDS ARROW}</span></div></div>"
    )


def calibration(
    log10: float,
    holdouts: np.ndarray,
    members: np.ndarray,
    odds: np.ndarray,
    entropies: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> go.Figure:
    """Above, capped log10 LRs of hold-outs (n,) and members (m,) with the picture's; below, uncertainty left.

    odds: (G,) log10 prior odds. entropies: (G,) each, in bits: without a score, with these ratios, and with the best
    monotone recalibration.
    """
    figure = make_subplots(rows=2, cols=1, vertical_spacing=0.22)
    pooled = np.r_[holdouts, members]
    low, high = float(pooled.min()), float(pooled.max())
    edges = np.linspace(low, high, BINS + 1) if high - low > 1e-6 else np.linspace(low - 0.5, low + 0.5, BINS + 1)
    for values, colour, pattern, label in (
        (holdouts, HOLDOUT, "/", "never seen"),
        (members, MEMBER, "", "seen in training"),
    ):
        share = 100 * np.histogram(values, edges)[0] / max(1, len(values))
        marker = {"color": faded(colour, 0.55), "pattern": {"shape": pattern, "fgcolor": colour}}
        middles = (edges[1:] + edges[:-1]) / 2
        hover = "%{y:.0f} in 100 pictures<extra>" + label + "</extra>"
        figure.add_bar(x=middles, y=share, name=label, marker=marker, hovertemplate=hover, row=1, col=1)
    marker = {"symbol": "diamond", "size": 13, "color": QUERY}
    figure.add_scatter(x=[log10], y=[2], mode="markers", marker=marker, name="this picture", row=1, col=1)
    styles = (
        ("no score", {"color": INK, "dash": "dash", "width": 1}),
        ("these ratios", {"color": MEMBER, "width": 2}),
        ("at best", {"color": "#009E73", "dash": "dot", "width": 2}),
    )
    for values, (label, line) in zip(entropies, styles, strict=True):
        figure.add_scatter(x=odds, y=values, mode="lines", line=line, name=label, row=2, col=1, hoverinfo="skip")
    calm(figure, 560)
    figure.update_layout(barmode="overlay", bargap=0.04, margin={"l": 56, "r": 12, "t": 60, "b": 48})
    figure.update_xaxes(title="log10 of the likelihood ratio, capped", row=1, col=1)
    figure.update_yaxes(title="in 100 pictures", row=1, col=1, rangemode="tozero")
    figure.update_xaxes(title="log10 of the prior odds", row=2, col=1)
    figure.update_yaxes(title="uncertainty left (bits)", row=2, col=1, rangemode="tozero")
    return figure
