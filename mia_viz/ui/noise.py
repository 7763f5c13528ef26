"""Step 4, noise: the model's answers at several noise levels, together or apart."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
import numpy as np
import plotly.graph_objects as go

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.figures import images, noise
from mia_viz.figures.palette import waiting
from mia_viz.ui import noise_matrix, noise_settings
from mia_viz.ui.drawing import Drawing
from mia_viz.ui.events import LATEST
from mia_viz.ui.noise_matrix import Beside
from mia_viz.ui.noise_settings import WhatIf
from mia_viz.ui.noise_tiles import DISTANCE_LIMIT, LATENT, NOISE_LIMIT, PICTURE_LIMIT, PICTURES, apart
from mia_viz.ui.parts import status

ERROR_LIMIT = 0.5
VIEWS = [("decoded into pictures", PICTURES), ("as latents, channel by channel", LATENT)]
WAITING = '<p class="mv-note">Not computed yet: press Analyse on the first page, or wait for it to come in.</p>'


@dataclass(frozen=True)
class Noise:
    """Components of the step."""

    view: gr.Radio
    scrub: gr.Slider
    now: gr.HTML
    cloud: gr.Plot
    curve: gr.Plot
    maps: gr.HTML
    rebuilt: gr.HTML
    beside: Beside
    settings: WhatIf

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """What follows every piece of news; large panels wait until the step is opened."""
        parts = [self.beside.area, self.settings.area, self.settings.status, self.settings.again]
        return [*self.choices, *parts]

    @property
    def choices(self) -> list[gr.components.Component]:
        return [self.view, self.scrub, self.now, self.maps, self.rebuilt]

    @property
    def drawing(self) -> Drawing:
        """The large panels, under every setting of the step."""
        beside, what_if = self.beside, self.settings
        controls = [self.scrub, self.view, beside.counting, beside.which, what_if.strength, what_if.count]
        panels = [self.cloud, self.curve, *beside.drawn, *what_if.told]
        return Drawing(controls, panels, draw, (what_if.answer,))


def distances(case: Case, member: bool) -> np.ndarray:
    """Distance of every answer from the centre for reference pictures, (n, k); empty without a reference."""
    known, part = engine.reference(case.target), case.noises
    if known is None or "noise_aggregation" not in known.columns:
        return np.empty((0, len(part.levels)))
    energy = known.columns["noise_aggregation"].energy.sum(axis=2) / part.predicted[0].size
    return np.sqrt(energy[known.choose(member, "calibration", (case.sha256,))])


def latent(case: Case) -> bool:
    """Whether the answers are latents, so that they can be looked at in two ways."""
    return case.noises is not None and case.noises.pictures is not None


def now(case: Case, index: int, view: str = PICTURES) -> str:
    """The answer at the chosen level beside the centre of all answers and their difference."""
    part = case.noises
    if part is None:
        return WAITING
    size = f"distance {part.distances[index]:.3f}"
    level = f"level {part.levels[index]}"
    centre, far, answer = "Centre of all answers", "How far apart", part.predicted[index]
    if latent(case) and view == PICTURES:
        pictures = part.pictures
        tiles = [
            images.tile(images.grey(pictures[index]), f"Picture implied at {level}", "the answer as a picture"),
            images.tile(images.grey(pictures.mean(axis=0)), "Mean of all answers", "the mean picture of all answers"),
            images.tile(apart(pictures, index), far, f"distance map, {size}", size),
        ]
    elif latent(case):
        tiles = [
            images.tile(images.channels(answer, NOISE_LIMIT), f"Answer at {level}", "noise per channel"),
            images.tile(images.channels(part.predicted.mean(axis=0), NOISE_LIMIT), centre, "mean noise per channel"),
            images.tile(images.channels(part.offsets[index], DISTANCE_LIMIT), far, f"offsets, {size}", size),
        ]
    else:
        offsets = np.abs(part.offsets[index]).mean(axis=0)
        tiles = [
            images.tile(images.signed(answer, NOISE_LIMIT), f"Answer at {level}", "predicted noise"),
            images.tile(images.signed(part.predicted.mean(axis=0), NOISE_LIMIT), centre, "mean predicted noise"),
            images.tile(images.unsigned(offsets, 0, DISTANCE_LIMIT), far, f"distance map, {size}", size),
        ]
    noise_scale = "" if latent(case) and view == PICTURES else _noise_scale()
    return images.strip(tiles) + noise_scale + _distance_scale(case, view, "third picture: ", "")


def _noise_scale() -> str:
    words = "first and second picture: noise, in standard deviations"
    return images.scale_bar(images.DIVERGING, f"-{NOISE_LIMIT:g}", words, f"+{NOISE_LIMIT:g}")


def _distance_scale(case: Case, view: str, before: str, after: str) -> str:
    """The scale of maps of distances; before and after: what is said around what they show."""
    words, colours = "distance from the centre, every detail alike", images.SEQUENTIAL
    low, high = "0", f"{DISTANCE_LIMIT:g}"
    if latent(case) and view == PICTURES:
        words, high = "distance from the mean picture, of a range of 2", f"{PICTURE_LIMIT:g}"
    elif latent(case):
        words, low, high, colours = "distance from the centre, per channel", f"-{high}", f"+{high}", images.DIVERGING
    return images.scale_bar(colours, low, f"{before}{words}{after}", high)


def maps(case: Case, index: int, view: str = PICTURES) -> str:
    """Distance maps of all levels on one scale, the chosen one framed."""
    part = case.noises
    if part is None:
        return ""
    shown = [images.unsigned(np.abs(offset).mean(axis=0), 0, DISTANCE_LIMIT) for offset in part.offsets]
    if latent(case) and view == PICTURES:
        shown = [apart(part.pictures, i) for i in range(len(part.levels))]
    elif latent(case):
        shown = [images.channels(offset, DISTANCE_LIMIT) for offset in part.offsets]
    tiles = [
        images.tile(
            shown[i],
            f"Level {level}" + (" (chosen)" if i == index else ""),
            f"distance map at level {level}",
            f"{part.distances[i]:.3f}",
        )
        for i, level in enumerate(part.levels)
    ]
    scale = _distance_scale(case, view, "", ", one scale for all maps")
    return '<h2 class="mv-sub">Where the answers differ</h2>' + images.strip(tiles) + scale


def rebuilt(case: Case, view: str = PICTURES) -> str:
    """Of a latent model: what one question at one level (the loss) was about, and what the answer got wrong."""
    part = case.rebuilt
    if part is None or part.latents is None:
        return ""
    names = ("The picture", f"With noise (level {part.timestep})", "The model's best guess", "What it got wrong")
    if view == PICTURES:
        shown = [images.grey(x) for x in (case.values, part.noised, part.rebuilt)]
        shown.append(images.signed(part.rebuilt - case.values, ERROR_LIMIT))
        limit, words = ERROR_LIMIT, "error; size over all colours, sign of the brightness"
    else:
        shown = [images.channels(x, NOISE_LIMIT) for x in part.latents]
        shown.append(images.channels(part.latents[2] - part.latents[0], ERROR_LIMIT))
        limit, words = ERROR_LIMIT, f"error per channel; the other three run from -{NOISE_LIMIT:g} to +{NOISE_LIMIT:g}"
    tiles = [images.tile(x, name, name.lower()) for x, name in zip(shown, names, strict=True)]
    scale = images.scale_bar(images.DIVERGING, f"-{limit:g}", words, f"+{limit:g}")
    lead = "Noise was added to the picture, and the model was asked to take it away again (<i>loss</i>)."
    return f'<h3>One question at one level</h3><p class="mv-lead">{lead}</p>' + images.strip(tiles) + scale


def figures(case: Case, index: int) -> tuple[go.Figure, go.Figure]:
    """The plane of answers and the distance curve."""
    part = case.noises
    if part is None:
        return waiting(), waiting()
    members, holdouts = distances(case, True), distances(case, False)
    typical = [float(np.median(np.sqrt((d**2).mean(axis=1)))) if len(d) else None for d in (members, holdouts)]
    plane = noise.cloud(noise.plane(part.offsets), part.levels, index, *typical)
    return plane, noise.distance_curve(part.levels, part.distances, index, members, holdouts)


def render(case: Case, index: int = 0) -> list:
    """Values for `Noise.outputs`."""
    shown = [gr.Column(visible=noise_matrix.known_of(case) is not None)] * 2
    return [*chosen(case, index), *shown, status(), ""]


def chosen(case: Case, index: int = 0) -> list:
    """Values for `Noise.choices`."""
    steps = len(case.noises.levels) if case.noises else 5
    view = gr.Radio(value=PICTURES, visible=latent(case))
    slider = gr.Slider(1, steps, value=index + 1, step=1)
    return [view, slider, now(case, index), maps(case, index), rebuilt(case)]


def draw(
    case: Case, place: int, view: str, counting: int, which: int, strength: int, count: int, answer: Case | None
) -> list:
    """Values for the panels of `Noise.drawing`: the answer at a place from 1, as one wants to see and count it."""
    index = min(int(place), len(case.noises.levels) if case.noises else 1) - 1
    beside = noise_matrix.draw(case, index, view, counting, which)
    return [*figures(case, index), *beside, *noise_settings.draw(case, answer, strength, count, counting)]


def build(start: Case) -> Noise:
    """Lay out the step."""
    gr.HTML(
        '<p class="mv-lead">A little noise was added once; then the model was asked several times, at falling noise '
        "levels, what the noise is. About a picture it knows, its answers lie close together "
        "(<i>noise aggregation</i>).</p>"
    )
    steps = len(start.noises.levels) if start.noises else 5
    view = gr.Radio(VIEWS, value=PICTURES, label="Show what the model works on", visible=latent(start), elem_id="view")
    scrub = gr.Slider(1, steps, value=1, step=1, label="Which answer (drives every panel)", elem_id="scrub")
    now_view = gr.HTML(now(start, 0), elem_id="noise-now")
    first, second = figures(start, 0)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300):
            gr.HTML('<h2 class="mv-sub">Answers in a plane</h2>')
            cloud = gr.Plot(first, show_label=False, elem_id="cloud")
        with gr.Column(min_width=300):
            gr.HTML('<h2 class="mv-sub">Distance from their centre</h2>')
            curve = gr.Plot(second, show_label=False, elem_id="distance-curve")
    maps_view = gr.HTML(maps(start, 0), elem_id="noise-maps")
    beside = noise_matrix.build(start)
    settings = noise_settings.build(start)
    rebuilt_view = gr.HTML(rebuilt(start), elem_id="noise-rebuilt")
    return Noise(view, scrub, now_view, cloud, curve, maps_view, rebuilt_view, beside, settings)


def wire(step: Noise, case: gr.State, asked: gr.State) -> None:
    """The scrubber and the choices redraw from what is stored; only asking again puts questions to the model."""
    noise_matrix.wire(step.beside, case, step.scrub, step.view)
    noise_settings.wire(step.settings, case, asked, step.view, step.beside.counting)

    def scrubbed(current: Case, place: int, view: str) -> tuple:
        index = int(place) - 1
        return now(current, index, view), *figures(current, index), maps(current, index, view)

    def viewed(current: Case, place: int, view: str) -> tuple:
        index = int(place) - 1
        return now(current, index, view), maps(current, index, view), rebuilt(current, view)

    given = [case, step.scrub, step.view]
    step.scrub.input(scrubbed, given, [step.now, step.cloud, step.curve, step.maps], **LATEST)
    step.view.input(viewed, given, [step.now, step.maps, step.rebuilt], **LATEST)
