"""The words for every way to degrade a picture, and what of it the model was shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mia_viz.case import Case
from mia_viz.figures import images


@dataclass(frozen=True)
class Words:
    """What one kind of degradation is called.

    short: in lists. shown: caption of the degraded picture. asked: question over it. lost: what is judged.
    """

    short: str
    shown: str
    asked: str
    lost: str


HIDDEN = ("A part is hidden", "The model never sees the hidden part. Did it know what was there?", "the hidden part")
COARSER = (
    "The model sees only the coarse picture. Did it know the detail that is gone?",
    "the lost detail",
)
TASKS = {
    "centre": Words("middle hidden", *HIDDEN),
    "blocks": Words("random blocks hidden", *HIDDEN),
    "salient": Words("busiest blocks hidden", *HIDDEN),
    "sr2": Words("made 2 times coarser", "Made 2 times coarser", *COARSER),
    "sr4": Words("made 4 times coarser", "Made 4 times coarser", *COARSER),
    "colour": Words(
        "colour removed", "Colour removed", "The model sees only the greys. Did it know the colours?", "the lost colour"
    ),
    "denoise": Words(
        "noise added",
        "Noise added",
        "The model sees the picture under noise. Did it know what was below?",
        "the whole picture",
    ),
}
WHOLE = tuple(name for name, words in TASKS.items() if words.shown != HIDDEN[0])
"""Tasks that spare no pixel, so that no region of the picture is the hidden one."""


def shown(case: Case, which: int) -> np.ndarray:
    """What the model was shown in one restoration, as uint8; hidden pixels hatched."""
    part = case.restoration
    if part.labels[which] in WHOLE:
        return images.grey(part.given[which])
    return images.hide(case.values, part.hidden[which])


def lost(case: Case, which: int) -> np.ndarray:
    """What one degradation took away, flattened: the values whose likeness is judged."""
    part, name = case.restoration, case.restoration.labels[which]
    if name == "denoise":
        return case.values.ravel()
    if name in WHOLE:
        return (case.values - part.given[which]).ravel()
    hidden = np.broadcast_to(part.hidden[which] > 0, case.values.shape)
    return case.values[hidden]
