"""What a person is shown of an attack's evidence: the pictures of a case, made from answers that are remembered.

Only the structure's curve asks further questions: its score ends at one level, and the curve goes on to STRUCTURE_END.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mia_viz.analysis import Result
from mia_viz.attacks import get
from mia_viz.attacks.drc import DRC
from mia_viz.attacks.noise_aggregation import NoiseAggregation
from mia_viz.attacks.smia import SMIA, structure
from mia_viz.case import Case, Noises, Rebuilt, Residuals, Restoration, Structure
from mia_viz.frequency import patch_mask
from mia_viz.laboratory.subject import ALSO_ASKED
from mia_viz.probe import Probe
from mia_viz.restoration import given
from mia_viz.scoring import ssim_map

STRUCTURE_END = 300
"""The level up to which the picture's structure is followed; the paper's best levels lie well below."""

RESIDUALS = ("loss", "fcre", *ALSO_ASKED)
"""Methods whose residual is one picture on the grid of x_0."""


def with_pictures(case: Case, probe: Probe, result: Result) -> Case:
    """The case with the pictures that this attack's evidence on the probe's first image yields."""
    attack, params = result.plan.attack, result.plan.params
    if isinstance(attack, NoiseAggregation):
        return replace(case, noises=_noises(attack, params, probe, result))
    if attack.name == "loss":
        return replace(case, rebuilt=_rebuilt(params.t, probe))
    if isinstance(attack, SMIA):
        return replace(case, structure=structures(probe, params)[0])
    if isinstance(attack, DRC):
        return replace(case, restoration=_restoration(attack, params, probe, result))
    return case


def with_residual(case: Case, result: Result) -> Case:
    """The case with the residual of a method that makes one comparison, for the frequency laboratory."""
    evidence, chosen = result.evidence, result.plan
    if chosen.attack.name not in RESIDUALS or chosen.filter.kind != "none":
        return case
    # FCRE's second pair, of rebuilt pictures, is left out as it is from a reference's energies.
    residual = evidence.residual[0, :1]
    residual = residual if evidence.mask is None else residual * evidence.mask[0, :1]
    keys, maps = ((), _array(residual[:0])) if case.residuals is None else (case.residuals.keys, case.residuals.maps)
    return replace(case, residuals=Residuals((*keys, chosen.key), np.concatenate([maps, _array(residual)])))


def _noises(attack: NoiseAggregation, params: NoiseAggregation.Params, probe: Probe, result: Result) -> Noises:
    levels, predicted = tuple(result.evidence.timesteps), _array(result.evidence.observed[0])
    if probe.target.space == "pixel":
        return Noises(levels, predicted)
    own = attack.levels(params)
    states = probe.walk(probe.noised(own[0], gain=0.1 if params.inject == "fixed" else None), own[1:])
    implied = probe.target.decode(torch.cat([probe.x0_hat(state)[:1] for state in states]))
    return Noises(levels, predicted, _array(implied))


def _rebuilt(timestep: int, probe: Probe) -> Rebuilt:
    state = probe.noised(timestep)
    alpha, sigma = probe.target.schedule.gains(timestep)
    pair = torch.cat([state.x[:1], probe.x0_hat(state)[:1]])
    pictures = probe.target.decode(pair)
    patches = _array(patch_mask(probe.pictures)[0])
    latents = None if probe.target.space == "pixel" else _array(torch.cat([probe.x_0[:1], pair]))
    return Rebuilt(timestep, _array(pictures[0]), _array(pictures[1]), patches, (sigma / alpha) ** 2, latents)


def _restoration(attack: DRC, params: DRC.Params, probe: Probe, result: Result) -> Restoration:
    evidence = result.evidence
    return Restoration(
        _array(evidence.observed[0]),
        _array(evidence.mask[0]),
        evidence.labels,
        _array(attack.likeness(evidence, params)[0]),
        _array(given(probe, attack.tasks(probe, params))[0]),
    )


def structures(probe: Probe, params: SMIA.Params) -> list[Structure]:
    """Of every picture of the probe: how its structure wears away from level 0 (encoder and decoder alone) on.

    The last level is STRUCTURE_END, or the one SMIA scores at where that is higher.
    """
    attack = get("smia")
    longer = replace(params, total=max(params.total, STRUCTURE_END))
    corrupted = attack.collect(probe, longer).observed
    corrupted = torch.cat([probe.target.decode(probe.x_0)[:, None], corrupted], dim=1)
    levels = (0, *attack.stops(longer))
    flat = corrupted.flatten(0, 1)
    original = probe.pictures[:, None].expand_as(corrupted).flatten(0, 1)
    similarity = structure(original, flat, params.window).view(corrupted.shape[:2])
    maps = ssim_map((original + 1) / 2, (flat + 1) / 2, 1.0).mean(dim=1).unflatten(0, corrupted.shape[:2])
    return [
        Structure(levels, _array(c), _array(m), _array(s), params.total)
        for c, m, s in zip(corrupted, maps, similarity, strict=True)
    ]


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()
