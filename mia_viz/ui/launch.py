"""Build and start the app: on this machine only, without telemetry, share links or run history."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from mia_viz import engine
from mia_viz.targets.bundled import ASSETS, bundled_names

if TYPE_CHECKING:
    import gradio as gr


def build() -> gr.Blocks:
    """The whole app, with gradio's telemetry off before it is imported."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from mia_viz.ui.build import build_app

    return build_app()


def launch_options() -> dict:
    """Keyword arguments for `Blocks.launch`."""
    from mia_viz.ui.style import CSS, THEME

    return {
        "theme": THEME,
        "css": CSS,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "max_file_size": "50mb",
        "allowed_paths": [str(ASSETS)],
        "server_name": os.environ.get("MIA_VIZ_HOST", "127.0.0.1"),
    }


def warm_up() -> None:
    """Open the first target in the background, so that the first Analyse does not wait for it."""
    threading.Thread(target=lambda: engine.opened(bundled_names()[0]), daemon=True, name="warm-up").start()


def launch(app: gr.Blocks) -> None:
    """Serve until interrupted."""
    warm_up()
    app.queue(default_concurrency_limit=8).launch(**launch_options())
