"""PIA and PIAN: proximal initialisation (Kong et al., ICLR 2024, arXiv 2305.18355).

    e_0 = eps_hat_0(x_0);   R = | e_0 - eps_hat_t(alpha_t x_0 + sigma_t e_0) |_4^4

PIAN first scales e_0 to the mean absolute value of standard normal noise. The paper's eq. 10 multiplies by
sqrt(pi/2), its code by sqrt(2/pi); E|N(0,1)| = sqrt(2/pi), so the code's constant is used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, clean_space, parameter, register, stack
from mia_viz.diffusion import noised, predicted_x0
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe, State
from mia_viz.scoring import error


def unit_noise(e_0: Tensor) -> Tensor:
    """e_0 scaled per image so that its mean absolute value is sqrt(2/pi)."""
    return e_0 * math.sqrt(2 / math.pi) / e_0.abs().mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)


@register
class PIA(Attack):
    name = "pia"
    title = "PIA (proximal initialisation)"
    paper = (
        "Kong et al.: An Efficient Membership Inference Attack for the Diffusion Model by Proximal Initialization, 2024"
    )
    url = "https://arxiv.org/abs/2305.18355"
    idea = "Noise the picture with the model's own idea of its noise; a model that knows it finds that noise again."
    member_is = "lower"
    normalised = False

    @dataclass(frozen=True)
    class Params(Params):
        t: int = parameter(200, "noise level compared with level 0", 1, 999, 1)
        space: str = parameter("noise", "compare noises, or the images they imply (FreMIA)", choices=("noise", "x0"))

    def evaluations(self, params: Params) -> int:
        return 2

    def collect(self, probe: Probe, params: Params) -> Evidence:
        e_0 = probe.predict(probe.clean())
        if self.normalised:
            e_0 = unit_noise(e_0)
        gains = probe.target.schedule.gains(params.t)
        state = State(noised(probe.x_0, e_0, gains), params.t, ("x_0", self.name, params.t))
        observed, expected = probe.predict(state), e_0
        if params.space == "x0":
            observed, expected = predicted_x0(state.x, observed, gains), probe.x_0
        space = clean_space(probe.target) if params.space == "x0" else "noise"
        return Evidence(stack([observed]), stack([expected]), ("own noise",), (params.t,), space)

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        return error(evidence.residual, chosen, "l4")


@register
class PIAN(PIA):
    name = "pian"
    title = "PIAN (PIA, noise normalised)"
    idea = "PIA with the model's own noise first scaled to look like standard noise."
    normalised = True
