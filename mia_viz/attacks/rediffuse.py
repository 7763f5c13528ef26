"""ReDiffuse: does the model give the picture back? (Li J. et al., ICML 2025, arXiv 2405.20771)

Noise x_0 to level t, denoise by DDIM in steps of k, repeat n times and average: xhat. Small |x_0 - xhat| = member. The
paper feeds the difference to a trained network; here it is used as it stands. With a latent model the mean is taken
over latents; the structural similarity is that of the decoded mean with the picture, as the paper has it for Stable
Diffusion, while the other distances stay in the latent space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, bounded, clean_space, decoded, parameter, register
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe
from mia_viz.scoring import error, ssim


@register
class ReDiffuse(Attack):
    name = "rediffuse"
    title = "ReDiffuse (averaged variations)"
    paper = "Li J. et al.: Towards Black-Box Membership Inference Attack for Diffusion Models, 2025"
    url = "https://arxiv.org/abs/2405.20771"
    idea = "Let the model vary the picture many times and average; variations of a known picture average back to it."
    member_is = "lower"
    access = "black-box"
    assumes = "an image-to-image service; no look into the network"

    @dataclass(frozen=True)
    class Params(Params):
        t: int = parameter(200, "noise level the variations start from", 1, 900, 1)
        k: int = parameter(100, "denoising step", 1, 900, 1)
        n: int = parameter(10, "variations averaged", 1, 64, 1)
        distance: str = parameter("l2", "how the difference is measured", choices=("l1", "l2", "ssim"))

    def matched(self, params: Params, level: Callable[[int], int]) -> Params:
        t, steps = level(params.t), -(-params.t // params.k)
        return bounded(params, t=t, k=-(-t // steps))

    def evaluations(self, params: Params) -> int:
        return params.n * -(-params.t // params.k)

    def collect(self, probe: Probe, params: Params) -> Evidence:
        states = [probe.noised(params.t, draw) for draw in range(params.n)]
        while states[0].timestep > 0:
            probe.predict_all(states)
            below = max(0, states[0].timestep - params.k)
            states = [probe.move(state, below) for state in states]
        mean = torch.stack([state.x for state in states]).mean(dim=0)[:, None]
        labels, space, expected = (f"mean of {params.n}",), clean_space(probe.target), probe.x_0[:, None]
        if params.distance == "ssim" and space == "latent":
            mean, expected, space = decoded(probe.target, mean), probe.pictures[:, None], "picture"
        return Evidence(mean, expected, labels, (params.t,), space)

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        if params.distance == "ssim":
            return 1 - ssim(chosen.apply(evidence.observed[:, 0]), chosen.apply(evidence.expected[:, 0]))
        return error(evidence.residual, chosen, params.distance)
