"""Loss attack: is the denoising error of this image unusually small?

Matsumoto et al. 2023 (Algorithm 1), with the x0 form of FreMIA (Lian et al. 2025, eq. 6), which multiplies every
error by the same (sigma_t / alpha_t)^2 and so changes no ranking.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, clean_space, parameter, register, stack
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe
from mia_viz.scoring import error


@register
class Loss(Attack):
    name = "loss"
    title = "Denoising loss"
    paper = "Matsumoto, Miura, Yanai: Membership Inference Attacks against Diffusion Models, 2023"
    url = "https://arxiv.org/abs/2302.03262"
    idea = "Add known noise to the picture; a model that knows the picture predicts that noise more exactly."
    member_is = "lower"

    @dataclass(frozen=True)
    class Params(Params):
        t: int = parameter(200, "noise level asked about", 0, 999, 1)
        draws: int = parameter(1, "noises averaged over (1 as published)", 1, 64, 1)
        space: str = parameter("noise", "compare predicted noise, or the image it implies", choices=("noise", "x0"))

    def evaluations(self, params: Params) -> int:
        return params.draws

    def collect(self, probe: Probe, params: Params) -> Evidence:
        states = [probe.noised(params.t, draw) for draw in range(params.draws)]
        answers = probe.predict_all(states)
        if params.space == "x0":
            observed = stack([probe.x0_hat(state) for state in states])
            expected = probe.x_0[:, None].expand_as(observed)
        else:
            observed = stack(answers)
            expected = stack([probe.noise(draw) for draw in range(params.draws)])
        labels = tuple(f"draw {draw}" for draw in range(params.draws))
        space = clean_space(probe.target) if params.space == "x0" else "noise"
        return Evidence(observed, expected, labels, (params.t,) * params.draws, space)

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        return error(evidence.residual, chosen, "l2")
