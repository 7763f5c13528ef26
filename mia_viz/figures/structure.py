"""Structure figures: the similarity of a picture with itself after inversion, over the levels."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from mia_viz.figures.palette import add_groups, add_query, calm


def wear_curve(
    levels: tuple[int, ...],
    similarity: np.ndarray,
    current: int,
    scored: int,
    members: np.ndarray,
    holdouts: np.ndarray,
) -> go.Figure:
    """SSIM (K,) over the levels against members and hold-outs (n, K); a dashed line where the score is taken."""
    figure = go.Figure()
    add_groups(figure, levels, members, holdouts)
    add_query(figure, levels, similarity, current)
    line = {"color": "rgba(128,136,144,.6)", "width": 1, "dash": "dash"}
    figure.add_vline(x=scored, line=line, annotation_text="score taken here", annotation_position="bottom right")
    calm(figure, 380)
    figure.update_xaxes(title="level of inversion (timestep)")
    figure.update_yaxes(title="structure kept (SSIM)")
    return figure
