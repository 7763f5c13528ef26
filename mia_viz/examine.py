"""Examine one picture: run the attacks of the walk one after the other and grow its Case.

The order puts cheap evidence first: noise aggregation (5 evaluations), loss (1), FCRE (30), then DRC (240). A listener
receives the case after every attack, so a screen can fill in while the rest is still being computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mia_viz.analysis import Result, plan, run, to_pictures
from mia_viz.attacks.drc import DRC
from mia_viz.case import Case, Finding, Noises, Rebuilt, Restoration
from mia_viz.frequency import patch_mask
from mia_viz.pictures.prepare import Prepared
from mia_viz.plans import WALK_ATTACKS, walk_plans
from mia_viz.probe import Probe, Progress
from mia_viz.reference import Reference
from mia_viz.targets.target import Target
from mia_viz.verdict import combine, judge


def expected_evaluations() -> int:
    """NFE of a whole walk when nothing is shared."""
    return sum(p.evaluations for p in walk_plans())


def examine(
    target: Target,
    prepared: Prepared,
    name: str,
    reference: Reference | None,
    truth: str | None = None,
    progress: Progress | None = None,
    on_stage: Callable[[Case], None] = lambda case: None,
) -> Case:
    """Run the walk's attacks on one picture and return the finished case.

    Raises `mia_viz.probe.Cancelled` when progress.cancel is set, between two network calls.
    """
    progress = progress or Progress()
    progress.expected = expected_evaluations()
    probe = Probe.of(target, to_pictures([prepared]), progress=progress)
    case = Case(target.name, name, prepared.values, prepared.sha256, prepared.notes, truth)
    for chosen in walk_plans():
        result = run(probe, chosen)
        case = replace(case, findings=(*case.findings, _finding(result, reference, prepared.sha256)))
        case = _with_pictures(case, probe, result)
        if len(case.findings) == len(WALK_ATTACKS):
            case = replace(case, overall=_overall(case, reference))
        on_stage(case)
    return case


def ask_methods(
    target: Target,
    prepared: Prepared,
    names: Sequence[str],
    reference: Reference | None,
    progress: Progress,
    on_finding: Callable[[Finding], None],
) -> None:
    """Run chosen attacks at their defaults on one picture, sharing every question; tells each finding.

    Attacks that cannot be used on the target are passed over.
    """
    chosen = [p for p in (plan(name) for name in names) if not p.attack.unusable(target)]
    progress.expected = sum(p.evaluations for p in chosen)
    probe = Probe.of(target, to_pictures([prepared]), progress=progress)
    for item in chosen:
        on_finding(_finding(run(probe, item), reference, prepared.sha256))


def _finding(result: Result, reference: Reference | None, sha256: str) -> Finding:
    chosen, score = result.plan, float(result.score[0])
    verdict = None
    if reference is not None and reference.fits(chosen) and np.isfinite(score):
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


def _overall(case: Case, reference: Reference | None):
    if reference is None or any(f.verdict is None for f in case.findings):
        return None
    scores = {f.key: f.score for f in case.findings}
    holdouts, members = (
        {name: reference.scores(name, member, without=(case.sha256,)) for name in scores} for member in (False, True)
    )
    return combine(scores, holdouts, members)


def _with_pictures(case: Case, probe: Probe, result: Result) -> Case:
    """The case with the pictures this attack's evidence yields."""
    evidence, params = result.evidence, result.plan.params
    if result.plan.attack.name == "noise_aggregation":
        return replace(case, noises=Noises(tuple(evidence.timesteps), _array(evidence.observed[0])))
    if result.plan.attack.name == "loss":
        state = probe.noised(params.t)
        alpha, sigma = probe.target.schedule.gains(params.t)
        pictures = probe.target.decode(torch.cat([state.x, probe.x0_hat(state)]))
        patches = patch_mask(probe.x_0)[0]
        return replace(
            case,
            rebuilt=Rebuilt(params.t, _array(pictures[0]), _array(pictures[1]), _array(patches), (sigma / alpha) ** 2),
        )
    if isinstance(result.plan.attack, DRC):
        likeness = result.plan.attack.likeness(evidence, params)[0]
        restored = Restoration(
            _array(evidence.observed[0]), _array(evidence.mask[0]), evidence.labels, _array(likeness)
        )
        return replace(case, restoration=restored)
    return case


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()
