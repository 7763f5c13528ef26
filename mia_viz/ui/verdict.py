"""Step 5, verdict, in three layers: one sentence, the evidence for it, and the technical appendix with the report.

What can be said about a case is worked out when the step is opened or an analysis ends, never for the first screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from mia_viz import engine, subjects
from mia_viz.case import Case
from mia_viz.figures.palette import HOLDOUT, MEMBER
from mia_viz.pictures.drawing import UNSEEN
from mia_viz.pictures.picture import Picture
from mia_viz.statement import Statement
from mia_viz.ui import evidence, report
from mia_viz.ui.events import LATEST, QUIET
from mia_viz.ui.language import language_now
from mia_viz.ui.parts import failure, status

DRAWN = " Strokes on a screen are not quite like scanned handwriting, so for a drawing the numbers are a rough guide."
COLOURS = {"stands out": MEMBER, "ordinary": HOLDOUT}
GREY = "#8a8f98"
EMPTY = [status(), gr.Accordion(open=False), status()]


@dataclass(frozen=True, eq=False)
class Told:
    """What has been worked out in this visit about the case in view.

    twin: the same picture's case under the twin, once it was asked. picture: facts of its file (`report.source`).
    """

    case: Case
    statement: Statement
    twin: Case | None
    picture: Mapping[str, Any]


@dataclass(frozen=True)
class VerdictStep:
    """Components of the step. told: a `Told` once there is one. body: everything below the answer's own buttons."""

    told: gr.State
    answer: gr.HTML
    reveal: gr.Button
    truth: gr.HTML
    status: gr.HTML
    twin: gr.Button
    beside: gr.HTML
    body: gr.Column
    evidence: evidence.Evidence
    report: report.Report

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """What changes at once with every piece of evidence."""
        return [self.answer, self.truth, self.twin, self.beside, self.body]

    @property
    def concluded(self) -> list[gr.blocks.Block]:
        """What is filled when there is something to say."""
        parts = [*self.evidence.outputs, *self.evidence.plots]
        below = [self.report.links, self.report.opened, self.report.appendix]
        return [self.told, self.answer, self.beside, self.body, *parts, *below]


def answer(told: Told) -> str:
    """The first layer: the one sentence, its natural frequency, and what it does not say."""
    found, case = told.statement, told.case
    rest = [found.verdict.frequency] if found.verdict else ["What can be said stands beside each method below."]
    if found.zone == "not covered":
        rest = list(found.sentences[:2])
    elif found.verdict is not None and found.verdict.members_below is not None:
        share = round(100 * found.verdict.members_below)
        often = f"about {share}" if share else "fewer than one"
        rest.append(f"Of 100 pictures it was trained on, {often} would score this low or lower.")
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in rest)
    limits = "".join(f"<li>{escape(text)}</li>" for text in found.caveats)
    drawn = f'<p class="mv-note">{DRAWN}</p>' if UNSEEN in case.notes else ""
    return (
        f'<div class="mv-answer" style="--c:{COLOURS.get(found.zone, GREY)}"><h2>{escape(found.answer)}</h2>'
        f"{paragraphs}{drawn}<details><summary>What this does not say</summary><ul>{limits}</ul></details></div>"
    )


def pending(case: Case) -> str:
    """What stands in the answer's place before there is one."""
    words = "The answer is being put together." if case.overall else "The answer appears when all methods have spoken."
    return f'<div class="mv-answer"><p class="mv-lead">{words}</p></div>'


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
    elif guess:
        fact += " You said that you cannot tell, and from the picture alone nobody can."
    return f'<div class="mv-answer" style="--c:{MEMBER if member else HOLDOUT}"><p class="mv-lead">{fact}</p></div>'


def twin_button(case: Case):
    """The button that asks the twin, hidden where there is none."""
    twin = subjects.subject(case.target).twin
    words = f"Ask the twin, {subjects.subject(twin).title}, about the same picture" if twin else "No twin"
    return gr.Button(words, visible=twin is not None, elem_id="twin")


def render(case: Case) -> list:
    """Values for `VerdictStep.outputs`: what was said of another case is gone, and the truth is hidden again."""
    return [pending(case), truth(case, shown=False), twin_button(case), "", gr.Column(visible=False)]


def conclude(case: Case, told: Told | None, uploaded: Picture | None) -> Told | None:
    """What can be said about a case; worked out once. None before every method has spoken."""
    if not engine.finished(case):
        return None
    if told is not None and told.case.fingerprint == case.fingerprint:
        return told
    twin = _other(case, told)
    return Told(case, engine.statement_named(case.target, case, twin), twin, report.source(case, uploaded))


def _other(case: Case, told: Told | None) -> Case | None:
    """The same picture's case under the twin, if it was asked before."""
    known = [] if told is None else [told.case, *([told.twin] if told.twin else [])]
    wanted = (subjects.subject(case.target).twin, case.sha256, case.caption)
    return next((other for other in known if (other.target, other.sha256, other.caption) == wanted), None)


def show(case: Case, told: Told | None, uploaded: Picture | None) -> list:
    """Values for `VerdictStep.concluded`. The report and the appendix stay as long as the case does."""
    try:
        now = conclude(case, told, uploaded)
    except Exception as error:  # the last boundary before a visitor
        return _unsaid(failure(error))
    if now is None:
        return _unsaid(pending(case))
    found = now.statement
    parts = [*evidence.values(case, found), *evidence.draw(case, found)]
    below = [gr.skip()] * 3 if now is told else EMPTY
    return [now, answer(now), evidence.beside(found), gr.Column(visible=True), *parts, *below]


def show_anew(case: Case, told: Told | None, uploaded: Picture | None) -> list | dict:
    """The same, where the page has turned to another case while the statement was put together."""
    now = not engine.finished(case) if told is None else told.case.fingerprint == case.fingerprint
    return gr.skip() if now else show(case, told, uploaded)


def _unsaid(words: str) -> list:
    """Values for `VerdictStep.concluded` where there is nothing to say but why."""
    return [None, words, "", gr.Column(visible=False), *[gr.skip()] * 9, *EMPTY]


def build(start: Case) -> VerdictStep:
    """Lay out the step."""
    told = gr.State(None)
    answer_view = gr.HTML(pending(start), elem_id="answer")
    beside_view = gr.HTML("", elem_id="beside")
    with gr.Row():
        reveal = gr.Button("Reveal the truth", elem_id="reveal")
        twin = twin_button(start)
    truth_view = gr.HTML("", elem_id="truth")
    status_view = gr.HTML(status(), elem_id="verdict-status")
    with gr.Column(visible=False, elem_id="verdict-body") as body:
        evidence_part = evidence.build()
        report_part = report.build()
    first = (told, answer_view, reveal, truth_view, status_view, twin, beside_view)
    return VerdictStep(*first, body, evidence_part, report_part)


def wire(
    step: VerdictStep,
    case: gr.State,
    uploaded: gr.State,
    guess: gr.Radio,
    tab: gr.Tab,
    analyses: Sequence[gr.events.Dependency],
) -> None:
    """Work out the statement when the step is opened or an analysis ends; reveal; make the report."""
    given = [case, step.told, uploaded]
    for event in (tab.select, *(analysis.then for analysis in analyses)):
        event(show, given, step.concluded, **QUIET).then(show_anew, given, step.concluded, **QUIET)
    step.reveal.click(lambda current, guessed: truth(current, True, guessed), [case, guess], step.truth, **QUIET)
    part = step.report
    part.keep_name.input(status, None, part.links, **LATEST)  # links made before hold the other kind
    asked = [step.told, part.keep_name, part.language]
    about = gr.State(None)
    made = part.make.click(
        _make, asked, [part.make, part.links, about], concurrency_limit=1, js=language_now(2), **QUIET
    )
    made.then(_withdrawn, [step.told, part.keep_name, about], part.links, **QUIET)
    part.opened.expand(_appendix, [step.told, part.language], part.appendix, js=language_now(1), **QUIET)


def _make(told: Told | None, keep_name: bool, language: str) -> Iterator[tuple]:
    yield gr.Button(interactive=False), status(report.WORKING), None
    try:
        if told is None:
            raise ValueError("There is nothing to report yet; press Analyse first.")
        words = report.links(told.case, told.statement, told.picture, keep_name, language)
    except Exception as error:  # the last boundary before a visitor
        words = failure(error)
    yield gr.Button(interactive=True), words, _subject(told, keep_name)


def _subject(told: Told | None, keep_name: bool) -> tuple | None:
    """What a report is about, and whether it names the file."""
    return None if told is None else (told.case.fingerprint, keep_name)


def _withdrawn(told: Told | None, keep_name: bool, about: tuple | None) -> object:
    """A report that came late is not handed over where the page is about something else by then."""
    return gr.skip() if about == _subject(told, keep_name) else status(report.OVERTAKEN)


def _appendix(told: Told | None, language: str) -> Iterator[str]:
    if told is None:
        yield status("There is nothing to describe yet.")
        return
    yield status("Looking up hashes and settings.")
    try:
        words = report.appendix(told.case, told.statement, told.picture, language)
    except Exception as error:  # the last boundary before a visitor
        words = failure(error)
    yield words
