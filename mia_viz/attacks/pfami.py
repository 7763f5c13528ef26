"""PFAMI: probabilistic fluctuation (Fu W. et al. 2023, arXiv 2308.12143).

Members sit at a local minimum of the loss: F(x) = mean_{t,j} ( L_t(crop_j(x)) - L_t(x) ) / L_t(x), the neighbours
being centre crops scaled back. `relative=false` leaves the division out, as the SimA authors' re-implementation does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mia_viz.attacks.attack import Attack, Evidence, Params, parameter, register, stack
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe, State
from mia_viz.scoring import sum_squares


def centre_crop(images: Tensor, share: float) -> Tensor:
    """The central window of `share` of each side, scaled back to full size (bilinear, antialiased)."""
    height, width = images.shape[-2:]
    rows, columns = int(height * share), int(width * share)
    top, left = round((height - rows) / 2), round((width - columns) / 2)
    window = images[..., top : top + rows, left : left + columns]
    return functional.interpolate(window, size=(height, width), mode="bilinear", antialias=True, align_corners=False)


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
        t_max: int = parameter(450, "highest noise level", 0, 900, 50)
        t_step: int = parameter(50, "distance of the noise levels", 10, 200, 10)
        crops: int = parameter(10, "number of cropped copies", 1, 10, 1)
        relative: bool = parameter(True, "divide by the loss of the uncropped picture (as published)")

    def levels(self, params: Params) -> list[int]:
        return list(range(0, params.t_max + 1, params.t_step))

    def evaluations(self, params: Params) -> int:
        return len(self.levels(params)) * (params.crops + 1)

    def collect(self, probe: Probe, params: Params) -> Evidence:
        levels = self.levels(params)
        shares = torch.linspace(0.95, 0.70, 10).tolist()[: params.crops] if params.crops > 1 else [0.811]
        copies = [probe.clean()]
        copies += [probe.picture(centre_crop(probe.x_0, s), ("crop", round(s, 4))) for s in shares]
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
