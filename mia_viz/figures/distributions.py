"""Where a score lies among pictures of known membership."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mia_viz.figures.palette import HOLDOUT, MEMBER, QUERY, calm

ROW = 150
"""Height of one strip plot among several, in pixels."""


@dataclass(frozen=True, eq=False)
class Strip:
    """One score among known ones: its title and a line of words below that; members (n,), hold-outs (m,)."""

    title: str
    words: str
    score: float
    members: np.ndarray
    holdouts: np.ndarray


def spread(count: int) -> np.ndarray:
    """Fixed vertical offsets in [-0.3, 0.3] that keep points of a strip apart (golden-ratio sequence)."""
    return (np.arange(count) * 0.6180339887 % 1 - 0.5) * 0.6


def strip_plot(score: float, members: np.ndarray, holdouts: np.ndarray) -> go.Figure:
    """Members (n,) and hold-outs (m,) as two strips of points, the query as a diamond across both."""
    figure = go.Figure()
    for trace in _traces(score, members, holdouts):
        figure.add_trace(trace)
    calm(figure, 190)
    ticks = [f"never seen ({len(holdouts)})", f"in training ({len(members)})"]
    figure.update_layout(margin={"l": 118, "r": 12, "t": 8, "b": 44}, showlegend=False)
    figure.update_yaxes(tickvals=[0, 1], ticktext=ticks, range=[-0.6, 1.6], showgrid=False, zeroline=False)
    figure.update_xaxes(title="more like a training picture \N{RIGHTWARDS ARROW}", nticks=6)
    return figure


def strip_plots(strips: list[Strip]) -> go.Figure:
    """Several strip plots below one another, each on its own axis and under its own title."""
    gap = 0.5 / len(strips) if len(strips) > 1 else 0
    figure = make_subplots(rows=len(strips), cols=1, vertical_spacing=gap)
    for row, one in enumerate(strips, start=1):
        for trace in _traces(one.score, one.members, one.holdouts):
            figure.add_trace(trace, row=row, col=1)
        text = f"<b>{escape(one.title)}</b><br>{escape(one.words)}"
        place = {"xref": "x domain" if row == 1 else f"x{row} domain", "yref": f"y{row if row > 1 else ''} domain"}
        style = {"showarrow": False, "align": "left", "xanchor": "left", "yanchor": "bottom"}
        figure.add_annotation(text=text, x=0, y=1.04, xshift=-82, **place, **style)
    calm(figure, ROW * len(strips) + 60)
    figure.update_layout(margin={"l": 88, "r": 12, "t": 44, "b": 44}, showlegend=False)
    figure.update_yaxes(tickvals=[0, 1], ticktext=["never seen", "in training"], range=[-0.6, 1.6])
    figure.update_yaxes(showgrid=False, zeroline=False)
    figure.update_xaxes(nticks=5, tickangle=0)
    figure.update_xaxes(title="more like a training picture \N{RIGHTWARDS ARROW}", row=len(strips), col=1)
    return figure


def set_plot(suspects: np.ndarray, unseen: np.ndarray) -> go.Figure:
    """Two collections as strips: certainly unseen pictures (u,) as squares, those in question (s,) as diamonds."""
    figure = go.Figure()
    for values, row, colour, symbol, label in (
        (unseen, 0, HOLDOUT, "square", "never seen"),
        (suspects, 1, QUERY, "diamond", "in question"),
    ):
        figure.add_trace(_points(values, row, colour, symbol, label))
        middle = {"x": [values.mean()] * 2, "y": [row - 0.42, row + 0.42], "mode": "lines"}
        figure.add_scatter(**middle, line={"color": colour, "width": 3}, hovertemplate="mean %{x:.4g}<extra></extra>")
    calm(figure, 240)
    ticks = [f"never seen ({len(unseen)})", f"in question ({len(suspects)})"]
    figure.update_layout(margin={"l": 118, "r": 12, "t": 8, "b": 44}, showlegend=False)
    figure.update_yaxes(tickvals=[0, 1], ticktext=ticks, range=[-0.6, 1.6], showgrid=False, zeroline=False)
    figure.update_xaxes(title="more like training pictures \N{RIGHTWARDS ARROW}", nticks=6)
    return figure


def _points(values: np.ndarray, row: int, colour: str, symbol: str, label: str) -> go.Scatter:
    return go.Scatter(
        x=values,
        y=row + spread(len(values)),
        mode="markers",
        marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.55},
        hovertemplate="%{x:.4g}<extra>" + label + "</extra>",
    )


def _traces(score: float, members: np.ndarray, holdouts: np.ndarray) -> list[go.Scatter]:
    query = go.Scatter(
        x=[score, score, score],
        y=[-0.5, 0.5, 1.5],
        mode="lines+markers",
        name="this picture",
        line={"color": QUERY, "width": 2},
        marker={"symbol": "diamond", "color": QUERY, "size": [0, 15, 0]},
        hovertemplate="%{x:.4g}<extra>this picture</extra>",
    )
    outside = _points(holdouts, 0, HOLDOUT, "square", "never seen")
    return [outside, _points(members, 1, MEMBER, "circle", "seen in training"), query]
