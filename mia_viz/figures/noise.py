"""Noise figures: how far the model's answers lie from one another, as a curve and as points in a plane."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from mia_viz.figures.palette import GRID, HOLDOUT, MEMBER, QUERY, calm, faded


def plane(offsets: np.ndarray) -> np.ndarray:
    """Centred points (k, d) in the plane of their two main axes (PCA), scaled to root-mean-square units, (k, 2)."""
    flat = offsets.reshape(len(offsets), -1)
    left, values, _ = np.linalg.svd(flat, full_matrices=False)
    points = np.zeros((len(flat), 2))
    usable = min(2, len(values))
    points[:, :usable] = left[:, :usable] * values[:usable] / np.sqrt(flat.shape[1])
    return points


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
                x=radius * np.cos(angle), y=radius * np.sin(angle), mode="lines", name=label, fill="toself",
                fillcolor=faded(colour, 0.06), line={"color": colour, "width": 2, "dash": dash}, hoverinfo="skip",
            )  # fmt: skip
    figure.add_scatter(
        x=points[:, 0], y=points[:, 1], mode="lines+markers+text", text=[f"{t}" for t in levels],
        textposition="top center", name="answers about this picture", line={"color": QUERY, "width": 1, "dash": "dot"},
        marker={"symbol": "diamond", "color": QUERY, "size": [16 if i == current else 8 for i in range(len(points))]},
        hovertemplate="level %{text}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(x=[0], y=[0], mode="markers", name="their centre", marker={"symbol": "cross-thin", "size": 12, "line": {"color": QUERY, "width": 2}}, hoverinfo="skip")  # fmt: skip
    calm(figure, 380)
    reach = 1.25 * max(float(np.abs(points).max()), member or 0, holdout or 0, 1e-9)
    figure.update_xaxes(range=[-reach, reach], constrain="domain", showticklabels=False, zerolinecolor=GRID)
    figure.update_yaxes(range=[-reach, reach], scaleanchor="x", showticklabels=False, zerolinecolor=GRID)
    return figure


def distance_curve(
    levels: tuple[int, ...], distances: np.ndarray, current: int, members: np.ndarray, holdouts: np.ndarray
) -> go.Figure:
    """Distance of every answer from the centre against its noise level; groups (n, k) as median and middle half."""
    figure = go.Figure()
    for rows, colour, symbol, label in (
        (members, MEMBER, "circle", "seen in training"),
        (holdouts, HOLDOUT, "square", "never seen"),
    ):
        if len(rows) == 0:
            continue
        low, middle, high = np.percentile(rows, (25, 50, 75), axis=0)
        figure.add_scatter(x=levels, y=high, mode="lines", line={"width": 0}, showlegend=False, hoverinfo="skip")
        figure.add_scatter(
            x=levels, y=low, mode="lines", line={"width": 0}, fill="tonexty", fillcolor=faded(colour, 0.18),
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
        figure.add_scatter(
            x=levels, y=middle, mode="lines+markers", name=f"typical picture {label}", line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 6}, hovertemplate="%{y:.3f}<extra>" + label + "</extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=levels, y=distances, mode="lines+markers", name="this picture", line={"color": QUERY, "width": 2, "dash": "dot"},
        marker={"symbol": "diamond", "color": QUERY, "size": [14 if i == current else 8 for i in range(len(levels))]},
        hovertemplate="%{y:.3f}<extra>this picture</extra>",
    )  # fmt: skip
    calm(figure, 380)
    figure.update_xaxes(title="noise level (timestep)", autorange="reversed")
    figure.update_yaxes(title="distance from the centre", rangemode="tozero")
    return figure
