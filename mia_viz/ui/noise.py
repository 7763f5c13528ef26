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

NOISE_LIMIT = 3.0
DISTANCE_LIMIT = 0.25
WAITING = '<p class="mv-note">Not computed yet: press Analyse on the first page, or wait for it to come in.</p>'


@dataclass(frozen=True)
class Noise:
    """Components of the step."""

    scrub: gr.Slider
    now: gr.HTML
    cloud: gr.Plot
    curve: gr.Plot
    maps: gr.HTML

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.scrub, self.now, self.maps]

    @property
    def plots(self) -> list[gr.Plot]:
        return [self.cloud, self.curve]


def distances(case: Case, member: bool) -> np.ndarray:
    """Distance of every answer from the centre for reference pictures, (n, k); empty without a reference."""
    known, part = engine.reference(case.target), case.noises
    if known is None or "noise_aggregation" not in known.columns:
        return np.empty((0, len(part.levels)))
    energy = known.columns["noise_aggregation"].energy.sum(axis=2) / part.predicted[0].size
    return np.sqrt(energy[known.choose(member, "calibration", (case.sha256,))])


def now(case: Case, index: int) -> str:
    """The answer at the chosen level beside the centre of all answers and their difference."""
    part = case.noises
    if part is None:
        return WAITING
    answer, centre = part.predicted[index], part.predicted.mean(axis=0)
    apart = np.abs(part.offsets[index]).mean(axis=0)
    size = f"distance {part.distances[index]:.3f}"
    level = f"Answer at level {part.levels[index]}"
    tiles = [
        images.tile(images.signed(answer, NOISE_LIMIT), level, "predicted noise"),
        images.tile(images.signed(centre, NOISE_LIMIT), "Centre of all answers", "mean predicted noise"),
        images.tile(images.unsigned(apart, 0, DISTANCE_LIMIT), "How far apart", f"distance map, {size}", size),
    ]
    return images.strip(tiles)


def maps(case: Case, index: int) -> str:
    """Distance maps of all levels on one scale, the chosen one framed."""
    part = case.noises
    if part is None:
        return ""
    tiles = [
        images.tile(
            images.unsigned(np.abs(part.offsets[i]).mean(axis=0), 0, DISTANCE_LIMIT),
            f"Level {level}" + (" (chosen)" if i == index else ""),
            f"distance map at level {level}",
            f"{part.distances[i]:.3f}",
        )
        for i, level in enumerate(part.levels)
    ]
    scale = images.scale_bar(
        images.SEQUENTIAL, "0", "distance from the centre, one scale for all maps", f"{DISTANCE_LIMIT:g}"
    )
    return "<h3>Where the answers differ</h3>" + images.strip(tiles) + scale


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
    steps = len(case.noises.levels) if case.noises else 5
    slider = gr.Slider(1, steps, value=index + 1, step=1)
    return [slider, now(case, index), maps(case, index)]


def draw(case: Case) -> list[go.Figure]:
    """Values for `Noise.plots`, with the first answer chosen."""
    return list(figures(case, 0))


def build(start: Case) -> Noise:
    """Lay out the step."""
    gr.HTML(
        '<p class="mv-lead">A little noise was added once; then the model was asked several times, at falling noise '
        "levels, what the noise is. About a picture it knows, its answers lie close together "
        "(<i>noise aggregation</i>).</p>"
    )
    steps = len(start.noises.levels) if start.noises else 5
    scrub = gr.Slider(1, steps, value=1, step=1, label="Which answer (drives every panel)", elem_id="scrub")
    now_view = gr.HTML(now(start, 0), elem_id="noise-now")
    first, second = figures(start, 0)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300):
            gr.HTML("<h3>Answers in a plane</h3>")
            cloud = gr.Plot(first, show_label=False, elem_id="cloud")
        with gr.Column(min_width=300):
            gr.HTML("<h3>Distance from their centre</h3>")
            curve = gr.Plot(second, show_label=False, elem_id="distance-curve")
    maps_view = gr.HTML(maps(start, 0), elem_id="noise-maps")
    return Noise(scrub, now_view, cloud, curve, maps_view)


def wire(step: Noise, case: gr.State) -> None:
    """The scrubber redraws every panel from stored evidence; no model is asked."""

    def scrubbed(current: Case, place: int) -> tuple:
        index = int(place) - 1
        return now(current, index), *figures(current, index), maps(current, index)

    outputs = [step.now, step.cloud, step.curve, step.maps]
    step.scrub.input(scrubbed, [case, step.scrub], outputs, show_progress="hidden", api_visibility="private")
