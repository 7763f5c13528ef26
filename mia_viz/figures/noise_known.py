"""Noise figures beside known pictures: one plane for all, and two groups under another setting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mia_viz.figures.distributions import spread
from mia_viz.figures.palette import GRID, HOLDOUT, MEMBER, QUERY, add_query, calm, faded

MARKS = {True: (MEMBER, "circle", "seen in training"), False: (HOLDOUT, "square", "never seen")}
"""Colour, shape and name of members and hold-outs."""
DASHES = {True: "solid", False: "dash"}
"""Lines of members and hold-outs, told apart in grey print as well."""


def arrows(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middles (k - 1, 2) of a path's legs (k, 2) and their directions in degrees, clockwise from upwards."""
    legs = np.diff(path, axis=0)
    return (path[1:] + path[:-1]) / 2, np.degrees(np.arctan2(legs[:, 0], legs[:, 1]))


def plane_reach(groups: dict[bool, np.ndarray], query: np.ndarray | None) -> float:
    """Half the side of the plane at every level: a whole path, and 9 of 10 points of either group."""
    quantiles = [np.percentile(np.abs(points).max(axis=2), 90, axis=0) for points in groups.values() if len(points)]
    own = [] if query is None else [query]
    return 1.1 * max(float(np.abs(part).max()) for part in (*quantiles, *own, np.array([1e-9])))


def reference_plane(
    query: np.ndarray | None,
    groups: dict[bool, np.ndarray],
    examples: dict[bool, np.ndarray],
    levels: Sequence[int],
    current: int,
    shares: np.ndarray,
) -> go.Figure:
    """The answers at the current level in the plane of the reference, with whole paths of three pictures.

    query: (k, 2) or None. groups: points (n, k, 2) of members (True) and hold-outs (False). examples: one path (k, 2)
    of each group. shares: (2,) of the reference's variance along the axes. The cross is every picture's own centre.
    """
    figure = go.Figure()
    for member, points in groups.items():
        colour, symbol, label = MARKS[member]
        figure.add_scatter(
            x=points[:, current, 0],
            y=points[:, current, 1],
            mode="markers",
            name=f"{label} ({len(points)})",
            marker={"symbol": symbol, "size": 7, "color": faded(colour, 0.8)},
            hovertemplate=f"level {levels[current]}<extra>{label}</extra>",
        )
    for member, path in examples.items():
        colour, symbol, label = MARKS[member]
        line = {"color": colour, "width": 2.5, "dash": DASHES[member]}
        _add_path(figure, path, colour, f"path of one {label}", line, f"{symbol}-open")
    if query is not None:
        ends = (0, len(levels) - 1)
        names = [str(t) if i in ends else "" for i, t in enumerate(levels)]
        words = {"text": names, "textposition": "top center", "mode": "lines+markers+text"}
        add_query(figure, query[:, 0], query[:, 1], current, **words)
        _add_path(figure, query, QUERY)
    cross = {"symbol": "cross-thin", "size": 14, "line": {"color": QUERY, "width": 2}}
    figure.add_scatter(x=[0], y=[0], mode="markers", name="each picture's own centre", marker=cross, hoverinfo="skip")
    calm(figure, 540)
    reach = plane_reach(groups, query)
    side = [f"{share:.0%} of the variance" for share in shares]
    fixed = {"range": [-reach, reach], "showticklabels": False, "zerolinecolor": GRID}
    figure.update_xaxes(title=f"main axis, {side[0]}", constrain="domain", **fixed)
    figure.update_yaxes(title=f"second axis, {side[1]}", scaleanchor="x", **fixed)
    figure.update_layout(margin={"t": 108})
    return figure


def _add_path(
    figure: go.Figure, path: np.ndarray, colour: str, name: str = "", line: dict | None = None, symbol: str = ""
) -> None:
    """A path with arrows in the middle of its legs; the line and its corner marks only where a line is given."""
    if line is not None:
        drawn = {"mode": "lines+markers", "line": line, "marker": {"symbol": symbol, "size": 10, "color": colour}}
        figure.add_scatter(x=path[:, 0], y=path[:, 1], name=name, hoverinfo="skip", **drawn)
    middles, angles = arrows(path)
    figure.add_scatter(
        x=middles[:, 0],
        y=middles[:, 1],
        mode="markers",
        marker={"symbol": "arrow", "angle": angles, "size": 9, "color": colour},
        showlegend=False,
        hoverinfo="skip",
    )


def settings_strip(
    groups: dict[bool, np.ndarray], shown: dict[bool, np.ndarray], query: float | None, title: str
) -> go.Figure:
    """Distances of two groups under one setting as two strips of points; the larger ones are in the matrix above.

    groups, shown: distances (n,) of members (True) and hold-outs (False). query: of the picture in question, or None
    where it has not been asked this way.
    """
    figure = go.Figure()
    for member, values in groups.items():
        colour, symbol, label = MARKS[member]
        row, large = int(member), np.isin(values, shown[member])
        figure.add_scatter(
            x=values,
            y=row + spread(len(values)),
            mode="markers",
            name=label,
            marker={"symbol": symbol, "color": faded(colour, 0.8), "size": np.where(large, 12, 7)},
            hovertemplate="%{x:.4f}<extra>" + label + "</extra>",
        )
    if query is not None:
        line = {"color": QUERY, "width": 2, "dash": "dot"}
        marker = {"symbol": "diamond", "color": QUERY, "size": 13}
        figure.add_scatter(
            x=[query] * 3,
            y=[-0.5, 0.5, 1.5],
            mode="lines+markers",
            line=line,
            marker={**marker, "size": [0, 13, 0]},
            hovertemplate="%{x:.4f}<extra>this picture</extra>",
        )
    calm(figure, 230)
    figure.update_layout(margin={"l": 118, "r": 12, "t": 8, "b": 48}, showlegend=False)
    ticks = [f"never seen ({len(groups[False])})", f"in training ({len(groups[True])})"]
    figure.update_yaxes(tickvals=[0, 1], ticktext=ticks, range=[-0.6, 1.6], showgrid=False, zeroline=False)
    figure.update_xaxes(title=title, rangemode="tozero", nticks=6)
    return figure
