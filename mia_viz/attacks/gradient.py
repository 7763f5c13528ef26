"""Gradient norms: how hard would training still pull at this picture? (GSA; Pang et al. 2023, arXiv 2308.06405)

The denoising loss is averaged over equidistant timesteps (one noise each) and differentiated once with respect to the
weights (GSA1). The paper feeds the squared norms per layer to a classifier trained on shadow models; here their sum
is used as it stands, so nothing is trained and nothing is fitted to labels.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, parameter, register, stack
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe
from mia_viz.targets.target import Target


@register
class Gradient(Attack):
    name = "gradient"
    title = "Gradient norm"
    paper = "Pang et al.: White-box Membership Inference Attacks against Diffusion Models, 2023"
    url = "https://arxiv.org/abs/2308.06405"
    idea = "Ask how much the model would still change if it were trained on the picture; on a known one, hardly at all."
    member_is = "lower"
    access = "white-box"
    assumes = "the weights and one backward pass through the network"
    suits = "models whose weights are at hand; latent ones in float32 and where the network fits into memory"

    @dataclass(frozen=True)
    class Params(Params):
        steps: int = parameter(10, "equidistant timesteps in the loss", 1, 50, 1)

    def evaluations(self, params: Params) -> int:
        return params.steps

    def unusable(self, target: Target) -> str:
        return "" if target.has_gradients else "Gradient norms need the weights of the model, which are not at hand."

    def collect(self, probe: Probe, params: Params) -> Evidence:
        last = probe.target.schedule.steps
        levels = [last * (2 * i + 1) // (2 * params.steps) for i in range(params.steps)]
        draws = range(1, 2 * params.steps, 2)  # PFAMI's, where it asks about the whole picture at the same level
        states = [probe.noised(t, draw) for t, draw in zip(levels, draws, strict=True)]
        noises = [probe.noise(draw) for draw in draws]
        answers, norms = probe.gradients(states, noises)
        labels = tuple(f"t = {t}" for t in levels)
        return Evidence(answers, stack(noises), labels, tuple(levels), "noise", numbers=norms)

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        if chosen.kind != "none":
            raise ValueError("A frequency filter cannot be put on gradient norms; leave it out.")
        return evidence.numbers.double().sum(dim=1)
