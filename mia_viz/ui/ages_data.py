"""Two pictures at every kept training age of a model: their stored cases, and their scores among known pictures.

Needs neither gradio nor torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.figures.ages import Growth
from mia_viz.targets import bundled
from mia_viz.ui.compare_cases import ages, examples, passes, stored


@dataclass(frozen=True, eq=False)
class Ages:
    """A model as it grew, youngest first: targets and passes (k of each), the cases of a member and of a hold-out."""

    targets: tuple[str, ...]
    passes: tuple[int, ...]
    members: tuple[Case, ...]
    holdouts: tuple[Case, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        return (*self.members, *self.holdouts)


@lru_cache(maxsize=8)
def growing(family: str) -> Ages | None:
    """What is stored about a family's model A; None where fewer than two ages are."""
    rows = [(name, *(stored(name, index) for index in examples(family))) for name in ages(family)]
    rows = [row for row in rows if None not in row]
    if len(rows) < 2:
        return None
    names, members, holdouts = zip(*rows, strict=True)
    return Ages(names, tuple(passes(name) for name in names), members, holdouts)


def methods(found: Ages) -> dict[str, str]:
    """Methods with a score and known pictures at every age, as key -> title."""
    judged = [{f.key: f.title for f in case.findings if f.verdict is not None} for case in found.cases]
    return {key: title for key, title in judged[0].items() if all(key in other for other in judged)}


def growth(found: Ages, key: str) -> Growth:
    """One method's scores at every age: of the two pictures, of their groups (calibration), and the AUC (test)."""
    groups, parts = {True: [], False: []}, []
    for name, member, holdout in zip(found.targets, found.members, found.holdouts, strict=True):
        known, left_out = engine.reference(name), (member.sha256, holdout.sha256)
        for inside, rows in groups.items():
            rows.append(np.percentile(known.scores(key, inside, without=left_out), (25, 50, 75)))
        parts.append(_auc(name, key))
    scores = [
        np.array([next(f.score for f in case.findings if f.key == key) for case in cases])
        for cases in (found.members, found.holdouts)
    ]
    quartiles = [np.array(groups[inside]).T for inside in (True, False)]
    return Growth(found.passes, *scores, *quartiles, np.array(parts).T)


def _auc(target: str, key: str) -> tuple[float, float, float]:
    """AUC with its interval as `evaluate` measured it on the test pictures; NaN where it did not."""
    report = bundled.evaluation(target) or {"attacks": []}
    auc = next((attack["auc"] for attack in report["attacks"] if attack["key"] == key), None)
    return (np.nan,) * 3 if auc is None else (auc["value"], auc["low"], auc["high"])
