"""Beside the walk: many pictures at once, compared as a set with pictures that the model certainly never saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from mia_viz import engine, subjects
from mia_viz.figures.distributions import set_plot
from mia_viz.figures.palette import MEMBER, waiting
from mia_viz.ui import worker
from mia_viz.ui.asking import buttons, stopped
from mia_viz.ui.collection import FEWEST, MOST, SHOWN, Collection, as_csv, check, ranking, take
from mia_viz.ui.events import QUIET
from mia_viz.ui.parts import data_table, failure, progress_bar, status
from mia_viz.ui.report import link

if TYPE_CHECKING:
    from mia_viz.set_audit import SetAnswer

ONE = {"concurrency_limit": 1, "concurrency_id": "sets", **QUIET}
"""One set at a time, beside single pictures: a large set may take an hour, and nobody else should wait for it."""
NEWS = 25
"""Files after which the page hears how many have been read."""
NOTE = (
    "A row is not a verdict. Of 100 pictures that the model never saw, about one scores as high as the highest one in "
    "100; in a large set some rows always stand out. To ask about one picture, use the first page."
)


@dataclass(frozen=True)
class Group:
    """One collection's field, button to empty it, what is held, and what is said of it."""

    held: gr.State
    files: gr.File
    empty: gr.Button
    words: gr.HTML


@dataclass(frozen=True)
class Many:
    """Components of the page."""

    subject: gr.HTML
    how: gr.Radio
    suspects: Group
    unseen: Group
    ask: gr.Button
    stop: gr.Button
    status: gr.HTML
    answer: gr.HTML
    plot: gr.Plot
    table: gr.HTML

    @property
    def results(self) -> list[gr.components.Component]:
        return [self.answer, self.plot, self.table]


def build() -> Many:
    """Lay out the page."""
    gr.HTML(
        '<p class="mv-lead">One picture may say little where many say a lot. Give the pictures that may have been used '
        f"for training, {FEWEST} to {MOST:,} of them. The model is asked about each, and the set as a whole is "
        "compared with pictures it certainly never saw.</p>"
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            subject = gr.HTML("", elem_id="many-subject")
            how = gr.Radio(
                [("exact: as they are", "exact"), ("crop: the middle, resized", "crop"), ("fit: all, resized", "fit")],
                value="exact",
                label="If they do not have the model's size",
                elem_id="many-how",
            )
            suspects = _group("suspects", "The pictures in question; they stay on this machine")
            with gr.Accordion("Pictures that were certainly not used", open=False, elem_id="many-unseen"):
                gr.HTML(
                    "<p>Better than our own, if you have some: the same source, kind and years, made after the model "
                    "or never published. Without them, stored never-trained pictures of the model's reference are used."
                    "</p>"
                )
                unseen = _group("unseen", "Certainly unseen pictures of the same kind")
        with gr.Column(scale=2, min_width=320):
            with gr.Row():
                ask = gr.Button("Test these pictures", variant="primary", elem_id="many-ask")
                stop = gr.Button("Cancel", elem_id="many-stop", interactive=False)
            status_view = gr.HTML(status(), elem_id="many-status")
            answer_view = gr.HTML("", elem_id="many-answer")
            plot = gr.Plot(waiting("nothing tested yet"), show_label=False, elem_id="many-plot")
            table_view = gr.HTML("", elem_id="many-table")
    return Many(subject, how, suspects, unseen, ask, stop, status_view, answer_view, plot, table_view)


def _group(name: str, label: str) -> Group:
    held = gr.State(Collection())
    files = gr.File(label=label, file_count="multiple", height=150, elem_id=f"{name}-files")
    with gr.Row():
        words = gr.HTML(status(Collection().sentence), elem_id=f"{name}-words")
        empty = gr.Button("Empty", size="sm", min_width=90, scale=0, elem_id=f"{name}-empty")
    return Group(held, files, empty, words)


def answer(found: SetAnswer) -> str:
    """The set-level answer with its power and its limits."""
    from mia_viz.sets import ALPHA

    colour = MEMBER if found.test.p_value <= ALPHA else "#8a8f98"
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in found.sentences)
    numbers = f"Permutation test: p = {found.test.p_value:.4f}."
    if found.test.p_welch is not None:
        numbers += f" Welch's test: p = {found.test.p_welch:.2g}."
    if found.test.effect is not None:
        numbers += f" Difference: {found.test.effect:.2f} standard deviations."
    return (
        f'<div class="mv-answer" style="--c:{colour}"><h2>{escape(found.answer)}</h2>{paragraphs}'
        f'<p class="mv-note">{numbers} Scores are {escape(found.rule)}.</p></div>'
    )


def table(suspects: Collection, found: SetAnswer) -> str:
    """Scores of single pictures from the highest down, and all of them as a CSV file."""
    order, at_least = ranking(found.suspects, found.unseen)
    names = suspects.names
    rows = [(names[k], f"{found.suspects[k]:.4g}", f"{at_least[k]} of {len(found.unseen)}") for k in order[:SHOWN]]
    more = f" The {SHOWN} highest of {len(names):,} are shown; the file has all." if len(names) > SHOWN else ""
    file = link("mia-viz-scores.csv", "text/csv", as_csv(suspects, found.suspects, found.unseen), "CSV of all scores")
    heads = ("picture", "score", "unseen pictures that score this high")
    return (
        f'<h3>Picture by picture</h3><p class="mv-note">{NOTE}{more}</p><div class="mv-files">{file}</div>'
        f'<div class="mv-tall">{data_table(heads, rows)}</div>'
    )


def wire(page: Many, tab: gr.Tab, target: gr.Radio) -> None:
    """Name the model when the page is opened; take files; ask and stop."""
    tab.select(_subject, target, page.subject, **QUIET)
    for group in (page.suspects, page.unseen):
        given = [group.files, page.how, target, group.held]
        group.files.upload(_take, given, [group.files, group.held, group.words], **QUIET)
        group.empty.click(_empty, None, [group.held, group.words], **QUIET)
    inputs = [page.suspects.held, page.unseen.held, target]
    running = page.ask.click(_ask, inputs, [page.status, page.ask, page.stop, *page.results], **ONE)
    page.stop.click(None, None, None, cancels=[running], queue=False, api_visibility="private").then(
        lambda: (stopped("Stopped. Nothing is said about a set that was not finished."), *buttons(False)),
        None,
        [page.status, page.ask, page.stop],
        api_visibility="private",
    )


def _subject(target: str) -> str:
    title = escape(subjects.subject(target).title)
    return f"<p>The model in question is <b>{title}</b>; another can be chosen on the first page.</p>"


def _empty() -> tuple[Collection, str]:
    return Collection(), status(Collection().sentence)


def _take(files: list[str] | None, how: str, target: str, held: Collection) -> Iterator[tuple]:
    """The field is emptied again: the pictures live in the visit, and more can follow."""
    try:
        for done, now in take(files or [], how, target, held):
            held = now
            if done % NEWS == 0:
                yield gr.skip(), gr.skip(), status(f"Reading: {done:,} of {len(files):,} files.")
        words = status(escape(held.sentence))
    except Exception as error:  # the last boundary before a visitor
        words = failure(error)
    yield None, held, words


def _ask(suspects: Collection, unseen: Collection, target: str) -> Iterator[tuple]:
    """Test the set and say what was found; results of an earlier set are gone as soon as another is asked about."""
    blank = ("", waiting("being tested"), "")
    yield progress_bar(0.0, 0.0), *buttons(True), *blank

    def job(progress, tell) -> None:
        tell(engine.sets_named(target, suspects.prepared, unseen.prepared or None, progress))

    found = None
    try:
        check(suspects, unseen, target)
        for update in worker.follow(job):
            found = update.found or found
            yield progress_bar(update.share, update.seconds), gr.skip(), gr.skip(), *[gr.skip()] * 3
        message = status(f"Done: {len(found.suspects):,} pictures tested.")
    except Exception as error:  # the last boundary before a visitor
        message = failure(error)
    results = (
        blank if found is None else (answer(found), set_plot(found.suspects, found.unseen), table(suspects, found))
    )
    yield message, *buttons(False), *results
