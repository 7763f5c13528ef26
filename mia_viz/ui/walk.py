"""The steps as one: the components they share and the values a case gives all of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape

import gradio as gr

from mia_viz import engine, subjects
from mia_viz.case import Case
from mia_viz.pictures.drawing import UNSEEN
from mia_viz.ui import choose, frequency, link_marks, noise, restore, structure, verdict
from mia_viz.ui.drawing import Drawing
from mia_viz.ui.pick import own_caption
from mia_viz.ui.steps import Steps


@dataclass
class Screen:
    """What a visitor has in view now, shared with the analysis that is running: it stops when the family changes.

    running: an analysis may still have news on its way to the page.
    """

    family: str
    running: bool = False

    def turn_to(self, family: str, patience: float = 5.0) -> None:
        """Show another family, once the analysis of the one before has had its last word (seconds at most)."""
        self.family = family
        end = time.monotonic() + patience
        while self.running and time.monotonic() < end:
            time.sleep(0.02)


@dataclass(frozen=True)
class Walk:
    """All steps and the state they share.

    picked: the picture chosen now. asked: the one the evidence is about. uploaded: a file's picture, decoded.
    screen: a `Screen`.
    """

    case: gr.State
    picked: gr.State
    asked: gr.State
    uploaded: gr.State
    screen: gr.State
    subject: gr.HTML
    steps: Steps
    choose: choose.Choose
    restore: restore.Restore
    frequency: frequency.Frequency
    noise: noise.Noise
    structure: structure.StructureStep
    verdict: verdict.VerdictStep

    @property
    def evidence(self) -> list[gr.components.Component]:
        """Everything that changes with the case."""
        parts = (self.restore, self.frequency, self.noise, self.structure, self.verdict)
        return [self.subject, self.choose.hero, *(c for part in parts for c in part.outputs)]

    @property
    def idle(self) -> list[gr.components.Component]:
        """What an analysis holds while it runs: both status lines' second, Analyse and Cancel."""
        return [self.verdict.status, self.choose.analyse, self.choose.cancel]

    @property
    def drawings(self) -> list[Drawing]:
        """What waits until its step is opened, one for each step from Frequency on."""
        return [self.frequency.drawing, self.noise.drawing, self.structure.drawing]


def evidence_values(case: Case) -> list:
    """Values for `Walk.evidence`."""
    return [
        subject(case),
        choose.hero(case),
        *restore.render(case),
        *frequency.render(case),
        *noise.render(case),
        *structure.render(case),
        *verdict.render(case),
    ]


def subject(case: Case) -> str:
    """What all the evidence on the page is about: which picture, asked of which model, told what, and when."""
    name, title = escape(case.name), escape(subjects.subject(case.target).title)
    when = "computed just now" if case.live else "computed beforehand for this example"
    what = f"Evidence shown: <b>{name}</b>, asked of <b>{title}</b>{_told(case)}, {when}."
    if not case.findings:
        what = f"No evidence yet: <b>{title}</b> has not been asked about <b>{name}</b>."
    drawn = f" {UNSEEN}" if UNSEEN in case.notes else ""
    told = _caption_note(case) if case.findings else ""
    return f'<p class="mv-subject" {link_marks.of_case(case)}>{what}{drawn}{told}</p>'


def _told(case: Case) -> str:
    """The caption that went with the picture, as HTML; nothing for a model that takes none."""
    if case.caption is None:
        return ""
    return f' with the caption "{escape(case.caption)}"' if case.caption else " without a caption"


def _caption_note(case: Case) -> str:
    """What a caption other than the picture's own means for the comparison with known pictures."""
    if case.caption is None:
        return ""
    known, own = engine.reference(case.target), own_caption(case)
    if not case.caption and known is not None and all(finding.verdict is None for finding in case.findings):
        return " The known pictures were shown with their own captions; without one the scores have no scale."
    if not case.caption or case.caption == own:
        return ""
    return (
        " The known pictures were asked about with their own captions; with other words the numbers are a rough guide."
    )
