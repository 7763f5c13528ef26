"""Step 5, verdict: what the scores mean, the truth on demand, and the twin."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr
import plotly.graph_objects as go

from mia_viz import engine
from mia_viz.case import Case, Finding
from mia_viz.figures.distributions import strip_plot
from mia_viz.figures.palette import HOLDOUT, MEMBER, waiting
from mia_viz.pictures.drawing import UNSEEN
from mia_viz.targets import bundled
from mia_viz.ui.parts import data_table, status
from mia_viz.verdict import CAVEAT, SENTENCES

ATTACKS = ("drc", "loss", "fcre", "noise_aggregation")
DRAWN = " Strokes on a screen are not quite like scanned handwriting, so for a drawing the numbers are a rough guide."
COLOURS = {"stands out": MEMBER, "inconclusive": "#8a8f98", "ordinary": HOLDOUT}


@dataclass(frozen=True)
class VerdictStep:
    """Components of the step."""

    answer: gr.HTML
    reveal: gr.Button
    truth: gr.HTML
    status: gr.HTML
    twin: gr.Button
    words: tuple[gr.HTML, ...]
    plots: list[gr.Plot]
    costs: gr.HTML

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.answer, self.truth, self.twin, *self.words, self.costs]


def answer(case: Case) -> str:
    """The overall sentence, its natural frequency and what it does not say."""
    verdict = case.overall
    if verdict is None:
        waiting = "The verdict appears when all four methods have spoken."
        if len(case.findings) == len(ATTACKS):
            waiting = (
                "There is evidence, but no overall verdict: not every method was measured on pictures of known "
                "membership for this model. What can be said stands beside each method below."
            )
        return f'<div class="mv-answer"><p class="mv-lead">{waiting}</p></div>'
    members = ""
    if verdict.members_below is not None:
        members = (
            f"<p>Of 100 pictures it <i>was</i> trained on, about {100 * verdict.members_below:.0f} score this low "
            "or lower.</p>"
        )
    return (
        f'<div class="mv-answer" style="--c:{COLOURS[verdict.zone]}"><h2>{SENTENCES[verdict.zone]}</h2>'
        f"<p>{escape(verdict.frequency)}</p>{members}"
        f'<p class="mv-note">All four methods together, by the average of their ranks (p = {verdict.p_value:.3f}). '
        f"{CAVEAT}{DRAWN if UNSEEN in case.notes else ''}</p></div>"
    )


def words(finding: Finding | None, title: str) -> str:
    """One attack's line: its name and what its score means."""
    if finding is None:
        return f"<h3>{escape(title)}</h3><p>Not yet computed.</p>"
    line = (
        finding.verdict.frequency if finding.verdict else "No reference fits these settings, so the score has no scale."
    )
    zone = f" <b>{finding.verdict.zone.capitalize()}.</b>" if finding.verdict else ""
    return f"<h3>{escape(finding.title)}</h3><p>{escape(line)}{zone}</p>"


def plot(case: Case, attack: str) -> go.Figure:
    """One attack's score among known pictures."""
    finding, known = case.finding(attack), engine.reference(case.target)
    if finding is None:
        return waiting()
    if finding.verdict is None or known is None:
        return waiting("no pictures of known membership to compare with")
    groups = [known.scores(finding.key, member, without=(case.sha256,)) for member in (True, False)]
    return strip_plot(finding.score, *groups)


def costs(case: Case) -> str:
    """What every method cost and measured."""
    rows = [(f.title, f.key, f"{f.raw:.5g}", f"{f.nfe:.0f}", f"{f.seconds:.2f} s") for f in case.findings]
    when = "measured just now" if case.live else "measured beforehand"
    heads = ("method", "settings", "statistic as published", "questions to the model", "time")
    return f"<details><summary>Numbers and times ({when})</summary>{data_table(heads, rows)}</details>"


def truth(case: Case, shown: bool, guess: str | None = None) -> str:
    """The truth about a bundled picture, when asked for."""
    if not shown:
        return ""
    if case.truth is None:
        return "<p>Nobody but its maker knows whether the model was trained on this picture.</p>"
    member = case.truth == "member"
    fact = (
        "This picture <b>was</b> in the training set." if member else "This picture was <b>not</b> in the training set."
    )
    if UNSEEN in case.notes:
        fact = "You drew this picture here, so it was <b>not</b> in the training set of any model."
    if guess and not guess.startswith("I cannot"):
        right = guess.startswith("It was trained") == member
        fact += " You guessed right." if right else " You guessed otherwise."
    return f'<div class="mv-answer" style="--c:{MEMBER if member else HOLDOUT}"><p class="mv-lead">{fact}</p></div>'


def twin_button(case: Case):
    """The button that asks the twin, hidden where there is none."""
    twin = bundled.twin_of(case.target)
    words = f"Ask the twin, {bundled.manifest(twin)['title']}, about the same picture" if twin else "No twin"
    return gr.Button(words, visible=twin is not None, elem_id="twin")


def render(case: Case) -> list:
    """Values for `VerdictStep.outputs`; the truth is hidden again."""
    titles = [_title(case, name) for name in ATTACKS]
    return [
        answer(case),
        truth(case, shown=False),
        twin_button(case),
        *(words(case.finding(n), t) for n, t in zip(ATTACKS, titles, strict=True)),
        costs(case),
    ]


def draw(case: Case) -> list[go.Figure]:
    """Values for `VerdictStep.plots`."""
    return [plot(case, name) for name in ATTACKS]


def _title(case: Case, name: str) -> str:
    finding = case.finding(name)
    return finding.title if finding else name.replace("_", " ").capitalize()


def build(start: Case) -> VerdictStep:
    """Lay out the step."""
    answer_view = gr.HTML(answer(start), elem_id="answer")
    with gr.Row():
        reveal = gr.Button("Reveal the truth", elem_id="reveal")
        twin = twin_button(start)
    truth_view = gr.HTML("", elem_id="truth")
    status_view = gr.HTML(status(), elem_id="verdict-status")
    gr.HTML(
        '<p class="mv-lead">Each method on its own. Every dot is a picture of which we know whether the model was '
        "trained on it; the diamond is the picture in question.</p>"
    )
    word_views, plot_views = [], []
    for name in ATTACKS:
        word_views.append(gr.HTML(words(start.finding(name), _title(start, name)), elem_id=f"words-{name}"))
        plot_views.append(gr.Plot(plot(start, name), show_label=False, elem_id=f"plot-{name}"))
    costs_view = gr.HTML(costs(start), elem_id="costs")
    return VerdictStep(answer_view, reveal, truth_view, status_view, twin, tuple(word_views), plot_views, costs_view)


def wire(step: VerdictStep, case: gr.State, guess: gr.Radio) -> None:
    """Reveal shows the truth of the current case."""
    step.reveal.click(
        lambda current, guessed: truth(current, True, guessed),
        [case, guess],
        step.truth,
        show_progress="hidden",
        api_visibility="private",
    )
