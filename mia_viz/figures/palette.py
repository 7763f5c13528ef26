"""The look: one palette, one layout. Members are blue circles, hold-outs vermilion squares, the query a diamond.

The pair survives colour blindness and, by shape and lightness, grey print. Backgrounds are transparent because the
server cannot know whether the page is light or dark; QUERY is a marker colour that the page's style sheet turns
white in dark mode.
"""

from __future__ import annotations

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
