"""Examine one picture: run the attacks of the walk one after the other and grow its Case.

The order puts cheap evidence first: noise aggregation (5 evaluations), loss (1), for models that take captions SMIA (2,
and 4 for its curve), FCRE (30), then DRC (240). A listener receives the case after every attack, so a screen can fill
in while the rest is still being computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mia_viz.analysis import Plan, Result, in_turn, plan, run, to_pictures
from mia_viz.attacks.attack import refusal
from mia_viz.blind import blind_scores
from mia_viz.case import Case, Finding
from mia_viz.laboratory.subject import ALSO_ASKED
from mia_viz.pictures.prepare import Prepared
from mia_viz.plans import walk_plans
from mia_viz.probe import Cancelled, Probe, Progress
from mia_viz.reference import Reference, captions_kind
from mia_viz.shown import with_pictures, with_residual
from mia_viz.targets.target import Target
from mia_viz.together import together
from mia_viz.verdict import judge


def expected_evaluations(target: str = "") -> int:
    """NFE of a whole walk when nothing is shared."""
    return sum(p.evaluations for p in walk_plans(target))


def examine(
    target: Target,
    prepared: Prepared,
    name: str,
    reference: Reference | None,
    truth: str | None = None,
    progress: Progress | None = None,
    on_stage: Callable[[Case], None] = lambda case: None,
    caption: str = "",
    plans: Sequence[Plan] | None = None,
    also: Sequence[Plan] = (),
) -> Case:
    """Run the walk's attacks on one picture and return the finished case.

    After a whole walk, residuals of the laboratory's other methods are collected, which costs a few questions more.

    caption: told to a model that takes one. plans: those to run, the walk's where None; also: others of which the
    laboratory gets the residuals, its usual ones where plans is None. Raises `mia_viz.probe.Cancelled` when
    progress.cancel is set, between two network calls.
    """
    progress = progress or Progress()
    chosen_plans = walk_plans(target.name, target.schedule) if plans is None else plans
    also = [plan(name, schedule=target.schedule) for name in ALSO_ASKED] if plans is None else also
    progress.expected = sum(p.evaluations for p in (*chosen_plans, *also))
    probe = Probe.of(target, to_pictures([prepared]), progress=progress, captions=[caption])
    told = captions_kind(target, [caption])
    case = Case(target.name, name, prepared.values, prepared.sha256, prepared.notes, truth)
    blind = _blind(probe) if reference is not None and reference.blind is not None else None
    case = replace(case, caption=caption if target.takes else None, stretch=prepared.stretch, blind=blind)
    for chosen in chosen_plans:
        result = run(probe, chosen)
        case = replace(case, findings=(*case.findings, _finding(result, reference, prepared.sha256, told)))
        case = with_residual(with_pictures(case, probe, result), result)
        if len(case.findings) == len(chosen_plans):
            whole = together(case.findings, reference, case.sha256)
            case = replace(case, overall=whole and whole.verdict)
        on_stage(case)
    for chosen in also:
        case = with_residual(case, run(probe, chosen))
    if also:
        on_stage(case)
    return case


def _blind(probe: Probe) -> tuple[float, ...] | None:
    """The picture's scores with the model's knowledge taken out, for whoever compares it with the reference."""
    found = blind_scores(probe.target, probe.pictures, probe.x_0)
    return None if found is None else tuple(found[0].tolist())


def ask_methods(
    target: Target,
    prepared: Prepared,
    names: Sequence[str],
    reference: Reference | None,
    progress: Progress,
    on_finding: Callable[[Finding], None],
    caption: str = "",
) -> None:
    """Run chosen attacks at their defaults on one picture, sharing every question; tells each finding.

    Attacks that cannot be used on the target are passed over.
    """
    probe = Probe.of(target, to_pictures([prepared]), progress=progress, captions=[caption])
    told = captions_kind(target, [caption])
    asked = [plan(name, schedule=target.schedule) for name in names]
    chosen = [p for p in asked if not refusal(p.attack, target, probe.captions, p.params)]
    progress.expected = sum(p.evaluations for p in chosen)
    failed: Exception | None = None
    for item in in_turn(chosen):
        try:
            result = run(probe, item)
        except Cancelled:
            raise
        except Exception as error:
            if item.attack.access != "white-box":
                raise
            failed = error  # a network that answers may still have no room for its gradients: the others go first
            continue
        on_finding(_finding(result, reference, prepared.sha256, told))
    if failed is not None:
        raise failed


def _finding(result: Result, reference: Reference | None, sha256: str, told: str) -> Finding:
    chosen, score = result.plan, float(result.score[0])
    verdict = None
    if reference is not None and reference.fits(chosen, told) and np.isfinite(score):
        # A picture is never part of its own reference.
        groups = [reference.scores(chosen.key, member, without=(sha256,)) for member in (False, True)]
        verdict = judge(score, *groups)
    return Finding(
        chosen.attack.name,
        chosen.key,
        chosen.attack.title,
        score,
        float(result.raw[0]),
        result.nfe,
        result.seconds,
        verdict,
    )
