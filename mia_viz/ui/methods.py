"""Beside the walk: every method on the current picture, and how well each works on this model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import gradio as gr
import numpy as np
import plotly.graph_objects as go

from mia_viz import engine
from mia_viz.case import Finding
from mia_viz.figures.palette import waiting
from mia_viz.figures.roc import Curve, log_roc
from mia_viz.ui import worker
from mia_viz.ui.choose import Picked
from mia_viz.ui.parts import data_table, error_panel, progress_bar, status

CURVES = 7
QUALITY = (
    "method and settings",
    "AUC [95 %]",
    "found at 1 % false alarms",
    "found with a threshold fixed before for 5 %",
    "false alarms it then raised",
    "questions",
)


@dataclass(frozen=True)
class Methods:
    """Components of the page."""

    picker: gr.CheckboxGroup
    ask: gr.Button
    stop: gr.Button
    status: gr.HTML
    table: gr.HTML
    roc: gr.Plot
    metrics: gr.HTML


def table(findings: list[Finding]) -> str:
    """What every method said about the picture."""
    if not findings:
        return "<p>Nothing asked yet.</p>"
    rows = [(f.title, f"{f.raw:.5g}", _p(f), f"{f.nfe:g}", f"{f.seconds:.2f} s") for f in findings]
    heads = ("method", "statistic as published", "never-seen pictures this high", "new questions", "time")
    note = (
        "Methods share answers: a question already put to the model is not asked again. The share of never-seen "
        "pictures is each method's own; picking the best one afterwards would mislead."
    )
    return data_table(heads, rows) + f'<p class="mv-note">{note}</p>'


def _p(finding: Finding) -> str:
    verdict = finding.verdict
    return "no reference" if verdict is None else f"{verdict.at_least} of {verdict.n} ({verdict.zone})"


@lru_cache(maxsize=16)
def quality(target: str) -> tuple[go.Figure, str]:
    """ROC curves and metrics of every stored method on the test pictures of a target."""
    from mia_viz import evaluation

    known = engine.reference(target)
    if known is None:
        return waiting("nothing measured"), "<p>No pictures of known membership were measured for this model.</p>"
    measured = []
    for key in known.columns:
        splits = {}
        for split in ("test", "calibration"):
            splits[split] = evaluation.Scores(*(known.scores(key, member, split) for member in (True, False)))
        measured.append((key, splits["test"], evaluation.measure(splits["test"], splits["calibration"])))
    # Perfect curves would lie on top of one another along the upper edge, so the first stands for all of them.
    perfect = [m for m in measured if m[2].auc.value > 0.9995][:1]
    shown = perfect + sorted((m for m in measured if m[2].auc.value <= 0.9995), key=lambda m: -m[2].auc.value)
    shown = shown[:CURVES]
    smallest = 1 / len(shown[0][1].holdouts)
    curves = [_curve(evaluation, key, scores, smallest) for key, scores, _ in shown]
    rows = [
        (key, str(m.auc), _share(m.tpr_1), _share(m.tpr_at_5), _share(m.fpr_at_5), f"{known.columns[key].nfe:g}")
        for key, _, m in measured
    ]
    first = measured[0][2]
    words = (
        f"<p>Measured on {first.members} pictures it was trained on and {first.holdouts} it never saw, none of them "
        "used for any choice. An AUC of 1 separates them perfectly, 0.5 is guessing, and below 0.5 the published sign "
        "is wrong on this model.</p>"
    )
    return log_roc(curves, smallest), words + data_table(QUALITY, rows)


def _curve(evaluation, key: str, scores, smallest: float) -> Curve:
    fpr = np.geomspace(smallest, 1, 40)
    low, high = evaluation.roc_band(scores, fpr)
    tpr = np.array([evaluation.rates(scores, evaluation.threshold_at(scores.holdouts, f))[0] for f in fpr])
    return Curve(key, fpr, tpr, low, high)


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.0f} %"


def build() -> Methods:
    """Lay out the page; the list of methods comes when the engine is loaded."""
    gr.HTML(
        '<p class="mv-lead">The walk uses four methods. Here is every method that can be used on this model, asked '
        "about the picture you have chosen.</p>"
    )
    picker = gr.CheckboxGroup([], label="Methods, with what each costs and needs", elem_id="methods")
    with gr.Row():
        ask = gr.Button("Ask the chosen methods", variant="primary", elem_id="ask")
        stop = gr.Button("Cancel", elem_id="stop", interactive=False)
    status_view = gr.HTML(status(), elem_id="ask-status")
    table_view = gr.HTML(table([]), elem_id="findings")
    gr.HTML("<h2>How well do the methods work on this model?</h2>")
    roc_view = gr.Plot(waiting("one moment"), show_label=False, elem_id="roc")
    metrics_view = gr.HTML("", elem_id="metrics")
    return Methods(picker, ask, stop, status_view, table_view, roc_view, metrics_view)


def choices() -> list[tuple[str, str]]:
    """Methods as (words, name)."""
    from mia_viz.attacks import get, names

    attacks = [get(name) for name in names()]
    costs = [a.evaluations(a.Params()) for a in attacks]
    return [
        (f"{a.title}: {n} question{'s' if n > 1 else ''}, {a.access}", a.name)
        for a, n in zip(attacks, costs, strict=True)
    ]


def wire(page: Methods, tab: gr.Tab, picked: gr.State, target: gr.Radio) -> None:
    """Fill the page when it is opened; ask and stop."""

    def opened(name: str) -> tuple:
        known = choices()
        everything = [value for _, value in known if value != "drc"]
        return gr.CheckboxGroup(known, value=everything), *quality(name)

    def ask(chosen: list[str], current: Picked, name: str) -> Iterator[tuple]:
        findings: list[Finding] = []
        yield progress_bar(0.0, 0.0), table(findings), *_buttons(True)

        def job(progress, tell) -> None:
            engine.ask_bundled(name, current.prepared, chosen, progress, tell)

        try:
            for update in worker.follow(job):
                findings += [update.found] if update.found is not None else []
                yield progress_bar(update.share, update.seconds), table(findings), *_buttons(True)
            message = status(f"Done: {len(findings)} methods.")
        except ValueError as error:
            message = error_panel(error)
        yield message, table(findings), *_buttons(False)

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    tab.select(opened, target, [page.picker, page.roc, page.metrics], **quiet)
    outputs = [page.status, page.table, page.ask, page.stop]
    running = page.ask.click(
        ask, [page.picker, picked, target], outputs, concurrency_limit=1, concurrency_id="model", **quiet
    )
    page.stop.click(
        lambda: (status("Stopped."), *_buttons(False)),
        None,
        [page.status, page.ask, page.stop],
        cancels=[running],
        queue=False,
        api_visibility="private",
    )


def _buttons(running: bool) -> tuple[gr.Button, gr.Button]:
    return gr.Button(interactive=not running), gr.Button(interactive=running)
