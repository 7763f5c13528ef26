"""What a model loses at every noise level, beside what a plain filter would."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from mia_viz.figures.palette import INK, QUERY, calm


def loss_chart(levels: Sequence[int], loss: Sequence[float], expected: Sequence[float], last: int) -> go.Figure:
    """Denoising loss over the levels asked so far, and the best linear filter's; last: the model's noisiest level.

    loss, expected: mean squared error per value; 1 is what no answer at all loses.
    """
    figure = go.Figure()
    nothing = {"color": INK, "dash": "dot", "width": 1}
    figure.add_scatter(
        x=[0, last], y=[1, 1], mode="lines", line=nothing, name="no answer at all", hovertemplate="1<extra></extra>"
    )
    figure.add_scatter(
        x=list(levels),
        y=list(expected),
        mode="lines+markers",
        name="best plain filter",
        line={"color": INK, "width": 2, "dash": "dash"},
        marker={"symbol": "circle-open", "size": 7},
        hovertemplate="%{y:.3f}<extra>best plain filter</extra>",
    )
    figure.add_scatter(
        x=list(levels),
        y=list(loss),
        mode="lines+markers",
        name="this model",
        line={"color": QUERY, "width": 2},
        marker={"symbol": "diamond", "color": QUERY, "size": 9},
        hovertemplate="%{y:.3f}<extra>this model</extra>",
    )
    calm(figure, 300)
    figure.update_xaxes(title="level of noise", range=[-0.02 * last, 1.02 * last])
    figure.update_yaxes(title="error", rangemode="tozero")
    return figure
