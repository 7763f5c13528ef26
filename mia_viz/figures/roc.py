"""ROC curves on logarithmic axes, where the part that matters, few false accusations, is not a sliver at the left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from mia_viz.figures.palette import INK, calm, faded

COLOURS = ("#009E73", "#7b5ea7", "#c2609a", "#8a7f00", "#8c564b", "#5f6b7a", "#4aa3a3")
"""None of them those of members and hold-outs, which stand for nothing else."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")


@dataclass(frozen=True, eq=False)
class Curve:
    """One method's true-positive rate at `fpr`, with its band, all (n,) in [0, 1]."""

    name: str
    fpr: np.ndarray
    tpr: np.ndarray
    low: np.ndarray
    high: np.ndarray


def log_roc(curves: list[Curve], smallest: float) -> go.Figure:
    """Curves with 95 % bands from the smallest false-positive rate that the pictures can resolve to 1."""
    figure = go.Figure()
    edge = np.geomspace(smallest, 1, 30)
    chance = {"color": INK, "dash": "dash", "width": 1}
    figure.add_scatter(x=edge, y=edge, mode="lines", line=chance, name="guessing", hoverinfo="skip")
    for i, curve in enumerate(curves):
        colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
        hidden = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
        floor = smallest / 10
        figure.add_scatter(x=curve.fpr, y=np.maximum(curve.high, floor), legendgroup=curve.name, **hidden)
        ribbon = {"fill": "tonexty", "fillcolor": faded(colour, 0.12), "legendgroup": curve.name}
        figure.add_scatter(x=curve.fpr, y=np.maximum(curve.low, floor), **ribbon, **hidden)
        figure.add_scatter(
            x=curve.fpr,
            y=np.maximum(curve.tpr, floor),
            mode="lines",
            name=curve.name,
            legendgroup=curve.name,
            line={"color": colour, "width": 2, "dash": dash},
            hovertemplate="finds %{y:.1%} at %{x:.1%} false alarms<extra>" + curve.name + "</extra>",
        )
    calm(figure, 430)
    decades = [np.log10(smallest), 0.02]
    figure.update_xaxes(type="log", range=decades, title="false alarms (FPR)", tickformat=".1%", dtick=1)
    figure.update_yaxes(type="log", range=decades, title="members found (TPR)", tickformat=".1%", dtick=1)
    return figure
