"""What a failure leaves in the server's log: its kind and the places in the code, never its message.

Messages of failures may name a visitor's file or quote what is in it.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace


def failure(what: str, error: BaseException) -> None:
    """Log a failure."""
    logging.getLogger("mia_viz").error("%s: %s", what, told(error))


def told(error: BaseException) -> str:
    """The kind of an error, and of those behind it, with the places it passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{type(error).__name__} at {places or 'nowhere'}" + (f"; after {told(behind)}" if behind else "")


def keep_messages_out() -> None:
    """Have gradio's queue, which prints every failure of a handler with its message, log it this way too."""
    import gradio.queueing

    def print_exc() -> None:
        error = sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1]
        if error is not None:
            failure("a handler failed", error)

    gradio.queueing.traceback = SimpleNamespace(print_exc=print_exc)
