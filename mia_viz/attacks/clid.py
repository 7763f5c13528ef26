"""CLiD: does the full caption help the model more than a shortened one? (Zhai et al., NeurIPS 2024, arXiv 2405.14800)

    D_i = mean_{t,eps} [ |eps_hat(x_t, c_i) - eps|^2 - |eps_hat(x_t, c) - eps|^2 ],   c_i = shortened captions
    L   = -mean_{t,eps} |eps_hat(x_t, c) - eps|^2
    CLiD_th = alpha S(mean_i D_i) + (1 - alpha) S(L),   large = member

S is a robust scaling, (a - median) / (interquartile range), over a population of pictures, so the published statistic
of one picture is not defined without others. `robust` computes it against pictures of known membership, and only
`evaluate` offers it (`combine=robust`). The default, `relative`, is ours and needs no population: mean_i D_i / -L, by
how much the loss rises when the caption is shortened. `sum` is alpha D / d_scale + (1 - alpha) L / l_scale with scales
you give, which at 1 is what FreMIA's code does; `gap` is D and `loss` is L alone. Losses are means over a picture's
values. Shortened captions: its three thirds and none (`thirds`), or its first 70, 50 and 30 % of words and none
(`clip`; the paper drops the words that matter least to the text encoder instead). Captions of one or two words have
empty thirds, which ask for the loss without a caption again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, bounded, parameter, register, stack
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe
from mia_viz.scoring import sum_squares
from mia_viz.targets.target import Target

REDUCTIONS = 4


def reduced(caption: str, how: str) -> tuple[str, ...]:
    """The REDUCTIONS shortened captions: "thirds" of its words, or "clip" (70, 50, 30 % from the start); and none."""
    words = caption.split()
    if how == "clip":
        parts = [words[: -(-len(words) * share // 10)] for share in (7, 5, 3)]
    else:
        edges = [round(len(words) * i / 3) for i in range(4)]
        parts = [words[a:b] for a, b in itertools.pairwise(edges)]
    return (*(" ".join(part) for part in parts), "")


def robust(gap: np.ndarray, loss: np.ndarray, known: np.ndarray, alpha: float) -> np.ndarray:
    """Published CLiD_th (M,) from D (M,) and L (M,), both scaled by median and interquartile range of known pictures.

    known: boolean (M,), the pictures the scaling is taken from: members and hold-outs together, without their labels,
    and none of those reported on. A flat population has an interquartile range of 0; its values are then only
    centred. Raises ValueError when no picture is known.
    """
    if not known.any():
        raise ValueError("Robust scaling needs calibration pictures; choose a smaller --test-share.")
    scaled = []
    for values in (gap, loss):
        low, middle, high = np.percentile(values[known], [25, 50, 75])
        scaled.append((values - middle) / (high - low if high > low else 1.0))
    return alpha * scaled[0] + (1 - alpha) * scaled[1]


@register
class CLiD(Attack):
    name = "clid"
    title = "CLiD (use of the caption)"
    paper = (
        "Zhai et al.: Membership Inference on Text-to-Image Diffusion Models via Conditional Likelihood Discrepancy, "
        "2024"
    )
    url = "https://arxiv.org/abs/2405.14800"
    idea = "Shorten the caption; only where the model learnt picture and caption together does its error grow much."
    member_is = "higher"
    assumes = "the predicted noise of a text-to-image network, and the caption the picture was trained with"
    suits = "models that take captions"
    needs_caption = True

    @dataclass(frozen=True)
    class Params(Params):
        t: int = parameter(450, "middle one of the noise levels", 1, 990, 1)
        spacing: int = parameter(10, "distance of the noise levels", 1, 100, 1)
        draws: int = parameter(3, "noise levels, each with its own noise", 1, 16, 1)
        reduce: str = parameter("thirds", "how the caption is shortened", choices=("thirds", "clip"))
        combine: str = parameter(
            "relative", "how D and L become one number", choices=("relative", "sum", "gap", "loss", "robust")
        )
        alpha: float = parameter(0.4, "weight of D in sum and robust", 0.0, 1.0, 0.05)
        d_scale: float = parameter(1.0, "sum: what D is divided by", 1e-9, 1e9)
        l_scale: float = parameter(1.0, "sum: what L is divided by", 1e-9, 1e9)

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.levels[0] < 0:
                raise ValueError("t, draws and spacing together reach below level 0; raise t or lower the others.")

        @property
        def levels(self) -> list[int]:
            """The noise levels, t in their middle (rounded down where their number is even)."""
            first = self.t - (self.draws - 1) * self.spacing // 2
            return [first + i * self.spacing for i in range(self.draws)]

    def evaluations(self, params: Params) -> int:
        return params.draws * (1 + REDUCTIONS)

    def deepest(self, params: Params) -> int:
        return params.levels[-1]

    def matched(self, params: Params, level: Callable[[int], int]) -> Params:
        first, last = level(params.levels[0]), level(params.levels[-1])
        return bounded(params, t=level(params.t), spacing=(last - first) // max(1, params.draws - 1))

    def unusable(self, target: Target) -> str:
        if target.takes != "caption":
            return "This model takes no captions, so there is nothing to shorten."
        return ""

    def collect(self, probe: Probe, params: Params) -> Evidence:
        shorter = zip(*(reduced(caption, params.reduce) for caption in probe.captions), strict=True)
        told = [None, *shorter]
        noised = [probe.noised(t, draw) for draw, t in enumerate(params.levels)]
        observed = stack(probe.predict_all([state.told(captions) for captions in told for state in noised]))
        expected = stack([probe.noise(draw) for draw in range(params.draws)] * len(told))
        names = ("full caption", *(f"shortened caption {i + 1}" for i in range(REDUCTIONS - 1)), "no caption")
        labels = tuple(f"{name}, t = {t}" for name in names for t in params.levels)
        return Evidence(observed, expected, labels, tuple(params.levels) * len(told), "noise")

    def parts(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> tuple[Tensor, Tensor]:
        """(D, L): the mean gap over shortened captions, and minus the loss under the full one; each (N,) float64."""
        losses = sum_squares(chosen.apply(evidence.residual)) / evidence.observed[0, 0].numel()
        losses = losses.unflatten(1, (1 + REDUCTIONS, params.draws)).mean(dim=2)
        return (losses[:, 1:] - losses[:, :1]).mean(dim=1), -losses[:, 0]

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        gap, loss = self.parts(evidence, params, chosen)
        if params.combine == "robust":
            raise ValueError("Robust scaling needs other pictures to scale by: only evaluate offers combine=robust.")
        if params.combine == "sum":
            return params.alpha * gap / params.d_scale + (1 - params.alpha) * loss / params.l_scale
        if params.combine == "relative":
            return gap / (-loss).clamp(min=1e-300)
        return gap if params.combine == "gap" else loss
