"""Step 2, restore: what was hidden or taken away, what the model put there, and where that differs from the truth."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
import numpy as np

from mia_viz.case import Case
from mia_viz.figures import images
from mia_viz.ui.events import LATEST
from mia_viz.ui.tasks import TASKS, WHOLE, lead, lost, shown

DIFFERENCE_LIMIT = 1.0
"""Values run from -1 to 1; half of that range saturates the difference map."""
WAITING = '<p class="mv-note">Not computed yet: press Analyse on the first page, or wait for it to come in.</p>'


@dataclass(frozen=True)
class Restore:
    """Components of the step."""

    lead: gr.HTML
    which: gr.Radio
    pair: gr.HTML
    trio: gr.HTML
    all: gr.HTML

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.lead, self.which, self.pair, self.trio, self.all]


def labels(case: Case) -> list[str]:
    """One name per restoration."""
    if case.restoration is None:
        return ["1"]
    return [f"{k + 1}: {TASKS[name].short}" for k, name in enumerate(case.restoration.labels)]


def flat(case: Case, which: int) -> bool:
    """Whether what was taken away holds one value only, so that no correlation with it is defined."""
    taken = lost(case, which)
    return taken.size == 0 or bool(np.ptp(taken) < 1e-6)


def likeness(case: Case, which: int) -> str:
    """The likeness of one restoration, or why there is none."""
    return "flat, no likeness" if flat(case, which) else f"likeness {case.restoration.likeness[which]:.2f}"


def pair(case: Case, which: int) -> str:
    """Original and restored under one divider."""
    part = case.restoration
    if part is None:
        return WAITING
    alt = f"original and restored picture, {likeness(case, which)} in {TASKS[part.labels[which]].lost}"
    return images.compare(
        images.grey(case.values), images.grey(part.restored[which]), "original", "restored by the model", alt
    )


def trio(case: Case, which: int) -> str:
    """What was shown, what came back, and the difference with its scale."""
    part = case.restoration
    if part is None:
        return ""
    words, region = TASKS[part.labels[which]], part.hidden[which]
    difference = (part.restored[which] - case.values) * region
    size = np.sqrt((difference**2).mean(axis=0).sum() / max(1, region.sum()))
    where = "Difference" if part.labels[which] in WHOLE else "Difference in the hidden part"
    tiles = [
        images.tile(shown(case, which), "Shown to the model", f"the picture, {words.short}"),
        images.tile(images.grey(part.restored[which]), "Given back", "the picture as the model restored it"),
        images.tile(
            images.signed(difference, DIFFERENCE_LIMIT), where, f"map of differences, root mean square {size:.2f}"
        ),
    ]
    colour = "; size over all colours" if len(case.values) > 1 else ""
    scale = images.scale_bar(images.DIVERGING, "too dark", f"white = exactly right{colour}", "too bright")
    return _likeness_words(case, which) + images.strip(tiles) + scale


def _likeness_words(case: Case, which: int) -> str:
    """The likeness of one restoration with its scale, or why there is none."""
    what = TASKS[case.restoration.labels[which]].lost
    if flat(case, which):
        return (
            f'<p class="mv-lead">There was nothing to see in {what}, so it cannot be said how alike it came back; '
            "it counts as 0.</p>"
        )
    return (
        f'<p class="mv-lead">Likeness in {what}: <b>{case.restoration.likeness[which]:.2f}</b> '
        "(1 = identical, 0 = unrelated; <i>Pearson correlation</i>).</p>"
    )


def gallery(case: Case) -> str:
    """All restorations side by side."""
    part = case.restoration
    if part is None:
        return ""
    tiles = [
        images.tile(
            images.grey(part.restored[k]),
            TASKS[name].short.capitalize(),
            f"restoration {k + 1}",
            likeness(case, k),
        )
        for k, name in enumerate(part.labels)
    ]
    words = (
        "A model that knows the picture puts back the same, right thing each time. "
        "One that does not makes up something plausible, and something else each time."
    )
    return f'<h2 class="mv-sub">Every restoration</h2><p class="mv-lead">{words}</p>' + images.strip(tiles)


def render(case: Case, which: int = 0) -> list:
    """Values for `Restore.outputs`."""
    names = labels(case)
    choice = gr.Radio(names, value=names[which])
    return [lead(case.restoration), choice, pair(case, which), trio(case, which), gallery(case)]


def build(start: Case) -> Restore:
    """Lay out the step."""
    lead_view = gr.HTML(lead(start.restoration), elem_id="restore-lead")
    names = labels(start)
    which = gr.Radio(names, value=names[0], label="Restoration", elem_id="which")
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300):
            pair_view = gr.HTML(pair(start, 0), js_on_load=images.DIVIDER, elem_id="pair")
        with gr.Column(scale=6, min_width=300):
            trio_view = gr.HTML(trio(start, 0), elem_id="trio")
    all_view = gr.HTML(gallery(start), elem_id="restorations")
    return Restore(lead_view, which, pair_view, trio_view, all_view)


def wire(step: Restore, case: gr.State) -> None:
    """Another restoration redraws the pair and its difference."""

    def switch(current: Case, name: str) -> tuple[str, str]:
        index = max(0, int(name.split(":")[0]) - 1)
        return pair(current, index), trio(current, index)

    step.which.input(switch, [case, step.which], [step.pair, step.trio], **LATEST)
