"""What a visitor is told was done to the picture, over all restorations; the words for each come from the figures."""

from __future__ import annotations

from mia_viz.case import Restoration
from mia_viz.figures.tasks import TASKS, WHOLE, lost, shown

__all__ = ["TASKS", "WHOLE", "lead", "lost", "shown"]


def lead(part: Restoration | None) -> str:
    """What was done, over all restorations, as HTML."""
    names = set(part.labels) if part is not None else set()
    if not names:
        what = "We took something of the picture away and let the model put it back, from noise"
    elif not names & set(WHOLE):
        what = "We hid a part of the picture and let the model fill it in from noise"
    elif names <= {"sr2", "sr4"}:
        what = "We made the picture coarser and let the model put the detail back, from noise"
    else:
        what = "We hid or took away something of the picture and let the model put it back"
    return f'<p class="mv-lead">{what} (<i>degrade, restore, compare: DRC</i>). Move the divider.</p>'
