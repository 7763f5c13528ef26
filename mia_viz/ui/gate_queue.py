"""What the gate reads in gradio's queue: whose an event is, and whether a visitor's analysis is waiting or running."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr
    from gradio.queueing import Event


def event_session(blocks: gr.Blocks, event: object) -> str | None:
    """The page that an event belongs to; None for one that is not (or no longer) known."""
    found = blocks._queue.event_ids_to_events.get(event) if isinstance(event, str) else None
    return None if found is None else found.session_hash


def busy(blocks: gr.Blocks, function: object, sessions: Collection[str]) -> bool:
    """Whether a function is an analysis and one of these pages has another analysis waiting or running.

    Analyses are the functions of which the app runs one at a time.
    """
    asked = blocks.fns.get(function) if isinstance(function, int) else None
    if asked is None or asked.concurrency_limit != 1:
        return False
    return any(event.fn.concurrency_limit == 1 and event.session_hash in sessions for event in _events(blocks))


def named(blocks: gr.Blocks, function: object, name: str) -> bool:
    """Whether a function of the app, by its number in a request, has a name."""
    asked = blocks.fns.get(function) if isinstance(function, int) else None
    return asked is not None and asked.name == name


def asking(blocks: gr.Blocks, session: str, name: str) -> bool:
    """Whether a page waits for an answer of the function of a name."""
    return any(event.session_hash == session and event.fn.name == name for event in _events(blocks))


def at_work(blocks: gr.Blocks) -> set[str]:
    """Pages that wait for something or have something running."""
    return {event.session_hash for event in _events(blocks)}


def _events(blocks: gr.Blocks) -> list[Event]:
    queue = blocks._queue
    events = [event for waiting in [*queue.event_queue_per_concurrency_id.values()] for event in [*waiting.queue]]
    return events + [event for job in [*queue.active_jobs] if job for event in job if event.alive]
