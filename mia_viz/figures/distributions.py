"""Where a score lies among pictures of known membership."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from mia_viz.figures.palette import HOLDOUT, MEMBER, QUERY, calm


def spread(count: int) -> np.ndarray:
    """Fixed vertical offsets in [-0.3, 0.3] that keep points of a strip apart (golden-ratio sequence)."""
    return (np.arange(count) * 0.6180339887 % 1 - 0.5) * 0.6


def strip_plot(score: float, members: np.ndarray, holdouts: np.ndarray) -> go.Figure:
    """Members (n,) and hold-outs (m,) as two strips of points, the query as a diamond across both."""
    figure = go.Figure()
    for values, row, colour, symbol, label in (
        (holdouts, 0, HOLDOUT, "square", "never seen"),
        (members, 1, MEMBER, "circle", "seen in training"),
    ):
        figure.add_scatter(
            x=values,
            y=row + spread(len(values)),
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.55},
            hovertemplate="%{x:.4g}<extra>" + label + "</extra>",
        )
    figure.add_scatter(
        x=[score, score, score],
        y=[-0.5, 0.5, 1.5],
        mode="lines+markers",
        name="this picture",
        line={"color": QUERY, "width": 2},
        marker={"symbol": "diamond", "color": QUERY, "size": [0, 15, 0]},
        hovertemplate="%{x:.4g}<extra>this picture</extra>",
    )
    calm(figure, 190)
    ticks = [f"never seen ({len(holdouts)})", f"in training ({len(members)})"]
    figure.update_layout(margin={"l": 118, "r": 12, "t": 8, "b": 44}, showlegend=False)
    figure.update_yaxes(tickvals=[0, 1], ticktext=ticks, range=[-0.6, 1.6], showgrid=False, zeroline=False)
    figure.update_xaxes(title="more like a training picture \N{RIGHTWARDS ARROW}", nticks=6)
    return figure
