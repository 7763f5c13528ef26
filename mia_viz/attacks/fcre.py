"""FCRE: frequency-calibrated reconstruction error for medical models (Zhao et al. 2025, arXiv 2506.14919).

    S = (1 - SSIM(x0_hat, x_0)) + RMS over the mid band of (x~_t - x_t),   small = member

The paper's full text is not public; what is known and what had to be chosen:
known - a partial reverse DDIM process, two states at one noise level, a middle band cut at 15 % and 85 %, a plain sum
with 1 - SSIM. Chosen - t = 100 and SecMI's one step up, one step down (variant V1); RMS instead of a raw norm so that
both terms are of one order; per-image quantiles of the mean absolute Laplacian of 8 x 8 patches. V2 inverts deeper
and walks back; V3 takes an FFT annulus (shares of Nyquist) instead of patches. With a latent model the patches are
chosen in the picture, where detail has a scale, and carried to the cells of the latent grid they cover; the states
compared are latents, the SSIM is that of the decoded pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, bounded, parameter, register, stack
from mia_viz.attacks.secmi import up_and_down
from mia_viz.frequency import NONE, Filter, patch_mask
from mia_viz.grid import cell_size, on_grid
from mia_viz.probe import Probe, State
from mia_viz.scoring import masked_rms, ssim
from mia_viz.targets.target import Target


@register
class FCRE(Attack):
    name = "fcre"
    title = "FCRE (mid-frequency error)"
    paper = "Zhao et al.: Frequency-Calibrated Membership Inference Attacks on Medical Image Diffusion Models, 2025"
    url = "https://arxiv.org/abs/2506.14919"
    idea = "Rebuild the picture and judge only detail that is neither too coarse nor too fine to tell anything."
    member_is = "lower"
    suits = "models of pictures of at least 16 pixels a side"

    @dataclass(frozen=True)
    class Params(Params):
        t: int = parameter(100, "level of the two states compared", 1, 900, 1)
        stride: int = parameter(10, "inversion step", 1, 100, 1)
        variant: str = parameter(
            "v1", "v1 patches, v2 deeper walk and patches, v3 FFT annulus", choices=("v1", "v2", "v3")
        )
        lo: float = parameter(0.15, "lower cut: share of patches, or of Nyquist for v3", 0.0, 1.4, 0.01)
        hi: float = parameter(0.85, "upper cut", 0.0, 1.5, 0.01)
        depth: int = parameter(100, "v2: levels walked beyond t and back", 1, 500, 1)
        ssim: bool = parameter(True, "add 1 - SSIM of the rebuilt picture")

        def __post_init__(self) -> None:
            super().__post_init__()
            if not self.lo < self.hi or (self.variant != "v3" and self.hi > 1):
                raise ValueError("lo must be below hi, and patch quantiles end at 1.")

    def evaluations(self, params: Params) -> int:
        up = -(-params.t // params.stride)
        there_and_back = 2 * -(-params.depth // params.stride) if params.variant == "v2" else 2
        return up + there_and_back + params.ssim

    def deepest(self, params: Params) -> int:
        return params.t + (params.depth if params.variant == "v2" else params.stride)

    def matched(self, params: Params, level: Callable[[int], int]) -> Params:
        t, deep = level(params.t), level(params.t + params.depth)
        return bounded(params, t=t, stride=-(-t // -(-params.t // params.stride)), depth=deep - t)

    def unusable(self, target: Target) -> str:
        size = min(target.picture_shape[1:])
        return "" if size >= 16 else "This model's pictures are too small to be cut into patches of 8 x 8 pixels."

    def collect(self, probe: Probe, params: Params) -> Evidence:
        x_t, returned = self._pair(probe, params)
        pairs = [(returned.x, x_t.x)]
        labels, pictures = [f"states at t = {params.t}"], None
        if params.ssim:
            rebuilt = probe.x0_hat(returned)
            pairs.append((rebuilt, probe.x_0))
            labels.append("rebuilt picture")
            if probe.target.space == "latent":
                pictures = (probe.target.decode(rebuilt), probe.pictures)
        mask = None
        if params.variant != "v3":
            mask = stack([self._patches(probe, params)] + [torch.ones_like(probe.x_0[:, :1])] * params.ssim)
        observed, expected = (stack([pair[i] for pair in pairs]) for i in (0, 1))
        return Evidence(observed, expected, tuple(labels), (params.t,) * len(pairs), "mixed", mask, decoded=pictures)

    def _patches(self, probe: Probe, params: Params) -> Tensor:
        """The mid-frequency patches of the pictures on the grid of x_0, (N, 1, H, W) of 0 and 1."""
        cell = cell_size(probe.target)
        patch = -(-8 // cell) * cell
        return on_grid(patch_mask(probe.pictures, params.lo, params.hi, patch), probe.target).to(probe.x_0.dtype)

    def _pair(self, probe: Probe, params: Params) -> tuple[State, State]:
        if params.variant != "v2":
            return up_and_down(probe, params.t, params.stride)
        deepest = params.t + params.depth
        levels = [*range(params.t, deepest, params.stride), deepest]
        x_t = probe.invert(params.t, params.stride)
        deep = probe.walk(x_t, levels[1:])[-1]
        return x_t, probe.walk(deep, levels[-2::-1])[-1]

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        residual = chosen.apply(evidence.residual[:, :1])
        if params.variant == "v3":
            residual = Filter("band", lo=params.lo, hi=params.hi).apply(residual)
            mask = torch.ones_like(residual[:, :, :1])
        else:
            mask = evidence.mask[:, :1]
            # A picture without any middling patch is judged as a whole: an empty mask would mean no error at all.
            mask = torch.where(mask.sum(dim=(2, 3, 4), keepdim=True) > 0, mask, 1.0)
        raw = masked_rms(residual, mask)[:, 0]
        if params.ssim:
            pair = evidence.decoded or (evidence.observed[:, 1], evidence.expected[:, 1])
            raw = raw + 1 - ssim(*pair)
        return raw
