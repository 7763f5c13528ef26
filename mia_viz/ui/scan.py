"""A scan before it is asked about: its slices, its window, and what the model will see of it.

The browser has one slice at a time in the file's own values and shows it under any window at once
(static/scan.js); the server sends the next slice, and what the model would get when the hand rests.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np

from mia_viz.pictures.picture import Picture, PictureError, View
from mia_viz.pictures.prepare import prepare
from mia_viz.pictures.uploads import GONE
from mia_viz.pictures.volume import FROM_FILE, PRESETS, Plane, Volume, Window, spanning
from mia_viz.subjects import subject
from mia_viz.ui import seen
from mia_viz.ui.events import EACH, QUIET
from mia_viz.ui.parts import error_panel, model_now

STATIC = Path(__file__).parent / "static"
LONGEST = 768
"""Pixels of a slice's longer side that are sent to be looked at; the model always gets the slice itself."""
STEPS = 65535
MOST_WINDOWS = 6
"""Of the file's own that are offered."""


@dataclass(frozen=True)
class Scan:
    """Components: shown where a scan was opened. volume: the opened scan; view: what of it is looked at."""

    area: gr.Column
    viewer: gr.HTML
    preview: gr.HTML
    use: gr.Button
    volume: gr.State
    view: gr.State

    @property
    def looked_at(self) -> list[gr.State]:
        """The scan, and what of it is in view."""
        return [self.volume, self.view]

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """Everything that changes with the file."""
        return [self.area, self.viewer, self.preview, self.volume, self.view]


def build() -> Scan:
    """Lay out the viewer, hidden until a scan is opened."""
    with gr.Column(visible=False, elem_id="scan") as area:
        viewer = gr.HTML(
            "null",
            html_template=(STATIC / "scan.html").read_text(encoding="utf-8"),
            css_template=(STATIC / "scan.css").read_text(encoding="utf-8"),
            js_on_load=(STATIC / "scan.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            elem_id="scan-viewer",
        )
        preview = gr.HTML("", elem_id="scan-preview")
        use = gr.Button("Use this slice", elem_id="use-slice")
    return Scan(area, viewer, preview, use, gr.State(None), gr.State(View()))


def values(volume: Volume | None, how: str, target: str) -> list:
    """Values for `Scan.outputs`; None hides the viewer."""
    if volume is None:
        return [gr.Column(visible=False), "null", "", None, View()]
    return [gr.Column(visible=True), payload(volume, View()), preview(volume, View(), how, target), volume, View()]


def wire(scan: Scan, how: gr.Radio, target: gr.Radio) -> None:
    """Another slice on `select`, what the model will see on `release`, and again when model or preparation change."""
    scan.viewer.select(_slice, scan.volume, [scan.viewer, scan.preview], **QUIET)
    given = [scan.volume, how, target]
    scan.viewer.release(_rest, given, [scan.view, scan.preview], **EACH)
    for choice in (how, target):
        choice.change(_again, [scan.view, *given], scan.preview, js=model_now(3), **QUIET)


def payload(volume: Volume, view: View) -> str:
    """One slice as JSON for the browser: values in 16 bits, or a finished picture where there is no window to choose.

    Raises PictureError for a slice or axis that is not there.
    """
    axis = volume.axis(view.axis)
    count = volume.counts[axis]
    index = count // 2 if view.slice is None else min(max(view.slice, 0), count - 1)
    plane = volume.plane(axis, index)
    shown = _smaller(plane.values)
    height, width = shown.shape[:2]
    facts = {
        "scan": volume.sha256[:16],
        "axes": list(volume.axes),
        "axis": volume.axes[axis],
        "index": index,
        "count": count,
        "size": [width, height],
        "inverted": volume.inverted,
        "unit": " HU" if volume.hounsfield else "",
        "windows": _windows(volume),
    }
    if plane.values.ndim == 3:
        pixels = np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
        return json.dumps({**facts, "rgb": _text(pixels)})
    low, high = float(shown.min()), float(shown.max())
    stored = np.rint((shown - low) / max(high - low, 1e-30) * STEPS).astype("<u2")
    start = _start(volume, plane)
    # Whether a window dragged to a width of 1 or more is DICOM's; narrower ones are exactly linear in any file.
    wide = volume.chosen_function(1.0)
    given = {"low": low, "high": high, "values": _text(stored), "start": _as_json(start), "chosen": wide}
    if plane.brightness is not None:
        given["table"] = _text(np.rint(np.clip(_smaller(plane.brightness), 0, 1) * 255).astype(np.uint8))
    return json.dumps({**facts, **given})


def _smaller(plane: np.ndarray) -> np.ndarray:
    """Every nth pixel, so that a radiograph does not take minutes to travel."""
    step = -(-max(plane.shape[:2]) // LONGEST)
    return plane[::step, ::step]


def _text(pixels: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode()


def _start(volume: Volume, plane: Plane) -> Window:
    """The window that suits the file, where nothing is chosen."""
    try:
        return volume.default(plane)[0]
    except PictureError:
        return spanning("range", float(plane.values.min()), float(plane.values.max()))


def _as_json(window: Window) -> dict[str, str | float]:
    return {"level": window.level, "width": window.width, "function": window.function}


def _windows(volume: Volume) -> list[dict[str, str | float]]:
    """Ready-made windows: the file's own, and the usual ones of CT unless the file says it is none."""
    found = [{"name": FROM_FILE, "label": "from the file", **_as_json(w)} for w in volume.windows[:1]]
    for number, window in enumerate(volume.windows[1:MOST_WINDOWS], start=2):
        found.append({"name": f"{FROM_FILE} {number}", "label": f"from the file, {number}", **_as_json(window)})
    usual = [] if volume.hounsfield is False else PRESETS.values()
    return [*found, *({"name": w.name, "label": w.name, **_as_json(w)} for w in usual)]


def asked_view(volume: Volume, data: dict) -> View:
    """The view a browser reports. Raises PictureError where it makes no sense."""
    try:
        index, window = int(data["index"]), data.get("window")
        axis = str(data["axis"]) if len(volume.axes) > 1 else None
        view = View(None if index < 0 else index, axis, None if window is None else str(window)[:60])
    except (KeyError, TypeError, ValueError):
        raise PictureError("This view of the scan is not one that can be shown.") from None
    volume.axis(view.axis)
    if view.window is not None:
        volume.window(view.window)
    return view


def preview(volume: Volume, view: View, how: str, target: str) -> str:
    """The slice as it is beside what the model will see of it, in words and pictures."""
    try:
        picture = volume.picture(view)
    except PictureError as error:
        return error_panel(error)
    channels, *size = subject(target).picture_shape
    what = seen.given(picture)
    try:
        return seen.pair(what, prepare(picture, tuple(size), channels, how), target)
    except PictureError as error:
        return seen.beside([seen.given_tile(what)], list(what.notes)) + error_panel(error)


def take(volume: Volume | None, view: View) -> Picture:
    """The picture that is looked at. Raises PictureError."""
    if volume is None:
        raise PictureError(GONE)
    return volume.picture(view)


def _slice(volume: Volume | None, event: gr.EventData) -> tuple:
    """The slice asked for, or the middle one, or what is wrong with that too in place of what the model will see."""
    if volume is None:
        return "null", gr.skip()
    why = ""
    for view in (lambda: asked_view(volume, {**event._data, "window": None}), View):
        try:
            return payload(volume, view()), gr.skip()
        except PictureError as error:
            why = why or error_panel(error)
    return "null", why


def _rest(volume: Volume | None, how: str, target: str, event: gr.EventData) -> tuple[View, str]:
    if volume is None:
        return View(), ""
    try:
        view = asked_view(volume, event._data)
    except PictureError as error:
        return View(), error_panel(error)
    return view, preview(volume, view, how, target)


def _again(view: View, volume: Volume | None, how: str, target: str) -> str:
    return "" if volume is None else preview(volume, view, how, target)
