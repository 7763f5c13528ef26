"""Step 2, restore: the hidden part, what the model put there, and where that differs from the truth."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
import numpy as np

from mia_viz.case import Case
from mia_viz.figures import images

TASKS = {
    "centre": "middle hidden",
    "blocks": "random blocks hidden",
    "salient": "busiest blocks hidden",
    "sr2": "made 2 times coarser",
    "sr4": "made 4 times coarser",
    "colour": "colour removed",
    "denoise": "noise added",
}
DIFFERENCE_LIMIT = 1.0
"""Grey values run from -1 to 1; half of that range saturates the difference map."""
WAITING = '<p class="mv-note">Not computed yet: press Analyse on the first page, or wait for it to come in.</p>'


@dataclass(frozen=True)
class Restore:
    """Components of the step."""

    which: gr.Radio
    pair: gr.HTML
    trio: gr.HTML
    all: gr.HTML

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.which, self.pair, self.trio, self.all]


def labels(case: Case) -> list[str]:
    """One name per restoration."""
    if case.restoration is None:
        return ["1"]
    return [f"{k + 1}: {TASKS[name]}" for k, name in enumerate(case.restoration.labels)]


def flat(case: Case, which: int) -> bool:
    """Whether the hidden part holds one value only, so that no correlation with it is defined."""
    hidden = np.broadcast_to(case.restoration.hidden[which] > 0, case.values.shape)
    return not hidden.any() or bool(np.ptp(case.values[hidden]) < 1e-6)


def likeness(case: Case, which: int) -> str:
    """The likeness of one restoration, or why there is none."""
    return "flat, no likeness" if flat(case, which) else f"likeness {case.restoration.likeness[which]:.2f}"


def pair(case: Case, which: int) -> str:
    """Original and restored under one divider."""
    part = case.restoration
    if part is None:
        return WAITING
    alt = f"original and restored picture, {likeness(case, which)} in the hidden part"
    return images.compare(
        images.grey(case.values), images.grey(part.restored[which]), "original", "restored by the model", alt
    )


def trio(case: Case, which: int) -> str:
    """What was shown, what came back, and the difference in the hidden part with its scale."""
    part = case.restoration
    if part is None:
        return ""
    hidden = part.hidden[which]
    difference = (part.restored[which] - case.values) * hidden
    tiles = [
        images.tile(images.hide(case.values, hidden), "Shown to the model", "the picture with a part hidden"),
        images.tile(images.grey(part.restored[which]), "Given back", "the picture as the model filled it in"),
        images.tile(
            images.signed(difference, DIFFERENCE_LIMIT),
            "Difference in the hidden part",
            f"map of differences, root mean square {np.sqrt((difference**2).sum() / max(1, hidden.sum())):.2f}",
        ),
    ]
    scale = images.scale_bar(images.DIVERGING, "too dark", "white = exactly right", "too bright")
    words = (
        f'<p class="mv-lead">Likeness in the hidden part: <b>{part.likeness[which]:.2f}</b> '
        "(1 = identical, 0 = unrelated; <i>Pearson correlation</i>).</p>"
    )
    if flat(case, which):
        words = (
            '<p class="mv-lead">There was nothing to see in the hidden part, so it cannot be said how alike it came '
            "back; it counts as 0.</p>"
        )
    return words + images.strip(tiles) + scale


def gallery(case: Case) -> str:
    """All restorations side by side."""
    part = case.restoration
    if part is None:
        return ""
    tiles = [
        images.tile(
            images.grey(part.restored[k]),
            TASKS[name].capitalize(),
            f"restoration {k + 1}",
            likeness(case, k),
        )
        for k, name in enumerate(part.labels)
    ]
    words = (
        "A model that knows the picture fills it in the same, right way each time. "
        "One that does not makes up something plausible, and something else each time."
    )
    return f'<h3>Every restoration</h3><p class="mv-lead">{words}</p>' + images.strip(tiles)


def render(case: Case, which: int = 0) -> list:
    """Values for `Restore.outputs`."""
    names = labels(case)
    return [gr.Radio(names, value=names[which]), pair(case, which), trio(case, which), gallery(case)]


def build(start: Case) -> Restore:
    """Lay out the step."""
    gr.HTML(
        '<p class="mv-lead">We hid a part of the picture and let the model fill it in from noise '
        "(<i>degrade, restore, compare: DRC</i>). Move the divider.</p>"
    )
    names = labels(start)
    which = gr.Radio(names, value=names[0], label="Restoration", elem_id="which")
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300):
            pair_view = gr.HTML(pair(start, 0), elem_id="pair")
        with gr.Column(scale=6, min_width=300):
            trio_view = gr.HTML(trio(start, 0), elem_id="trio")
    all_view = gr.HTML(gallery(start), elem_id="restorations")
    return Restore(which, pair_view, trio_view, all_view)


def wire(step: Restore, case: gr.State) -> None:
    """Another restoration redraws the pair and its difference."""

    def switch(current: Case, name: str) -> tuple[str, str]:
        index = max(0, int(name.split(":")[0]) - 1)
        return pair(current, index), trio(current, index)

    step.which.input(
        switch, [case, step.which], [step.pair, step.trio], show_progress="hidden", api_visibility="private"
    )
