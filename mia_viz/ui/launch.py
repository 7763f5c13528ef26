"""Build and start the app: on this machine only, without telemetry, share links or run history."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mia_viz import engine
from mia_viz.allowed import allow_only_below
from mia_viz.pictures.limits import MAX_BYTES, MAX_SCAN_BYTES
from mia_viz.private import private_folder
from mia_viz.serving.visitors import Visitors
from mia_viz.targets.bundled import ASSETS, bundled_names, family_of
from mia_viz.ui import log
from mia_viz.ui.heap import keep_one_heap

if TYPE_CHECKING:
    import gradio as gr

    from mia_viz.serving.passwords import Hashed
    from mia_viz.ui.gate_answer import Rules


LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FEW_WAITING, MOST_WAITING = 100, 1000
"""Requests that may wait at a time where the app is served to others, and where it is not."""
NOT_HERE = (
    "python app.py listens on this machine only, but GRADIO_SERVER_NAME names {}; to serve others, use "
    "python -m mia_viz serve --host, which asks them to sign in."
)


def build(served: bool = False) -> gr.Blocks:
    """The whole app, with gradio's telemetry off and its files in a private folder before it is imported.

    served: whether its visitors sign in. Gradio keeps uploads on disk; here they lie in a folder of this run (see
    `mia_viz.private`).
    """
    keep_one_heap()
    private_folder()
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from mia_viz.ui.build import build_app

    log.keep_messages_out()
    return build_app(served)


def launch_options(users: Mapping[str, Hashed] | None = None) -> dict:
    """Keyword arguments for `Blocks.launch`; without a server name gradio listens on 127.0.0.1.

    users: who may sign in where the app is served to others; None for one's own use on this machine.
    """
    from starlette.middleware import Middleware

    from mia_viz.ui.gate import Gate
    from mia_viz.ui.style import CSS, THEME

    return {
        "theme": THEME,
        "css": CSS,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        "max_file_size": MAX_SCAN_BYTES if users is None and not in_space() else MAX_BYTES,
        "allowed_paths": [str(ASSETS)],
        "app_kwargs": {"middleware": [Middleware(Gate, rules=rules(users))]},
    }


def rules(users: Mapping[str, Hashed] | None) -> Rules:
    """What the gate in front of the app lets through: for oneself, for others who sign in, or as a public Space."""
    from mia_viz.serving.headers import SPACES
    from mia_viz.ui.gate_answer import Rules

    visitors, shared = Visitors(private_folder()), (ASSETS.resolve(),)
    if users is not None:
        return Rules(visitors, users, one_each=True, shared=shared)
    if in_space():
        return Rules(visitors, framed_by=SPACES, one_each=True, shared=shared, embedded=True)
    return Rules(visitors, hosts=LOOPBACK, shared=shared)


def for_strangers() -> int:
    """Where anybody may come: bundled models only, and nothing on this machine can be named. How many may wait."""
    allow_only_below(None, private_folder())
    return FEW_WAITING


def in_space() -> bool:
    """Whether this is a Hugging Face Space, which is public by nature and listens behind the hub's own proxy."""
    return bool(os.environ.get("SPACE_ID"))


def warm_up() -> None:
    """Open the first target in the background, put one statement together, and start the process that opens uploads,
    so that nobody waits for libraries."""

    def work() -> None:
        from mia_viz.pictures import uploads
        from mia_viz.ui.pick import opening_case

        name = bundled_names()[0]
        engine.opened(name)
        case, _ = opening_case(family_of(name))
        if engine.finished(case):
            engine.statement_named(case.target, case)
        uploads.warm()

    threading.Thread(target=work, daemon=True, name="warm-up").start()


def launch(app: gr.Blocks) -> None:
    """Serve until interrupted or told to end; either way the private folder is removed."""
    named = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    if named.strip("[]") not in LOOPBACK and not in_space():
        sys.exit(NOT_HERE.format(named))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    waiting = for_strangers() if in_space() else MOST_WAITING
    warm_up()
    app.queue(default_concurrency_limit=8, max_size=waiting).launch(**launch_options())


def serve(app: gr.Blocks, host: str, port: int, users: Mapping[str, Hashed] | None) -> None:
    """Serve at an address until interrupted or told to end. users: who may sign in; None for this machine only."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    warm_up()
    options = {**launch_options(users), "server_name": host, "server_port": port, "quiet": True}
    waiting = MOST_WAITING if users is None else FEW_WAITING
    app.queue(default_concurrency_limit=8, max_size=waiting).launch(**options, prevent_thread_lock=True)
    print(f"MIA-Viz listens at {host}, port {port}; stop it with Ctrl+C.", flush=True)
    app.block_thread()
