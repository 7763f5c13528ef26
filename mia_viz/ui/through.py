"""Beside the walk: a folder or an archive picture by picture, as a table whose rows lead back into the walk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from mia_viz import allowed, engine
from mia_viz.ui import pick, worker
from mia_viz.ui.asking import buttons, stopped
from mia_viz.ui.events import QUIET
from mia_viz.ui.parts import failure, progress_bar, status

if TYPE_CHECKING:
    from mia_viz.audit.source import Source
    from mia_viz.ui.pick import Picked

ONE = {"concurrency_limit": 1, "concurrency_id": "sets", **QUIET}
PLACE, PICTURE, STATE = "#", "picture", "state"
WIDTHS = ("56px", "190px", "150px", "260px")
"""Of place, name, a method and state."""
NOTE = (
    '<p class="mv-note">The numbers say how many of 1,000 pictures the model never saw would score at least as high: '
    "the smaller, the more familiar. Sort by a column; press a row to open that picture in the walk. In a long table "
    "some rows always stand out, so a row is a reason to look, not a verdict. For more than 5,000 pictures use the "
    "command <code>audit</code>.</p>"
)


@dataclass(frozen=True)
class Through:
    """Components. archive: path of the visitor's upload, kept until another comes or the visit ends."""

    folder: gr.Textbox
    upload: gr.File
    archive: gr.State
    how: gr.Radio
    start: gr.Button
    stop: gr.Button
    status: gr.HTML
    table: gr.Dataframe
    source: gr.State


def remove(path: str | None) -> None:
    """Delete an upload that is no longer needed."""
    if path and os.path.exists(path):
        os.unlink(path)


def build() -> Through:
    """Lay out the table and what fills it."""
    gr.HTML(
        "<h2>Picture by picture</h2>"
        '<p class="mv-lead">Go through a folder of this machine, or an archive you give, and see at a glance which '
        "pictures are worth a closer look.</p>"
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            folder = gr.Textbox(label="Folder on this machine", placeholder="/path/to/pictures", elem_id="table-folder")
            upload = gr.File(
                label="or a zip, tar or Parquet file",
                file_types=[".zip", ".tar", ".parquet"],
                height=120,
                elem_id="table-upload",
            )
            how = gr.Radio(
                [("exact: as they are", "exact"), ("crop: the middle, resized", "crop"), ("fit: all, resized", "fit")],
                value="exact",
                label="If they do not have the model's size",
                elem_id="table-how",
            )
            with gr.Row():
                start = gr.Button("Go through them", variant="primary", elem_id="table-start")
                stop = gr.Button("Cancel", elem_id="table-stop", interactive=False)
            status_view = gr.HTML(status(), elem_id="table-status")
        with gr.Column(scale=2, min_width=320):
            table = gr.Dataframe(
                headers=[PLACE, PICTURE, STATE],
                column_widths=[WIDTHS[0], WIDTHS[1], WIDTHS[3]],
                interactive=False,
                show_label=False,
                max_height=520,
                wrap=True,
                elem_id="table-rows",
            )
            gr.HTML(NOTE)
    archive = gr.State(None, delete_callback=remove)
    return Through(folder, upload, archive, how, start, stop, status_view, table, gr.State(None))


def wire(page: Through, target: gr.Radio, chosen: list[gr.blocks.Block], tabs: gr.Tabs, opened) -> None:
    """Fill the table; open a row. opened: from a `Picked` to values for `chosen`."""
    page.upload.upload(_kept, [page.upload, page.archive], [page.upload, page.archive, page.status], **QUIET)
    given = [page.folder, page.archive, page.how, target]
    running = page.start.click(_go, given, [page.status, page.start, page.stop, page.table, page.source], **ONE)
    page.stop.click(None, None, None, cancels=[running], queue=False, api_visibility="private").then(
        lambda: (stopped("Stopped. The rows so far stay."), *buttons(False)),
        None,
        [page.status, page.start, page.stop],
        api_visibility="private",
    )

    def row(source, how: str, name: str, event: gr.SelectData) -> tuple:  # gradio reads these types when it runs
        try:
            found, picked = _open(source, how, name, event.row_value)
            return status(), found, *opened(picked), gr.Tabs(selected=1)
        except Exception as error:  # the last boundary before a visitor
            return failure(error), *[gr.skip()] * (len(chosen) + 1)

    page.table.select(row, [page.source, page.how, target], [page.status, *chosen, tabs], **QUIET)


def _open(source: Source | None, how: str, target: str, values: list[Any]) -> tuple[Any, Picked]:
    """The picture of a row, and what is chosen with it. Raises ValueError."""
    from mia_viz.audit.browse import picture_at

    if source is None:
        raise ValueError("These pictures are no longer kept here; please go through them again.")
    picture = picture_at(source, int(values[0]))
    return picture, pick.pick_upload(picture, how, target)


def _kept(file: str | None, before: str | None) -> tuple:
    """The field is emptied again; the file of the last time is removed."""
    if file is None:
        return None, before, gr.skip()
    remove(before)
    return None, file, status(f"{os.path.basename(file)} is ready.")


def source_of(folder: str, archive: str | None) -> Source:
    """The pictures a visitor named or gave. Raises ValueError."""
    from mia_viz.audit.source import Source

    if folder.strip():
        return Source(str(allowed.allowed_folder(folder, "pictures")))
    if archive is None or not os.path.exists(archive):
        raise ValueError("Please name a folder, or give a zip, tar or Parquet file.")
    return Source(archive)


def plans_of(target: str) -> list:
    """The walk's attacks that ask few questions."""
    from mia_viz.set_audit import METHODS  # with scikit-learn, which the first screen does not wait for

    found = [p for p in engine.plans(target) if p.attack.name in METHODS]
    if not found:
        raise ValueError("None of the methods for many pictures can be used on this model.")
    return found


def heads(plans: list) -> list[str]:
    """Headings of the table."""
    return [PLACE, PICTURE, *(p.attack.title for p in plans), STATE]


def cells(row: dict[str, Any], plans: list) -> list[Any]:
    """One row: place, name, per method how many of 1,000 unseen pictures score this high, and state or error.

    Without a reference the score itself stands there.
    """
    numbers = []
    for chosen in plans:
        p_value, score = row.get(f"{chosen.key}.p_value"), row.get(f"{chosen.key}.score")
        numbers.append(
            None if score is None else float(f"{score:.4g}") if p_value is None else round(1000 * p_value, 1)
        )
    return [row["place"], row["id"], *numbers, row.get("error") or row["status"]]


def _go(folder: str, archive: str | None, how: str, target: str) -> Iterator[tuple]:
    """Fill the table batch by batch."""
    rows: list[list[Any]] = []
    yield progress_bar(0.0, 0.0), *buttons(True), gr.Dataframe(value=[]), None
    source = None
    try:
        source, plans = source_of(folder, archive), plans_of(target)

        def job(progress, tell) -> None:
            from mia_viz.audit.browse import through

            asked = (engine.opened(target), source, plans, engine.reference(target), how, progress)
            for batch in through(*asked):
                tell([cells(row, plans) for row in batch])

        names = heads(plans)
        widths = [*WIDTHS[:2], *[WIDTHS[2]] * len(plans), WIDTHS[3]]
        for update in worker.follow(job):
            news = gr.skip()
            if update.found:
                rows += update.found
                news = gr.Dataframe(value=rows, headers=names, column_widths=widths)
            yield progress_bar(update.share, update.seconds), gr.skip(), gr.skip(), news, source
        wrong = sum(row[-1] != "scored" for row in rows)
        without = f" {wrong:,} could not be scored; their rows say why." if wrong else ""
        message = status(f"Done: {len(rows):,} pictures.{without}")
    except Exception as error:  # the last boundary before a visitor
        message = failure(error)
    yield message, *buttons(False), gr.skip(), source
