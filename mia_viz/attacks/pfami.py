"""PFAMI: probabilistic fluctuation (Fu W. et al. 2023, arXiv 2308.12143).

Members sit at a local minimum of the loss: F(x) = mean_{t,j} ( L_t(crop_j(x)) - L_t(x) ) / L_t(x), the neighbours
being centre crops scaled back. Published code leaves the division out (`relative=false`). Where a crop cannot sit in
the middle, MIA-Gen rounds its corner to the nearest pixel and the SimA authors' code rounds it down (`corner`). With
a latent model the picture is cropped and then encoded, not the latents cropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mia_viz.attacks.attack import Attack, Evidence, Params, bounded, parameter, register, stack
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe, State
from mia_viz.scoring import sum_squares


def window(height: int, width: int, share: float, corner: str = "round") -> tuple[int, int, int, int]:
    """(top, left, rows, columns) of the central window with `share` of each side.

    corner: "round" (half to even) or "floor", where the window's corner falls between two pixels.
    """
    rows, columns = int(height * share), int(width * share)
    place = math.floor if corner == "floor" else round
    return place((height - rows) / 2), place((width - columns) / 2), rows, columns


def crop(images: Tensor, place: tuple[int, int, int, int]) -> Tensor:
    """A window (top, left, rows, columns) scaled back to full size (bilinear, antialiased)."""
    top, left, rows, columns = place
    part = images[..., top : top + rows, left : left + columns]
    return functional.interpolate(part, size=images.shape[-2:], mode="bilinear", antialias=True, align_corners=False)


@register
class PFAMI(Attack):
    name = "pfami"
    title = "PFAMI (loss around the picture)"
    paper = "Fu W. et al.: A Probabilistic Fluctuation based Membership Inference Attack for Diffusion Models, 2023"
    url = "https://arxiv.org/abs/2308.12143"
    idea = "Crop the picture slightly; for a known picture the error rises, for an unknown one it hardly changes."
    member_is = "higher"

    @dataclass(frozen=True)
    class Params(Params):
        t_max: int = parameter(450, "highest noise level", 0, 900, 1)
        t_step: int = parameter(50, "distance of the noise levels", 1, 200, 1)
        crops: int = parameter(1, "cropped copies: 1 is the published metric form, 10 all its crops", 1, 10, 1)
        relative: bool = parameter(True, "divide by the loss of the uncropped picture (as published)")
        corner: str = parameter("round", "a crop's corner between two pixels", choices=("round", "floor"))

    def levels(self, params: Params) -> list[int]:
        return list(range(0, params.t_max + 1, params.t_step))

    def deepest(self, params: Params) -> int:
        return self.levels(params)[-1]

    def matched(self, params: Params, level: Callable[[int], int]) -> Params:
        steps = len(self.levels(params)) - 1
        step = max(1, min(900, level(self.deepest(params))) // max(1, steps))
        return bounded(params, t_max=step * steps, t_step=step)

    def evaluations(self, params: Params) -> int:
        return len(self.levels(params)) * (params.crops + 1)

    def collect(self, probe: Probe, params: Params) -> Evidence:
        levels = self.levels(params)
        all_shares = torch.linspace(0.95, 0.70, 10).tolist()
        shares = all_shares[: params.crops] if params.crops > 1 else all_shares[5:6]  # the metric form's crop, .81
        copies = [probe.clean()]
        for share in shares:
            place = window(*probe.pictures.shape[-2:], share, params.corner)
            copies.append(probe.picture(probe.target.encode(crop(probe.pictures, place)), ("crop", place)))
        draws = [len(levels) * k + j for k in range(len(copies)) for j in range(len(levels))]
        states: list[State] = [
            probe.noised(t, len(levels) * k + j, of=copy) for k, copy in enumerate(copies) for j, t in enumerate(levels)
        ]
        labels = tuple(
            f"{'whole' if k == 0 else f'crop {shares[k - 1]:.2f}'}, t = {t}" for k in range(len(copies)) for t in levels
        )
        observed = stack(probe.predict_all(states))
        return Evidence(observed, stack([probe.noise(d) for d in draws]), labels, tuple(levels) * len(copies), "noise")

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        count, dimension = len(self.levels(params)), evidence.observed[0, 0].numel()
        losses = sum_squares(chosen.apply(evidence.residual)).unflatten(1, (-1, count)) / dimension
        rise = losses[:, 1:] - losses[:, :1]
        return (rise / losses[:, :1] if params.relative else rise).mean(dim=(1, 2))
