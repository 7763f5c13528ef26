"""Beside the walk: every method on the current picture, what each needs, and how well each works on this model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import gradio as gr

from mia_viz import engine, subjects
from mia_viz.case import Finding
from mia_viz.ui import quality, worker
from mia_viz.ui.asking import buttons, stopped
from mia_viz.ui.choose import chosen_tile
from mia_viz.ui.events import MODEL, QUIET
from mia_viz.ui.parts import Link, data_table, failure, progress_bar, status
from mia_viz.ui.pick import Picked

ACCESS = {
    "black-box": "a service that varies pictures (black-box)",
    "grey-box": "the model's answers (grey-box)",
    "white-box": "the model's weights (white-box)",
}
SLOW = 100
"""Questions from which a method is not asked unless it is chosen."""


@dataclass(frozen=True)
class Methods:
    """Components of the page."""

    subject: gr.HTML
    picker: gr.CheckboxGroup
    ask: gr.Button
    stop: gr.Button
    status: gr.HTML
    table: gr.HTML
    needs: gr.HTML
    quality: quality.Quality


def table(findings: list[Finding], about: str = "") -> str:
    """What every method said; about: which picture and model, as HTML."""
    if not findings:
        return "<p>Nothing asked yet.</p>"
    rows = [(f.title, f"{f.raw:.5g}", _p(f), f"{f.nfe:g}", f"{f.seconds:.2f} s") for f in findings]
    heads = ("method", "statistic as published", "never-seen pictures this high", "new questions", "time")
    note = (
        "Methods share answers: a question already put to the model is not asked again. The share of never-seen "
        "pictures is each method's own; picking the best one afterwards would mislead."
    )
    return f"<p>{about}</p>{data_table(heads, rows)}<p class='mv-note'>{note}</p>"


def _p(finding: Finding) -> str:
    verdict = finding.verdict
    return "no reference" if verdict is None else f"{verdict.at_least} of {verdict.n} ({verdict.zone})"


def about(picked: Picked, target: str) -> str:
    """Which picture is asked about and which model is asked."""
    return f"<b>{escape(picked.name)}</b>, asked of <b>{escape(subjects.subject(target).title)}</b>"


def with_caption(target: str, caption: str) -> str:
    """The caption told to a target that takes one, as HTML."""
    if not subjects.subject(target).takes:
        return ""
    return f' with the caption "{escape(caption.strip())}"' if caption.strip() else " without a caption"


def choices(target: str, caption: str = "") -> list[tuple[str, str]]:
    """Methods that can be used on a target, told this caption, as (words, name)."""
    from mia_viz.attacks import get, names

    usable = [get(name) for name in names() if not _refusal(get(name), target, caption)]
    return [(f"{a.title} ({_questions(_cost(a, target))})", a.name) for a in usable]


def _refusal(attack, target: str, caption: str) -> str:
    """Why a method says nothing about a picture with this caption on a target; empty where it does."""
    from mia_viz.analysis import defaults
    from mia_viz.attacks.attack import refusal

    model = engine.opened(target)
    return refusal(attack, model, (caption.strip(),), defaults(attack, model.schedule))


def _cost(attack, target: str) -> int:
    """Questions a method asks about a picture on a target."""
    from mia_viz.analysis import defaults

    return attack.evaluations(defaults(attack, engine.opened(target).schedule))


def _questions(count: int) -> str:
    return f"{count} question{'s' if count != 1 else ''}"


def chosen_first(target: str, caption: str = "") -> list[str]:
    """The methods that are asked unless a visitor says otherwise: all but the slow ones."""
    from mia_viz.attacks import get

    known = [get(name) for _, name in choices(target, caption)]
    return [a.name for a in known if _cost(a, target) < SLOW]


def needs(target: str, caption: str = "") -> str:
    """Every method: its idea, what it costs, what it assumes, its paper, and why it cannot be used where it cannot."""
    from mia_viz.attacks import get, names

    rows = []
    for name in names():
        attack = get(name)
        reason = _refusal(attack, target, caption)
        assumes = f"{ACCESS.get(attack.access, attack.access)}: {attack.assumes}"
        cost, paper = str(_cost(attack, target)), Link(attack.paper, attack.url)
        rows.append((attack.title, attack.idea, cost, reason or assumes, paper))
    heads = ("method", "idea", "questions", "what it needs", "paper")
    return (
        "<details><summary>What each method does, costs and assumes</summary>"
        f"{data_table(heads, rows, wide=(1, 3, 4))}</details>"
    )


def build() -> Methods:
    """Lay out the page; the list of methods comes when the engine is loaded."""
    gr.HTML(
        '<p class="mv-lead">The walk uses a few methods. Here is every method that can be used on this model, asked '
        "about the picture you have chosen. A question is one run of the model's network.</p>"
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=180):
            subject = gr.HTML("", elem_id="methods-subject")
        with gr.Column(scale=4, min_width=320):
            picker = gr.CheckboxGroup([], label="Methods, with what each costs", elem_id="methods")
            with gr.Row():
                ask = gr.Button("Ask the chosen methods", variant="primary", elem_id="ask")
                stop = gr.Button("Cancel", elem_id="stop", interactive=False)
            status_view = gr.HTML(status(), elem_id="ask-status")
    table_view = gr.HTML(table([]), elem_id="findings")
    needs_view = gr.HTML("", elem_id="needs")
    return Methods(subject, picker, ask, stop, status_view, table_view, needs_view, quality.build())


def wire(page: Methods, tab: gr.Tab, picked: gr.State, target: gr.Radio, caption: gr.Textbox) -> None:
    """Fill the page when it is opened; ask and stop."""

    def opened(current: Picked, name: str, told: str) -> tuple:
        try:
            picker = gr.CheckboxGroup(choices(name, told), value=chosen_first(name, told))
        except ValueError as error:  # a model of one's own that is no longer open
            return failure(error), *[gr.skip()] * (len(filled) - 1)
        asked = f"<p>asked of <b>{escape(subjects.subject(name).title)}</b>{with_caption(name, told)}</p>"
        return chosen_tile(current) + asked, picker, needs(name, told), *quality.render(name)

    def ask(chosen: list[str], current: Picked, name: str, told: str) -> Iterator[tuple]:
        findings, words = [], f"About {about(current, name)}{with_caption(name, told)}:"
        yield progress_bar(0.0, 0.0), table(findings), *buttons(True)

        def job(progress, tell) -> None:
            engine.ask_named(name, current.prepared, chosen, progress, tell, told.strip())

        try:
            if not chosen:
                raise ValueError("No method is chosen; tick at least one.")
            for update in worker.follow(job):
                findings += [update.found] if update.found is not None else []
                yield progress_bar(update.share, update.seconds), table(findings, words), *buttons(True)
            message = status(f"Done: {len(findings)} method{'s' if len(findings) != 1 else ''}.")
        except Exception as error:  # the last boundary before a visitor
            message = failure(error)
        yield message, table(findings, words), *buttons(False)

    filled = [page.subject, page.picker, page.needs, *page.quality.outputs]
    tab.select(opened, [picked, target, caption], filled, **QUIET)
    outputs = [page.status, page.table, page.ask, page.stop]
    running = page.ask.click(ask, [page.picker, picked, target, caption], outputs, **MODEL)
    page.stop.click(None, None, None, cancels=[running], queue=False, api_visibility="private").then(
        lambda: (stopped("Stopped. What was found is kept."), *buttons(False)),
        None,
        [page.status, page.ask, page.stop],
        api_visibility="private",
    )
