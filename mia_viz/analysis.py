"""From a target and prepared pictures to results: run attacks on shared questions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mia_viz.attacks import Attack, Evidence, Params, get
from mia_viz.attacks.attack import refusal
from mia_viz.diffusion import USUAL_STEPS, Schedule
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe


@dataclass(frozen=True)
class Plan:
    """One attack with the settings it is run with."""

    attack: Attack
    params: Params
    filter: Filter = NONE

    @property
    def evaluations(self) -> int:
        """NFE per image when nothing is shared."""
        return self.attack.evaluations(self.params)

    @property
    def key(self) -> str:
        """Short text for tables: the attack, its settings that differ from the defaults, and a filter if any."""
        usual = self.attack.Params().as_dict()
        changed = [f"{k}={v}" for k, v in self.params.as_dict().items() if v != usual[k]]
        chosen = [str(self.filter)] if self.filter.kind != "none" else []
        return " ".join([self.attack.name, *changed, *chosen])


@dataclass(frozen=True)
class Result:
    """What one attack found out about N images.

    raw: published statistic, published sign and scale. score: the same, larger = more member-like. Both (N,) float64.
    nfe: evaluations per image this attack added. seconds: wall time of the batch.
    """

    plan: Plan
    raw: np.ndarray
    score: np.ndarray
    evidence: Evidence
    nfe: float
    seconds: float


def plan(
    name: str, settings: dict[str, str] | None = None, chosen: Filter = NONE, schedule: Schedule | None = None
) -> Plan:
    """A plan from an attack's name and "name=value" settings. Raises ValueError with a sentence.

    schedule: of the model to be asked; what is not set is then asked at levels that suit it (see `defaults`).
    """
    attack = get(name)
    return Plan(attack, defaults(attack, schedule).with_settings(settings or {}), chosen)


def defaults(attack: Attack, schedule: Schedule | None = None) -> Params:
    """An attack's parameters where nothing is set: as published, for models of a thousand levels.

    On a schedule of more or fewer levels they are the ones where the picture is as noisy as it is at the published
    ones under the usual schedule (`Schedule.matching`). A schedule too short for that leaves them as they are;
    `mia_viz.attacks.attack.refusal` then says why the attack cannot be used.
    """
    usual = attack.Params()
    if schedule is None or schedule.steps == USUAL_STEPS:
        return usual
    try:
        return attack.matched(usual, schedule.matching)
    except ValueError:
        return usual


def run(probe: Probe, chosen: Plan) -> Result:
    """Collect and score one attack on the probe's images.

    Raises ValueError when the target does not suit it, or captions are missing that it needs.
    """
    reason = refusal(chosen.attack, probe.target, probe.captions, chosen.params)
    if reason:
        raise ValueError(reason)
    start, before = time.perf_counter(), probe.nfe
    with torch.no_grad():
        evidence = chosen.attack.collect(probe, chosen.params)
        raw = chosen.attack.statistic(evidence, chosen.params, chosen.filter)
    raw_values = raw.double().cpu().numpy()
    oriented = chosen.attack.score(raw).double().cpu().numpy()
    return Result(chosen, raw_values, oriented, evidence, probe.nfe - before, time.perf_counter() - start)


def rescore(result: Result, chosen: Plan) -> Result:
    """The same evidence under another filter, without asking the model; settings of the attack must be the same."""
    with torch.no_grad():
        raw = chosen.attack.statistic(result.evidence, chosen.params, chosen.filter)
    oriented = chosen.attack.score(raw).double().cpu().numpy()
    return replace(result, plan=chosen, raw=raw.double().cpu().numpy(), score=oriented)


def in_turn(plans: Sequence[Plan]) -> list[Plan]:
    """Plans in the order in which they share most: what needs the network at work first, else in their own order.

    Others can use the answers that gradients come with, and gradients nobody's.
    """
    return sorted(plans, key=lambda chosen: chosen.attack.access != "white-box")


def by_evidence(plans: Sequence[Plan]) -> list[list[Plan]]:
    """Plans grouped so that those of one group differ in their filter only and can share evidence."""
    groups: dict[tuple[str, Params], list[Plan]] = {}
    for chosen in plans:
        groups.setdefault((chosen.attack.name, chosen.params), []).append(chosen)
    return list(groups.values())


def to_pictures(prepared: Sequence[Any]) -> Tensor:
    """Prepared pictures (values (C, H, W) in [-1, 1]) as one tensor (N, C, H, W)."""
    return torch.from_numpy(np.stack([p.values for p in prepared]))
