"""Noise aggregation: predicted noises of a member lie close together (Li G. et al. 2025, arXiv 2510.21783).

After one small injection the noise is predicted at k levels of a DDIM walk downwards, e_0 .. e_{k-1}; the score is
S = -log(C + delta) of their dispersion C. Functions C as in eq. 14-18, each divided by the dimension so that picture
sizes compare; delta (not given in the paper) is 1e-8 of the mean squared noise. Two choices where the paper is
unclear: the density's sign is turned so that larger still means member, and the hull is the exact (k-1)-volume of the
simplex of the k points. The text's "sigma = 0.1" does not fit its t = 80 (sigma_80 = .265): `inject=fixed` adds
0.1 eps instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, bounded, parameter, register, stack
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe

DELTA = 1e-8
FUNCTIONS = ("l2", "l1", "centroid", "density", "hull")


def pairwise_squares(points: Tensor) -> Tensor:
    """Squared distances of K points of d dimensions, (N, K, d) -> (N, K, K) float64, without building differences."""
    gram = points @ points.transpose(1, 2)
    norms = gram.diagonal(dim1=1, dim2=2)
    return (norms[:, :, None] + norms[:, None, :] - 2 * gram).clamp(min=0)


def dispersion(points: Tensor, function: str) -> Tensor:
    """C(E) of K points (N, K, d), per dimension, (N,) float64; for "density" its inverse, so that small = member."""
    points, dimension = points.double(), points.shape[-1]
    centred = points - points.mean(dim=1, keepdim=True)
    if function == "l2":  # (1/k^2) sum_ij |e_i - e_j|^2 = 2/k sum_i |e_i - mean|^2
        return 2 * centred.square().sum(dim=2).mean(dim=1) / dimension
    if function == "l1":
        gaps = (points[:, :, None] - points[:, None, :]).abs().sum(dim=-1)
        return gaps.mean(dim=(1, 2)) / dimension
    if function == "centroid":
        return centred.square().sum(dim=2).sqrt().mean(dim=1) / math.sqrt(dimension)
    if function == "density":
        gaps = (pairwise_squares(centred) / dimension).sqrt()
        gaps = gaps + torch.diag(torch.full((points.shape[1],), math.inf, dtype=gaps.dtype, device=gaps.device))
        return 1 / (1 / (gaps.min(dim=2).values + DELTA)).mean(dim=1)
    edges = points[:, 1:] - points[:, :1]
    gram = edges @ edges.transpose(1, 2) / dimension
    return torch.linalg.det(gram).clamp(min=0).sqrt() / math.factorial(points.shape[1] - 1)


@register
class NoiseAggregation(Attack):
    name = "noise_aggregation"
    title = "Noise aggregation"
    paper = "Li G. et al.: Noise Aggregation Analysis Driven by Small-Noise Injection, 2025"
    url = "https://arxiv.org/abs/2510.21783"
    idea = "Add a little noise, then ask at several levels; about a known picture the model keeps giving one answer."
    member_is = "higher"

    @dataclass(frozen=True)
    class Params(Params):
        t: int = parameter(80, "level the noise is injected at", 1, 900, 1)
        k: int = parameter(5, "predictions compared", 2, 20, 1)
        step: int = parameter(10, "levels between two predictions", 1, 100, 1)
        function: str = parameter("l2", "how dispersion is measured", choices=FUNCTIONS)
        inject: str = parameter(
            "schedule", "noise as the schedule has it, or a fixed 0.1", choices=("schedule", "fixed")
        )
        draws: int = parameter(1, "injections averaged over (1 as published)", 1, 16, 1)

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.t - (self.k - 1) * self.step < 0:
                raise ValueError("t, k and step together walk below level 0; lower k or step, or raise t.")

    def evaluations(self, params: Params) -> int:
        return params.k * params.draws

    def matched(self, params: Params, level: Callable[[int], int]) -> Params:
        t, last = level(params.t), level(self.levels(params)[-1])
        return bounded(params, t=t, step=(t - last) // (params.k - 1))

    def levels(self, params: Params) -> list[int]:
        return [params.t - i * params.step for i in range(params.k)]

    def collect(self, probe: Probe, params: Params) -> Evidence:
        levels = self.levels(params)
        gain = 0.1 if params.inject == "fixed" else None
        states = [probe.noised(params.t, draw, gain=gain) for draw in range(params.draws)]
        clouds = [probe.predict_all(states)]
        for below in levels[1:]:
            states = [probe.move(state, below) for state in states]
            clouds.append(probe.predict_all(states))
        observed = stack([clouds[i][draw] for draw in range(params.draws) for i in range(params.k)])
        per_draw = observed.unflatten(1, (params.draws, params.k))
        expected = per_draw.mean(dim=2, keepdim=True).expand_as(per_draw).flatten(1, 2)
        labels = tuple(
            f"t = {t}" if params.draws == 1 else f"draw {d}, t = {t}" for d in range(params.draws) for t in levels
        )
        return Evidence(observed, expected, labels, tuple(levels) * params.draws, "noise")

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        points = chosen.apply(evidence.observed).flatten(2).unflatten(1, (params.draws, params.k))
        power = evidence.observed.double().square().mean(dim=(1, 2, 3, 4))
        scale = {"l2": power, "l1": power.sqrt(), "centroid": power.sqrt(), "density": power.sqrt()}.get(
            params.function, power ** ((params.k - 1) / 2)
        )
        spread = torch.stack([dispersion(points[:, d], params.function) for d in range(params.draws)], dim=1)
        return -(spread + DELTA * scale[:, None]).clamp(min=1e-300).log().mean(dim=1)
