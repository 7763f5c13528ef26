"""How listeners of the app are set up beside what they do."""

from __future__ import annotations

QUIET = {"show_progress": "hidden", "api_visibility": "private"}
"""No sign of waiting over what is about to change, and no part of the API."""
LATEST = {**QUIET, "trigger_mode": "always_last"}
"""For what is moved: where it moves on while an answer is under way, the last place is answered too.

Without it gradio drops what comes in the meantime, and what is shown no longer fits the control.
"""
EACH = {**QUIET, "trigger_mode": "multiple"}
"""For events that say themselves what is wanted: each is answered, for the last one cannot be read off the page."""
IN_ORDER = {**EACH, "concurrency_limit": 1}
"""The same for what is quickly answered: one after the other."""
MODEL = {**QUIET, "concurrency_limit": 1, "concurrency_id": "model"}
"""For what asks a model: one at a time, whoever asks."""
