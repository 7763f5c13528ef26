"""The five steps as one: the components they share and the values a case gives all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import gradio as gr

from mia_viz.case import Case
from mia_viz.pictures.drawing import UNSEEN
from mia_viz.targets import bundled
from mia_viz.ui import choose, frequency, noise, restore, verdict


@dataclass(frozen=True)
class Walk:
    """All steps and the state they share.

    picked: the picture chosen now. asked: the one the evidence is about. uploaded: a file's picture, decoded.
    """

    case: gr.State
    picked: gr.State
    asked: gr.State
    uploaded: gr.State
    subject: gr.HTML
    choose: choose.Choose
    restore: restore.Restore
    frequency: frequency.Frequency
    noise: noise.Noise
    verdict: verdict.VerdictStep

    @property
    def evidence(self) -> list[gr.components.Component]:
        """Everything that changes with the case."""
        parts = (self.restore, self.frequency, self.noise, self.verdict)
        return [self.subject, self.choose.hero, *(c for part in parts for c in part.outputs)]

    @property
    def drawn(self) -> list[tuple[list[gr.Plot], Callable[[Case], list]]]:
        """The plots of every step that has some, and what draws them."""
        return [
            (self.frequency.plots, frequency.draw),
            (self.noise.plots, noise.draw),
            (self.verdict.plots, verdict.draw),
        ]


def evidence_values(case: Case) -> list:
    """Values for `Walk.evidence`."""
    return [
        subject(case),
        choose.hero(case),
        *restore.render(case),
        *frequency.render(case),
        *noise.render(case),
        *verdict.render(case),
    ]


def subject(case: Case) -> str:
    """What all the evidence on the page is about: which picture, asked of which model, and when."""
    name, title = escape(case.name), escape(bundled.manifest(case.target)["title"])
    when = "computed just now" if case.live else "computed beforehand for this example"
    what = f"Evidence shown: <b>{name}</b>, asked of <b>{title}</b>, {when}."
    if not case.findings:
        what = f"No evidence yet: <b>{title}</b> has not been asked about <b>{name}</b>."
    drawn = f" {UNSEEN}" if UNSEEN in case.notes else ""
    return f'<p class="mv-subject">{what}{drawn}</p>'
