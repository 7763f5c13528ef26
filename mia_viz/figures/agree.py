"""Precision and recall against the agree number: how many restorations must agree before a picture counts."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from mia_viz.figures.palette import INK, MEMBER, calm

PRECISION = "#009E73"


def agree_number(
    at_least: Sequence[int],
    precision: Sequence[float | None],
    recall: Sequence[float],
    current: int | None = None,
) -> go.Figure:
    """Two lines over k = 1..K; a gap where nothing is found, so that there is no precision.

    current: how many restorations of the picture in question agree, drawn as a dotted line.
    """
    figure = go.Figure()
    for values, name, colour, symbol, dash, words in (
        (precision, "precision", PRECISION, "diamond", "solid", "of the pictures found were trained on"),
        (recall, "recall", MEMBER, "circle", "dash", "of the pictures trained on are found"),
    ):
        figure.add_scatter(
            x=list(at_least),
            y=list(values),
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2, "dash": dash},
            marker={"symbol": symbol, "size": 9},
            hovertemplate="at least %{x}: %{y:.0%} " + words + "<extra>" + name + "</extra>",
        )
    if current is not None:
        figure.add_vline(x=current, line={"color": INK, "width": 1.5, "dash": "dot"}, annotation_text="this picture")
    calm(figure, 320)
    figure.update_xaxes(title="restorations that must agree, at least", dtick=1)
    figure.update_yaxes(title="share", tickformat=".0%", range=[-0.03, 1.05])
    return figure
