"""SMIA: how long does the structure of the picture survive inversion? (Li Q. et al., ACM MM 2024, arXiv 2407.13252)

    z_0 = encode(x_0);   z_T = DDIM inversion of z_0 to T = total in steps of `interval`, under the caption
    score = SSIM(x_0, decode(z_T)),   large = member

What is decoded is the noisy latent, not a denoised one. The first question is asked at level 0. The paper does not say
how its SSIM was taken; here it is the mean over colours, in [0, 1], under the Gaussian 11 x 11 window of Wang et al.
2004, or the grey picture's under a flat 7 x 7 window (scikit-image's default). Guidance is left to the target: the
paper's numbers are the same at every strength. The score follows the texture of the picture and
the losses of the encoder closely: read it only beside its controls (noise instead of the model, encoding alone, twin).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, bounded, decoded, parameter, register, stack
from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe
from mia_viz.scoring import ssim, ssim_grey
from mia_viz.targets.target import Target

SMALLEST = 11


def structure(pictures: Tensor, corrupted: Tensor, window: str) -> Tensor:
    """SSIM (B,) float64 of two batches of pictures (B, C, H, W) in [-1, 1], each brought to [0, 1] first.

    window: "gaussian" (11 x 11, mean over colours) or "grey" (flat 7 x 7 on the grey pictures).
    """
    a, b = (pictures.double() + 1) / 2, (corrupted.double() + 1) / 2
    return ssim_grey(a, b, 1.0) if window == "grey" else ssim(a, b, 1.0)


@register
class SMIA(Attack):
    name = "smia"
    title = "SMIA (structure kept)"
    paper = (
        "Li Q. et al.: Unveiling Structural Memorization: Structural Membership Inference Attack for Text-to-Image "
        "Diffusion Models, 2024"
    )
    url = "https://arxiv.org/abs/2407.13252"
    idea = "Let the model turn the picture into noise step by step; the structure of a known picture holds out longer."
    member_is = "higher"
    assumes = (
        "the predicted noise of the network and its decoder; on a model that works on pixels there is nothing to "
        "decode, and the noisy picture itself is compared, which the paper does not do"
    )
    suits = f"models of pictures of at least {SMALLEST} pixels a side"

    @dataclass(frozen=True)
    class Params(Params):
        total: int = parameter(100, "level the picture is inverted to", 1, 900, 1)
        interval: int = parameter(50, "inversion step", 1, 500, 1)
        window: str = parameter("gaussian", "of the structural similarity", choices=("gaussian", "grey"))

    def stops(self, params: Params) -> list[int]:
        """The levels met after level 0, the last step shortened if need be."""
        return [*range(params.interval, params.total, params.interval), params.total]

    def evaluations(self, params: Params) -> int:
        return len(self.stops(params))

    def deepest(self, params: Params) -> int:
        return params.total

    def matched(self, params: Params, level: Callable[[int], int]) -> Params:
        total = level(params.total)
        return bounded(params, total=total, interval=-(-total // self.evaluations(params)))

    def unusable(self, target: Target) -> str:
        if min(target.picture_shape[1:]) < SMALLEST:
            return f"Structural similarity needs pictures of at least {SMALLEST} pixels a side."
        return ""

    def collect(self, probe: Probe, params: Params) -> Evidence:
        stops = self.stops(params)
        states = probe.walk(probe.clean(), stops)[1:]
        corrupted = decoded(probe.target, stack([state.x for state in states]))
        expected = probe.pictures[:, None].expand_as(corrupted)
        labels = tuple(f"t = {t}" for t in stops)
        return Evidence(corrupted, expected, labels, tuple(stops), "picture")

    def curve(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        """SSIM at every stop, (N, K) float64: how the structure wears away."""
        shape = evidence.observed.shape[:2]
        pair = [chosen.apply(part).flatten(0, 1) for part in (evidence.expected, evidence.observed)]
        return structure(*pair, params.window).view(shape)

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        pair = [chosen.apply(part[:, -1]) for part in (evidence.expected, evidence.observed)]
        return structure(*pair, params.window)
