"""How often methods find and accuse at their calibration threshold, on test pictures: for the lesson and the quiz.

Needs neither gradio nor torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mia_viz import engine
from mia_viz.evaluation import Scores, threshold_at

FALSE_ALARMS = 0.05
"""Share of the calibration hold-outs that may reach the threshold."""


@dataclass(frozen=True)
class Measured:
    """What one method's calibration threshold does on the test pictures of a target.

    key: column of the reference. found of `members` training pictures and accused of `holdouts` others reach it.
    """

    key: str
    threshold: float
    found: int
    members: int
    accused: int
    holdouts: int


@lru_cache(maxsize=32)
def measured(target: str, key: str) -> Measured | None:
    """The rates of one column of a bundled target's reference; None where it has no such column."""
    known = engine.reference(target)
    if known is None or key not in known.columns:
        return None
    tuning, kept = (Scores(*(known.scores(key, m, split) for m in (True, False))) for split in ("calibration", "test"))
    threshold = threshold_at(tuning.holdouts, FALSE_ALARMS)
    found, accused = (int((scores >= threshold).sum()) for scores in (kept.members, kept.holdouts))
    return Measured(key, threshold, found, len(kept.members), accused, len(kept.holdouts))
