"""Noise figures: how far the model's answers lie from one another, as a curve and as points in a plane."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from mia_viz.figures.palette import GRID, HOLDOUT, MEMBER, QUERY, add_groups, add_query, calm, faded

PLACES = {
    "top center": (0, 1),
    "bottom center": (0, -1),
    "middle left": (-1, 0),
    "middle right": (1, 0),
    "top left": (-0.7, 0.7),
    "top right": (0.7, 0.7),
    "bottom left": (-0.7, -0.7),
    "bottom right": (0.7, -0.7),
}
"""Sides of a point on which its label may stand, and their directions."""
LABEL_AWAY = 0.13
"""Distance from a point to the middle of its label, of half the side of the plane."""


def plane(offsets: np.ndarray) -> np.ndarray:
    """Centred points (k, d) in the plane of their two main axes (PCA), scaled to root-mean-square units, (k, 2)."""
    flat = offsets.reshape(len(offsets), -1)
    left, values, _ = np.linalg.svd(flat, full_matrices=False)
    points = np.zeros((len(flat), 2))
    usable = min(2, len(values))
    points[:, :usable] = left[:, :usable] * values[:usable] / np.sqrt(flat.shape[1])
    return points


def label_places(points: np.ndarray, radii: list[float], reach: float) -> list[str]:
    """Where each point's label stands clear of the circles, the path and the other points, as plotly names it.

    points: (k, 2) around the centre of circles of the given radii, in a square of half side `reach`.
    """
    along = np.linspace(0, 1, 21)[:, None, None]
    path = (points[:-1] + along * (points[1:] - points[:-1])).reshape(-1, 2)
    taken, chosen = np.concatenate([path, points, [[0.0, 0.0]]]), []
    for point in points:
        spots = point + LABEL_AWAY * reach * np.array(list(PLACES.values()))
        clear = np.linalg.norm(spots[:, None] - taken, axis=2).min(axis=1)
        rings = [np.abs(np.linalg.norm(spots, axis=1) - radius) for radius in radii]
        chosen.append(list(PLACES)[int(np.min([clear, *rings], axis=0).argmax())])
    return chosen


def cloud(
    points: np.ndarray, levels: tuple[int, ...], current: int, member: float | None, holdout: float | None
) -> go.Figure:
    """The answers as points with their path, and circles of the typical spread of both reference groups.

    points: (k, 2) in root-mean-square units around the centroid. current: which answer is highlighted. member,
    holdout: median root-mean-square distance from the centroid in each group, or None without a reference.
    """
    figure = go.Figure()
    angle = np.linspace(0, 2 * np.pi, 90)
    for radius, colour, label, dash in (
        (member, MEMBER, "typical spread, seen in training", "solid"),
        (holdout, HOLDOUT, "typical spread, never seen", "dash"),
    ):
        if radius is not None:
            figure.add_scatter(
                x=radius * np.cos(angle),
                y=radius * np.sin(angle),
                mode="lines",
                name=label,
                fill="toself",
                fillcolor=faded(colour, 0.06),
                line={"color": colour, "width": 2, "dash": dash},
                hoverinfo="skip",
            )
    reach = 1.25 * max(float(np.abs(points).max()), member or 0, holdout or 0, 1e-9)
    places = label_places(points, [radius for radius in (member, holdout) if radius is not None], reach)
    words = {"text": [str(t) for t in levels], "textposition": places, "mode": "lines+markers+text"}
    hover = {"hovertemplate": "level %{text}<extra></extra>", "name": "answers about this picture"}
    add_query(figure, points[:, 0], points[:, 1], current, **words, **hover)
    cross = {"symbol": "cross-thin", "size": 12, "line": {"color": QUERY, "width": 2}}
    figure.add_scatter(x=[0], y=[0], mode="markers", name="their centre", marker=cross, hoverinfo="skip")
    calm(figure, 380)
    figure.update_xaxes(range=[-reach, reach], constrain="domain", showticklabels=False, zerolinecolor=GRID)
    figure.update_yaxes(range=[-reach, reach], scaleanchor="x", showticklabels=False, zerolinecolor=GRID)
    return figure


def distance_curve(
    levels: tuple[int, ...], distances: np.ndarray, current: int, members: np.ndarray, holdouts: np.ndarray
) -> go.Figure:
    """Distance of every answer from the centre against its noise level; groups (n, k) as median and middle half."""
    figure = go.Figure()
    add_groups(figure, levels, members, holdouts)
    add_query(figure, levels, distances, current)
    calm(figure, 380)
    figure.update_xaxes(title="noise level (timestep)", autorange="reversed")
    figure.update_yaxes(title="distance from the centre", rangemode="tozero")
    return figure
