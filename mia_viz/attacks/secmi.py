"""SecMI-stat: step-wise error comparing (Duan et al., ICML 2023, arXiv 2302.01316).

    x_t = DDIM inversion of x_0;   x~_t = D_{t+k -> t}( D_{t -> t+k}(x_t) );   t-error = | x~_t - x_t |_2^2

The paper compares at t = 100; the published code stops its inversion at 90 (set t=90 for its numbers). With t = 0 and
stride 100 this is the one-step form of the FreMIA code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, bounded, parameter, register, stack
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe, State
from mia_viz.scoring import error


def up_and_down(probe: Probe, t: int, stride: int) -> tuple[State, State]:
    """x_t by inversion, and x~_t after one step up and one down: the pair SecMI and FCRE compare."""
    x_t = probe.invert(t, stride)
    return x_t, probe.move(probe.move(x_t, t + stride), t)


@register
class SecMI(Attack):
    name = "secmi"
    title = "SecMI (step error)"
    paper = "Duan et al.: Are Diffusion Models Vulnerable to Membership Inference Attacks?, 2023"
    url = "https://arxiv.org/abs/2302.01316"
    idea = "Walk the picture up the noise ladder, take one step up and one back; on a known picture the step closes."
    member_is = "lower"

    @dataclass(frozen=True)
    class Params(Params):
        t: int = parameter(100, "level of the two states compared (the published code stops at 90)", 0, 900, 1)
        stride: int = parameter(10, "inversion step", 1, 100, 1)

    def evaluations(self, params: Params) -> int:
        return -(-params.t // params.stride) + 2

    def deepest(self, params: Params) -> int:
        return params.t + params.stride

    def matched(self, params: Params, level: Callable[[int], int]) -> Params:
        t, steps = level(params.t), -(-params.t // params.stride)
        return bounded(params, t=t, stride=-(-t // steps) if steps else level(params.stride) - t)

    def collect(self, probe: Probe, params: Params) -> Evidence:
        x_t, returned = up_and_down(probe, params.t, params.stride)
        return Evidence(stack([returned.x]), stack([x_t.x]), (f"t = {params.t}",), (params.t,), "state")

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        return error(evidence.residual, chosen, "l2")
