"""The way out for those who signed in; the route is the gate's (see `mia_viz.ui.gate_sign_in`)."""

from __future__ import annotations

import gradio as gr

FORM = '<form class="mv-sign-out" method="post" action="/sign-out"><button type="submit">Sign out</button></form>'
CSS = """
.mv-sign-out { display: flex; justify-content: flex-end; margin: 0; }
.mv-sign-out button { all: unset; cursor: pointer; padding: 4px 9px; font-size: .9rem; border-radius: 6px;
  text-decoration: underline; text-underline-offset: 4px; }
.mv-sign-out button:focus-visible { outline: 2px solid #1d4ed8; }
"""


def build() -> gr.HTML:
    """A button that ends the visit: what was uploaded and found goes with it."""
    return gr.HTML("", html_template=FORM, css_template=CSS, apply_default_css=False, elem_id="sign-out")
