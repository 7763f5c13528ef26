"""Step 3, frequency: the picture and its reconstruction taken apart by fineness, and where the model errs."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
import numpy as np

from mia_viz.bands import nyquist_shares
from mia_viz.case import Case
from mia_viz.figures import bands, images
from mia_viz.ui import lab
from mia_viz.ui.drawing import Drawing
from mia_viz.ui.lab_data import payload

ERROR_LIMIT = 0.3
WAITING = '<p class="mv-note">Not computed yet: press Analyse on the first page, or wait for it to come in.</p>'


@dataclass(frozen=True)
class Frequency:
    """Components of the step."""

    rebuilt: gr.HTML
    split: gr.HTML
    laboratory: lab.Laboratory
    masks: gr.HTML

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.rebuilt, self.split, self.masks]

    @property
    def drawing(self) -> Drawing:
        """The laboratory is drawn when the step is opened, not while an analysis runs."""
        return Drawing([], [self.laboratory.bench], lambda case: [payload(case)])


def rebuilt(case: Case) -> str:
    """Original, noised and rebuilt."""
    part = case.rebuilt
    if part is None:
        return WAITING
    tiles = [
        images.tile(images.grey(case.values), "The picture", "the original picture"),
        images.tile(images.grey(part.noised), f"With noise (level {part.timestep})", "the picture under noise"),
        images.tile(images.grey(part.rebuilt), "The model's best guess", "the picture with its noise removed"),
    ]
    return images.strip(tiles)


def split(case: Case) -> str:
    """Picture, reconstruction and error in three bands."""
    part = case.rebuilt
    if part is None:
        return ""
    rows = []
    for key, name in bands.NAMES.items():
        edges = bands.EDGES[key]
        original, guess = bands.band(case.values, *edges), bands.band(part.rebuilt, *edges)
        offset = 0 if key == "low" else -1  # coarse shapes keep their grey level, detail is shown around mid-grey
        shown = [images.grey(x if offset == 0 else x * 1.5) for x in (original, guess)]
        error = guess - original
        rms = float(np.sqrt((error**2).mean()))
        upper = "and finer" if key == "high" else f"to {edges[1]:.0%}"
        tiles = [
            images.tile(
                shown[0],
                f"{name}: the picture",
                f"{name} of the picture",
                f"{edges[0]:.0%} {upper} of Nyquist",
            ),
            images.tile(shown[1], f"{name}: the guess", f"{name} of the guess"),
            images.tile(
                images.signed(error, ERROR_LIMIT),
                "Error",
                f"error in this band, {rms:.3f}",
                f"size {rms:.3f}",
            ),
        ]
        rows.append(images.strip(tiles))
    scale = images.scale_bar(images.DIVERGING, f"-{ERROR_LIMIT}", "error, one scale for all bands", f"+{ERROR_LIMIT}")
    return f'<h3>Taken apart by fineness</h3><div class="mv-rows">{"".join(rows)}</div>{scale}'


def masks(case: Case) -> str:
    """The papers' filters as pictures: which frequencies, or which places, they let through."""
    part = case.rebuilt
    if part is None:
        return ""
    height, width = case.values.shape[-2:]
    rho = np.fft.fftshift(nyquist_shares(height, width))
    bins = rho * height / 2
    patches = np.where(part.patches[0] > 0, 1.0, 0.25)
    disc, ring = np.where(bins <= 5, 1.0, 0.2), np.where((rho >= 0.15) & (rho < 0.85), 1.0, 0.0)
    places = images.grey((case.values + 1) * patches - 1)
    tiles = [
        images.tile(images.unsigned(disc, 0, 1), "FreMIA", "a small bright disc", "coarse kept, fine at 20 %"),
        images.tile(images.unsigned(ring, 0, 1), "FCRE, as a ring", "a wide ring", "15 to 85 % of Nyquist"),
        images.tile(places, "FCRE, as places", "middling patches bright", "patches neither flat nor busiest"),
    ]
    words = "Attacks differ in what they listen to. Bright is listened to, dark is not."
    return f'<h3>What each method listens to</h3><p class="mv-lead">{words}</p>' + images.strip(tiles)


def render(case: Case) -> list:
    """Values for `Frequency.outputs`."""
    return [rebuilt(case), split(case), masks(case)]


def build(start: Case) -> Frequency:
    """Lay out the step."""
    gr.HTML(
        '<p class="mv-lead">We added noise to the picture and asked the model to take it away again. '
        "Where its guess is better than for pictures it never saw, it remembers.</p>"
    )
    rebuilt_view = gr.HTML(rebuilt(start), elem_id="rebuilt")
    laboratory = lab.build(start)
    split_view = gr.HTML(split(start), elem_id="bands")
    masks_view = gr.HTML(masks(start), elem_id="masks")
    return Frequency(rebuilt_view, split_view, laboratory, masks_view)


def wire(step: Frequency, case: gr.State) -> None:
    """The laboratory answers on its own; no model is asked."""
    lab.wire(step.laboratory, case)
