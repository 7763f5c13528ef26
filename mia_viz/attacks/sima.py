"""SimA: the norm of the noise predicted in the clean picture (Rao, Qu, Moyer 2025, arXiv 2509.25003)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, parameter, register, stack
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe
from mia_viz.scoring import error


@register
class SimA(Attack):
    name = "sima"
    title = "SimA (one clean look)"
    paper = "Rao, Qu, Moyer: Score-based Membership Inference on Diffusion Models, 2025"
    url = "https://arxiv.org/abs/2509.25003"
    idea = "Show the clean picture and ask for its noise; in a picture it knows, the model sees little."
    member_is = "lower"

    @dataclass(frozen=True)
    class Params(Params):
        t: int = parameter(100, "noise level the network is told", 0, 999, 1)

    def evaluations(self, params: Params) -> int:
        return 1

    def collect(self, probe: Probe, params: Params) -> Evidence:
        observed = stack([probe.predict(probe.clean().at(params.t))])
        return Evidence(observed, torch.zeros_like(observed), ("clean picture",), (params.t,), "noise")

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        return error(evidence.residual, chosen, "l4")
