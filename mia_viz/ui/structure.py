"""Step 5 of text-to-image models, structure: how much of the picture survives being turned into noise."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr
import numpy as np
import plotly.graph_objects as go

from mia_viz.case import Case, Structure
from mia_viz.figures import images
from mia_viz.figures.palette import HOLDOUT, MEMBER, waiting
from mia_viz.figures.structure import wear_curve
from mia_viz.structure import KnownStructure, known_structure
from mia_viz.targets import bundled
from mia_viz.ui.controls import MEANINGS
from mia_viz.ui.drawing import Drawing
from mia_viz.ui.events import LATEST

WAITING = '<p class="mv-note">Not computed yet: press Analyse on the first page, or wait for it to come in.</p>'
LEVELS = (0, 50, 100, 150, 200, 250, 300)
"""Of the slider, before anything is known."""


@dataclass(frozen=True)
class StructureStep:
    """Components of the step."""

    level: gr.Slider
    now: gr.HTML
    curve: gr.Plot
    examples: gr.HTML
    alone: gr.HTML

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.level, self.now, self.examples, self.alone]

    @property
    def drawing(self) -> Drawing:
        """The curve, at the level that the slider stands at."""
        return Drawing([self.level], [self.curve], lambda case, level: [curve(case, index_of(case, level))])


def start(case: Case) -> int:
    """The place of the level that the score is taken at."""
    return 0 if case.structure is None else place(case.structure.levels, case.structure.scored)


def place(levels: tuple[int, ...], wanted: float) -> int:
    """The place of the level closest to a wanted one."""
    return min(range(len(levels)), key=lambda i: abs(levels[i] - wanted))


def index_of(case: Case, level: float) -> int:
    """The place of the slider's level among those of a case."""
    return place(case.structure.levels if case.structure else LEVELS, level)


def slider(case: Case) -> dict:
    """Bounds, step and value of the slider over the levels."""
    levels = case.structure.levels if case.structure else LEVELS
    return {"minimum": levels[0], "maximum": levels[-1], "step": levels[1] - levels[0], "value": levels[start(case)]}


def strip(values: np.ndarray, part: Structure, index: int, name: str) -> str:
    """A picture, what is left of it at one level, and where its structure was kept."""
    level, size = part.levels[index], f"similarity {part.similarity[index]:.2f}"
    way = "Encoded and decoded only" if level == 0 else f"Taken to level {level}, decoded"
    note = "the score is taken here" if level == part.scored else ""
    tiles = [
        images.tile(images.grey(values), name, "the original picture"),
        images.tile(images.grey(part.corrupted[index]), way, f"the picture decoded at level {level}", note),
        images.tile(images.unsigned(part.maps[index], 0, 1), "Structure that is kept", f"map of {size}", size),
    ]
    return images.strip(tiles)


def now(case: Case, index: int) -> str:
    """The picture in question at one level, with the scale of all maps on the page."""
    if case.structure is None:
        return WAITING
    middle = "structural similarity (SSIM) per pixel, one scale for all maps"
    scale = images.scale_bar(images.SEQUENTIAL, "0, nothing kept", middle, "1, unchanged")
    return strip(case.values, case.structure, index, "The picture") + scale


def known_of(case: Case) -> KnownStructure | None:
    """The stored curves that belong to a case's target and levels."""
    known = known_structure(case.target)
    return known if known is None or case.structure is None or known.levels == case.structure.levels else None


def examples(case: Case, index: int) -> str:
    """A typical member and a typical hold-out at the same level."""
    known = known_of(case)
    if known is None or case.structure is None:
        return ""
    rows = [
        f'<div class="mv-answer" style="--c:{colour}"><p>{words} told "{escape(example.caption)}"</p>'
        f"{strip(example.values, example.structure, index, 'The known picture')}</div>"
        for example, colour, words in (
            (known.typical_member, MEMBER, "It <b>was</b> trained on this one,"),
            (known.typical_holdout, HOLDOUT, "It was <b>not</b> trained on this one,"),
        )
    ]
    words = (
        "Both are ordinary for their group: of all known pictures the closest to its median where the score is taken."
    )
    return f'<h3>Two known pictures beside it</h3><p class="mv-lead">{words}</p>{"".join(rows)}'


def curve(case: Case, index: int) -> go.Figure:
    """Similarity over the levels against known pictures."""
    part, known = case.structure, known_of(case)
    if part is None:
        return waiting()
    groups = [np.empty((0, len(part.levels)))] * 2
    if known is not None:
        groups = [known.group(member, case.sha256) for member in (True, False)]
    return wear_curve(part.levels, part.similarity, index, part.scored, *groups)


def alone(case: Case) -> str:
    """Whether structure alone, without the model's knowledge, explains the score; as measured by `evaluate`."""
    found, known = bundled.evaluation(case.target), known_structure(case.target)
    said = []
    if found is not None and (known is None or found["weights_sha256"] == known.weights_sha256):
        said = [remark.removeprefix("smia: ") for remark in found["remarks"] if remark.startswith("smia: ")]
    sentence = (
        said[0] if said else "For this model it has not been measured whether structure alone explains the score."
    )
    for kind in ("eps_hat = 0", "eps_hat = fresh noise"):
        name = MEANINGS[kind][0]
        sentence = sentence.replace(kind, name[0].lower() + name[1:])
    note = (
        "Plain pictures keep more of their structure than busy ones, whoever is asked. So the score is also taken "
        "without the model's knowledge; an AUC of 0.5 is guessing. At level 0 the model has not been asked at all: "
        "what is missing there is lost by encoding and decoding."
    )
    return f'<h3>Is it memory, or the picture?</h3><p class="mv-lead">{escape(sentence)}</p><p>{note}</p>'


def render(case: Case) -> list:
    """Values for `StructureStep.outputs`."""
    index = start(case)
    return [gr.Slider(**slider(case)), now(case, index), examples(case, index), alone(case)]


def build(case: Case) -> StructureStep:
    """Lay out the step."""
    gr.HTML(
        '<p class="mv-lead">The model turned the picture into noise, a little at a time, and what it had at each level '
        "was decoded into a picture again. The structure of a known picture is expected to hold out longer "
        "(<i>structural similarity after inversion: SMIA</i>).</p>"
    )
    index = start(case)
    words = "Level of noise the picture is taken to (drives every panel)"
    level = gr.Slider(**slider(case), label=words, elem_id="structure-level")
    now_view = gr.HTML(now(case, index), elem_id="structure-now")
    gr.HTML('<h2 class="mv-sub">How long the structure lasts</h2>')
    curve_view = gr.Plot(curve(case, index), show_label=False, elem_id="structure-curve")
    examples_view = gr.HTML(examples(case, index), elem_id="structure-examples")
    alone_view = gr.HTML(alone(case), elem_id="structure-alone")
    return StructureStep(level, now_view, curve_view, examples_view, alone_view)


def wire(step: StructureStep, case: gr.State) -> None:
    """The slider redraws every panel from stored evidence; no model is asked."""

    def moved(current: Case, level: float) -> tuple:
        index = index_of(current, level)
        return now(current, index), curve(current, index), examples(current, index)

    outputs = [step.now, step.curve, step.examples]
    step.level.input(moved, [case, step.level], outputs, **LATEST)
