"""`score --calibrate`: every score less that under a second model, placed among pictures that neither model saw."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mia_viz.calibration import calibrated_scores
from mia_viz.commands.calibrate import ASSUMES, calibrated_name
from mia_viz.commands.common import Choice, choose

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.commands.score import Known, Row, Subject
    from mia_viz.targets.target import Target


def with_calibrated(
    arguments: argparse.Namespace,
    other: Target,
    subjects: Sequence[Subject],
    choice: Choice,
    rows: Sequence[Row],
    known: Known,
) -> tuple[list[Row], Choice]:
    """The rows, each followed by its calibrated one, and the choice with a sentence on what the latter mean.

    rows: of every subject and, within it, every plan of the choice. Attacks that the second model does not suit get
    no calibrated row.
    """
    from mia_viz.commands.score import known_pictures, score

    suited = choose(arguments.attack, arguments.set, arguments.filter, other, [s.caption for s in subjects])
    keys = {chosen.key for chosen in suited.plans}
    shared = [chosen for chosen in choice.plans if chosen.key in keys]
    own_flags = {**vars(arguments), "reference": arguments.calibrate_reference}
    second = known_pictures(argparse.Namespace(**own_flags), other)
    places = [(subject, chosen) for subject in subjects for chosen in shared]
    answers = zip(places, score(other, subjects, shared, arguments.seed, second), strict=True)
    found = []
    for i, row in enumerate(rows):
        found.append(row)
        if choice.plans[i % len(choice.plans)].key in keys:
            place, under = next(answers)
            found.append(_calibrated(row, under, *place, known, second))
    told = [f"less its score under {other.name}: assumes {ASSUMES}; its p counts pictures that neither model saw."]
    if known.reference is not None and second.reference is None:
        told.append(f"No p-values for calibrated scores: {other.name}: {second.reason}.")
    return found, replace(choice, skipped=(*choice.skipped, *told))


def _calibrated(row: Row, under: Row, subject: Subject, chosen: Plan, known: Known, second: Known) -> Row:
    score, raw = (
        None if None in pair else pair[0] - pair[1] for pair in ((row.score, under.score), (row.raw, under.raw))
    )
    return replace(
        row,
        attack=calibrated_name(row.attack, under.target),
        score=score,
        raw=raw,
        nfe=row.nfe + under.nfe,
        seconds=row.seconds + under.seconds,
        p_value=_p_value(score, row, subject, chosen, known, second),
    )


def _p_value(
    score: float | None, row: Row, subject: Subject, chosen: Plan, known: Known, second: Known
) -> float | None:
    """Share of pictures neither model saw that score at least this high, counting this one; None without any."""
    from mia_viz.verdict import judge

    if score is None or known.reference is None or second.reference is None:
        return None
    told = "" if row.caption is None else "given" if row.caption.strip() else "empty"
    if not (known.reference.fits(chosen, told) and second.reference.fits(chosen, told)):
        return None
    holdouts = calibrated_scores(
        known.reference, second.reference, chosen.key, False, "calibration", without=subject.pixels_sha256
    )
    return judge(score, holdouts).p_value if len(holdouts) else None
