"""How well the methods work on a model: ROC curves, rates on pictures kept for testing, and the controls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import gradio as gr
import numpy as np
import plotly.graph_objects as go

from mia_viz import engine
from mia_viz.figures.agree import agree_number
from mia_viz.figures.palette import waiting
from mia_viz.figures.roc import Curve, log_roc
from mia_viz.reference import Reference
from mia_viz.ui.controls import controls
from mia_viz.ui.parts import data_table

CURVES = 7
HEADS = (
    "method",
    "AUC [95 %]",
    "found at 1 % false alarms",
    "found with a threshold fixed before for 5 %",
    "false alarms it then raised",
    "questions",
    "name in commands",
)


@dataclass(frozen=True)
class Quality:
    """Components of this part of the page."""

    roc: gr.Plot
    metrics: gr.HTML
    agree_words: gr.HTML
    agree: gr.Plot
    controls: gr.HTML

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.roc, self.metrics, self.agree_words, self.agree, self.controls]


def build() -> Quality:
    """Lay out the part; it is filled when the page is opened."""
    gr.HTML("<h2>How well do the methods work on this model?</h2>")
    roc = gr.Plot(waiting("one moment"), show_label=False, elem_id="roc")
    metrics = gr.HTML("", elem_id="metrics")
    agree_words = gr.HTML("", elem_id="agree-words")
    agree = gr.Plot(waiting("one moment"), show_label=False, elem_id="agree", visible=False)
    gr.HTML("<h2>Controls: is it really memory?</h2>")
    return Quality(roc, metrics, agree_words, agree, gr.HTML("", elem_id="controls"))


def render(target: str) -> list:
    """Values for `Quality.outputs`."""
    figure, words = agreed(target)
    return [*measured(target), words, gr.Plot(figure, visible=figure is not None), controls(target)]


@lru_cache(maxsize=16)
def measured(target: str) -> tuple[go.Figure, str]:
    """ROC curves and rates of every stored method on the test pictures of a target."""
    from mia_viz import evaluation

    known = engine.reference(target)
    if known is None:
        return waiting("nothing measured"), "<p>No pictures of known membership were measured for this model.</p>"
    if not _kept_aside(known):
        return waiting("nothing measured"), "<p>No known pictures were kept aside to try the methods on.</p>"
    found = []
    for key in known.columns:
        splits = {}
        for split in ("test", "calibration"):
            splits[split] = evaluation.Scores(*(known.scores(key, member, split) for member in (True, False)))
        found.append((key, splits["test"], evaluation.measure(splits["test"], splits["calibration"])))
    titles = called(known, target)
    rows = [
        (titles[key], str(m.auc), *map(_share, (m.tpr_1, m.tpr_at_5, m.fpr_at_5)), f"{known.columns[key].nfe:g}", key)
        for key, _, m in found
    ]
    first = found[0][2]
    words = (
        f"<p>Measured on {first.members} pictures it was trained on and {first.holdouts} it never saw, none of them "
        "used for any choice. An AUC of 1 separates them perfectly, 0.5 is guessing, and below 0.5 the published sign "
        "is wrong on this model. Bands and brackets are 95 % intervals over pictures.</p>"
    )
    shown = _shown(found)
    smallest = 1 / len(shown[0][1].holdouts)
    curves = [_curve(evaluation, titles[key], scores, smallest) for key, scores, _ in shown]
    return log_roc(curves, smallest), words + data_table(HEADS, rows)


def called(known: Reference, target: str) -> dict[str, str]:
    """What every stored method is called for people, by its key."""
    from mia_viz.frequency import FREMIA
    from mia_viz.plans import plans_of

    walk, titles = {plan.key for plan in engine.plans(target)}, {}
    for plan in plans_of(known):
        title = plan.attack.title
        if plan.params != plan.attack.Params():
            title = f"{title}, as in the walk" if plan.key in walk else f"{title}, with other settings"
        titles[plan.key] = f"{title}, with FreMIA's filter" if plan.filter == FREMIA else title
    return {key: titles.get(key, key) for key in known.columns}


@lru_cache(maxsize=16)
def agreed(target: str) -> tuple[go.Figure | None, str]:
    """Precision and recall against the number of restorations that agree; (None, "") where likenesses are not kept."""
    from mia_viz.agreement import agree_threshold, agreement

    known = engine.reference(target)
    column = known.columns.get("drc") if known is not None else None
    if column is None or column.likeness is None or not _kept_aside(known):
        return None, ""
    parts = {s: [column.likeness[known.choose(m, s)] for m in (True, False)] for s in ("calibration", "test")}
    agree_at = agree_threshold(*parts["calibration"])
    points = agreement(*parts["test"], agree_at)
    words = (
        "<h3>How many restorations must agree?</h3><p>Restoration can also be read as a vote: a picture counts as "
        f"known when at least so many of its {len(points)} restorations are like the original (more alike than "
        f"{agree_at:.2f}, a limit fixed on other pictures). Asking for more votes accuses fewer pictures wrongly and "
        "overlooks more. Precision is given for as many members as never-seen pictures.</p>"
    )
    rates = ([p.at_least for p in points], [p.precision for p in points], [p.recall for p in points])
    return agree_number(*rates), words


def _kept_aside(known: Reference) -> bool:
    """Whether there are test pictures of both kinds, and members to fix limits on."""
    kinds = ((True, "test"), (False, "test"), (True, "calibration"), (False, "calibration"))
    return all(known.choose(*kind).any() for kind in kinds)


def _shown(found: list) -> list:
    """The best curves; perfect ones would lie on top of one another, so the first stands for all of them."""
    perfect = [m for m in found if m[2].auc.value > 0.9995][:1]
    rest = sorted((m for m in found if m[2].auc.value <= 0.9995), key=lambda m: -m[2].auc.value)
    return (perfect + rest)[:CURVES]


def _curve(evaluation, key: str, scores, smallest: float) -> Curve:
    fpr = np.geomspace(smallest, 1, 40)
    low, high = evaluation.roc_band(scores, fpr)
    tpr = np.array([evaluation.rates(scores, evaluation.threshold_at(scores.holdouts, f))[0] for f in fpr])
    return Curve(key, fpr, tpr, low, high)


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.0f} %"
