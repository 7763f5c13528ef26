"""What of a visit is a visitor's own picture, or was found out about one, and how the server forgets it.

A page that was left alone for a quarter of an hour keeps its place, its settings and its model, but no picture of the
visitor's, no evidence of one and no file. See `mia_viz.ui.housekeeping` for when, and `mia_viz.ui.coming_back` for what
the page says to a visitor who comes back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.case import Case
from mia_viz.own_described import MADE_UP
from mia_viz.pictures.drawing import UNSEEN
from mia_viz.pictures.picture import Picture
from mia_viz.pictures.volume import Volume
from mia_viz.private import private_folder
from mia_viz.ui.collection import Collection
from mia_viz.ui.compare_table import Table
from mia_viz.ui.pick import DRAWN, Picked

if TYPE_CHECKING:
    import gradio as gr

HEADER = "x-mia-viz-let-go"
"""Set by the gate: the numbers of the states that were let go, with commas; what a page sends under it is dropped."""
ASKING = "come_back"
"""Name of the function by which a page asks what was let go (in `mia_viz.ui.coming_back`)."""
LET_GO = "The picture was let go after 15 minutes without use; choose it again."
SEVERAL = "The pictures were let go after 15 minutes without use; give them again."
FOUND = "What was found about your picture was let go after 15 minutes without use."


def is_personal(value: object) -> bool:
    """Whether a value that a visit keeps is, or is about, a picture that the visitor gave or drew."""
    if isinstance(value, Picture | Volume):
        return True
    if isinstance(value, Picked):
        return value.group in (None, DRAWN) and MADE_UP not in value.prepared.notes
    if isinstance(value, Case):
        return (value.truth is None and MADE_UP not in value.notes) or UNSEEN in value.notes
    if isinstance(value, Collection):
        return bool(value.pictures)
    if isinstance(value, Table):
        return any(is_personal(side.picked) for side in value.sides)
    if isinstance(value, tuple):
        return any(is_personal(part) for part in value)
    about = getattr(value, "case", None)  # what was worked out about one
    return file_of(value) is not None or (isinstance(about, Case) and is_personal(about))


def file_of(value: object) -> Path | None:
    """The upload that a value names, as a path in the app's private folder or an archive opened there, or None."""
    named = getattr(value, "where", value)
    if not isinstance(named, str) or os.sep not in named:
        return None
    return Path(named) if Path(named).is_relative_to(private_folder()) else None


def let_go(blocks: gr.Blocks, session: str) -> frozenset[int]:
    """Forget what of a page is the visitor's own; returns the numbers of the states that held it.

    Nothing of the page may be running.
    """
    state = blocks.state_holder.session_data.get(session)
    if state is None:
        return frozenset()
    gone = [(number, value) for number, value in [*state.state_data.items()] if is_personal(value)]
    for number, value in gone:
        state.blocks_config.blocks[number].delete_callback(value)
        del state.state_data[number]
    if gone:
        _forget_what_was_shown(blocks, session)
    return frozenset(number for number, _ in gone)


def _forget_what_was_shown(blocks: gr.Blocks, session: str) -> None:
    """Gradio remembers the values of all outputs of a page, and of components that were changed as a whole."""
    import gradio as gr

    state = blocks.state_holder.session_data[session]
    state.config_values.clear()
    for number, component in blocks.blocks.items():
        if isinstance(component, gr.Dataframe | gr.Textbox):
            state.blocks_config.blocks[number] = component
    blocks._queue.pending_messages_per_session.pop(session, None)


def files_held(blocks: gr.Blocks, session: str) -> Iterator[Path]:
    """Uploads that a page still needs."""
    state = blocks.state_holder.session_data.get(session)
    for value in [] if state is None else [*state.state_data.values()]:
        file = file_of(value)
        if file is not None:
            yield file
