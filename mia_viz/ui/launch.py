"""Build and start the app: on this machine only, without telemetry, share links or run history."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
import threading
from typing import TYPE_CHECKING

from mia_viz import engine
from mia_viz.targets.bundled import ASSETS, bundled_names, family_of

if TYPE_CHECKING:
    import gradio as gr


def build() -> gr.Blocks:
    """The whole app, with gradio's telemetry off and its files in a private folder before it is imported.

    Gradio keeps uploads on disk; here they lie in a folder of this run that only its owner can read (mkdtemp: 0700)
    and that is removed at the end.
    """
    if "GRADIO_TEMP_DIR" not in os.environ:
        os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="mia-viz-")
        atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from mia_viz.ui.build import build_app

    return build_app()


def launch_options() -> dict:
    """Keyword arguments for `Blocks.launch`; without a server name gradio listens on 127.0.0.1."""
    from mia_viz.ui.style import CSS, THEME

    return {
        "theme": THEME,
        "css": CSS,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "max_file_size": "50mb",
        "allowed_paths": [str(ASSETS)],
    }


def warm_up() -> None:
    """Open the first target in the background, and put one statement together, so that nobody waits for libraries."""

    def work() -> None:
        from mia_viz.ui.pick import opening_case

        name = bundled_names()[0]
        engine.opened(name)
        case, _ = opening_case(family_of(name))
        if engine.finished(case):
            engine.statement_bundled(case.target, case)

    threading.Thread(target=work, daemon=True, name="warm-up").start()


def launch(app: gr.Blocks) -> None:
    """Serve until interrupted or told to end; either way the private folder is removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    warm_up()
    app.queue(default_concurrency_limit=8).launch(**launch_options())
