"""Pictures of one's own: a pad to draw on where the pictures are simple enough, and a corner for files.

What is drawn travels to the server as text and is never a file.
"""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from mia_viz.ui import scan
from mia_viz.ui.events import QUIET
from mia_viz.ui.parts import status

PAD = '<canvas class="mv-pad" width="320" height="320" role="img" aria-label="Pad to draw a digit on"></canvas>'
DRAW = """
const pad = element.querySelector('canvas'), pen = pad.getContext('2d');
pen.fillRect(0, 0, pad.width, pad.height);
Object.assign(pen, {strokeStyle: '#fff', lineWidth: 26, lineCap: 'round', lineJoin: 'round'});
let last = null;
const place = event => {
  const box = pad.getBoundingClientRect();
  return [(event.clientX - box.left) * pad.width / box.width, (event.clientY - box.top) * pad.height / box.height];
};
const line = event => {
  const next = place(event);
  pen.beginPath(); pen.moveTo(...last); pen.lineTo(...next); pen.stroke();
  last = next;
};
pad.onpointerdown = event => {
  if (!event.isPrimary) return;
  pad.setPointerCapture(event.pointerId);
  last = place(event); line(event);
};
pad.onpointermove = event => { if (last && event.isPrimary) line(event); };
pad.onpointerup = pad.onpointercancel = () => { last = null; };
"""
"""Fingers, pens and mice alike; the stroke is as wide, measured on the digit, as a pen's in MNIST."""
SEND = "(_, target) => [document.querySelector('#pad canvas').toDataURL('image/png'), target]"
CLEAR = """() => {
  const pad = document.querySelector('#pad canvas');
  pad.getContext('2d').fillRect(0, 0, pad.width, pad.height);
  return [];
}"""


@dataclass(frozen=True)
class Drawing:
    """The pad and what surrounds it; `area` is shown where a population can be drawn."""

    area: gr.Column
    pad: gr.HTML
    use: gr.Button
    status: gr.HTML


def drawing_pad(visible: bool) -> Drawing:
    """Lay out the pad. Its picture reaches a handler of `use` through the script SEND."""
    with gr.Column(visible=visible, elem_id="draw") as area:
        gr.HTML("<h3>Or draw a digit</h3>")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=280, scale=3):
                pad = gr.HTML(PAD, js_on_load=DRAW, elem_id="pad")
            with gr.Column(min_width=150, scale=2):
                gr.HTML("<p>With a finger or the mouse. No model has seen what you draw now.</p>")
                use = gr.Button("Use this drawing", elem_id="use-drawing")
                clear = gr.Button("Clear", elem_id="clear-drawing")
                status_view = gr.HTML(status(), elem_id="draw-status")
    clear.click(status, None, status_view, js=CLEAR, **QUIET)
    return Drawing(area, pad, use, status_view)


def file_corner() -> tuple[gr.Accordion, gr.Radio, gr.File, scan.Scan]:
    """The corner for uploads, closed at first."""
    with gr.Accordion("Use a picture of your own", open=False, elem_id="own") as corner:
        how = gr.Radio(
            [("exact: as it is", "exact"), ("crop: its middle, resized", "crop"), ("fit: all of it, resized", "fit")],
            value="exact",
            label="If it does not have the model's size",
            elem_id="how",
        )
        upload = gr.File(
            label="A picture (PNG, JPEG, TIFF, WebP) or a scan (DICOM, NIfTI, a series as zip); it stays here",
            file_count="single",
            height=120,
            elem_id="upload",
        )
        gr.HTML(
            '<p class="mv-note">Nobody else can see it. It is forgotten a minute after the page is closed, and after '
            "15 minutes in which you do not use the page.</p>"
        )
        viewer = scan.build()
    return corner, how, upload, viewer
