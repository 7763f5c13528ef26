"""The look: one palette, one layout. Members are blue circles, hold-outs vermilion squares, the query a diamond.

The pair survives colour blindness and, by shape and lightness, grey print. Backgrounds are transparent because the
server cannot know whether the page is light or dark; QUERY is a marker colour that the page's style sheet turns
white in dark mode.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

MEMBER = "#0072B2"
HOLDOUT = "#D55E00"
QUERY = "rgb(1, 1, 1)"
INK = "#7b828c"
GRID = "rgba(128, 136, 144, 0.22)"
FONT = "IBM Plex Sans, system-ui, sans-serif"


def faded(colour: str, opacity: float) -> str:
    """A palette colour ("#rrggbb") with an opacity, for ribbons."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


def add_groups(figure: go.Figure, x: object, members: np.ndarray, holdouts: np.ndarray) -> None:
    """Draw both reference groups (n, len(x)) as a line through the medians and a ribbon over the middle half."""
    for rows, colour, symbol, label in (
        (members, MEMBER, "circle", "seen in training"),
        (holdouts, HOLDOUT, "square", "never seen"),
    ):
        if len(rows) == 0:
            continue
        low, middle, high = np.percentile(rows, (25, 50, 75), axis=0)
        hidden = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
        figure.add_scatter(x=x, y=high, **hidden)
        figure.add_scatter(x=x, y=low, fill="tonexty", fillcolor=faded(colour, 0.18), **hidden)
        figure.add_scatter(
            x=x,
            y=middle,
            mode="lines+markers",
            name=f"typical picture {label}",
            line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 5},
            hovertemplate="%{y:.3g}<extra>" + label + "</extra>",
        )


def add_query(figure: go.Figure, x: object, y: object, current: int | None = None, **extra: object) -> None:
    """Draw the picture in question as dotted diamonds; the `current` point larger than the rest."""
    count = len(np.asarray(y))
    style = {
        "mode": "lines+markers",
        "name": "this picture",
        "line": {"color": QUERY, "width": 2, "dash": "dot"},
        "marker": {"symbol": "diamond", "color": QUERY, "size": [15 if i == current else 7 for i in range(count)]},
        "hovertemplate": "%{y:.3g}<extra>this picture</extra>",
    }
    figure.add_scatter(x=x, y=y, **{**style, **extra})


def calm(figure: go.Figure, height: int) -> go.Figure:
    """Common layout: transparent, quiet grid, legend on top, nothing to drag by accident on a phone."""
    figure.update_layout(
        height=height,
        margin={"l": 56, "r": 12, "t": 36, "b": 48},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
        hoverlabel={"font": {"family": FONT}},
        dragmode=False,
        modebar={
            "remove": [
                "zoom",
                "pan",
                "select",
                "lasso",
                "zoomIn",
                "zoomOut",
                "autoScale",
                "resetScale",
                "logo",
                "toImage",
            ],
            "bgcolor": "rgba(0,0,0,0)",
        },
    )
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID, linecolor=GRID, ticks="", title_font_size=13)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor=GRID, linecolor=GRID, ticks="", title_font_size=13)
    return figure


def waiting(words: str = "not computed yet") -> go.Figure:
    """A blank figure that says why there is nothing to see."""
    figure = go.Figure()
    figure.add_annotation(text=words, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)
    calm(figure, 190)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure
