"""Scoring: filter x distance x reduction, applied to evidence without asking the model again.

Sums run in float64. All functions map residuals or pairs (N, K, C, H, W) to one number per pair, (N, K).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mia_viz.frequency import Filter


def sum_squares(residual: Tensor) -> Tensor:
    """Squared L2 norm per pair, (N, K, C, H, W) -> (N, K) float64."""
    return residual.double().square().sum(dim=(-3, -2, -1))


def sum_fourth(residual: Tensor) -> Tensor:
    """Sum of fourth powers per pair (PIA and SimA: the L4 norm without its root)."""
    return residual.double().square().square().sum(dim=(-3, -2, -1))


def sum_absolute(residual: Tensor) -> Tensor:
    """L1 norm per pair."""
    return residual.double().abs().sum(dim=(-3, -2, -1))


DISTANCES = {"l1": sum_absolute, "l2": sum_squares, "l4": sum_fourth}


def masked_rms(residual: Tensor, mask: Tensor) -> Tensor:
    """Root mean square of a residual where mask is 1; 0 for an empty mask. mask broadcasts to the residual."""
    mask = mask.expand(residual.shape).double()
    total = (residual.double().square() * mask).sum(dim=(-3, -2, -1))
    count = mask.sum(dim=(-3, -2, -1))
    return torch.where(count > 0, total / count.clamp(min=1), torch.zeros_like(total)).sqrt()


def correlation(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Pearson correlation of two pictures inside a mask, (N, K) in [-1, 1]; 0 where either is flat there."""
    mask = mask.expand(a.shape).double()
    count = mask.sum(dim=(-3, -2, -1), keepdim=True).clamp(min=1)
    centred = [(x.double() - (x.double() * mask).sum(dim=(-3, -2, -1), keepdim=True) / count) * mask for x in (a, b)]
    dot = (centred[0] * centred[1]).sum(dim=(-3, -2, -1))
    norm = (sum_squares(centred[0]) * sum_squares(centred[1])).sqrt()
    return torch.where(norm > 1e-12, dot / norm.clamp(min=1e-12), torch.zeros_like(dot))


def ssim_map(a: Tensor, b: Tensor, data_range: float = 2.0) -> Tensor:
    """Structural similarity at every pixel, (B, C, H, W) -> the same shape, float64.

    Wang et al. 2004: Gaussian window 11 x 11, sigma 1.5, K1 = 0.01, K2 = 0.03, borders reflected; equals
    skimage.metrics.structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False).
    """
    offsets = torch.arange(-5, 6, dtype=torch.float64, device=a.device)
    window = torch.exp(-offsets.square() / (2 * 1.5**2))
    window = window / window.sum()

    return _similarity(a, b, window, data_range)


def _similarity(a: Tensor, b: Tensor, window: Tensor, data_range: float, unbiased: float = 1.0) -> Tensor:
    """SSIM at every pixel under a separable window (odd length, float64, sum 1), (B, C, H, W) float64.

    unbiased: what variances are multiplied by, n / (n - 1) for those of a sample of n pixels.
    """
    size = len(window)

    def blur(x: Tensor) -> Tensor:
        channels = x.shape[1]
        # scipy's "reflect" repeats the border pixel, which torch's padding modes do not offer.
        x = _pad_symmetric(x, size // 2)
        x = functional.conv2d(x, window.view(1, 1, size, 1).expand(channels, 1, size, 1), groups=channels)
        return functional.conv2d(x, window.view(1, 1, 1, size).expand(channels, 1, 1, size), groups=channels)

    a, b = a.double(), b.double()
    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = unbiased * (blur(a * a) - mean_a**2), unbiased * (blur(b * b) - mean_b**2)
    cov = unbiased * (blur(a * b) - mean_a * mean_b)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return ((2 * mean_a * mean_b + c1) * (2 * cov + c2)) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))


def _pad_symmetric(x: Tensor, width: int) -> Tensor:
    """Pad (B, C, H, W) by mirroring with the border pixel repeated; works for sides of at least `width`."""
    rows = torch.cat([x[..., :width, :].flip(-2), x, x[..., -width:, :].flip(-2)], dim=-2)
    return torch.cat([rows[..., :width].flip(-1), rows, rows[..., -width:].flip(-1)], dim=-1)


def ssim(a: Tensor, b: Tensor, data_range: float = 2.0) -> Tensor:
    """Mean structural similarity per image, (B, C, H, W) -> (B,) float64; the border of 5 pixels is left out,
    as scikit-image does. Raises ValueError unless both sides exceed 10 pixels."""
    if min(a.shape[-2:]) <= 10:
        raise ValueError("Structural similarity needs pictures of more than 10 pixels a side.")
    return ssim_map(a, b, data_range)[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))


def ssim_grey(a: Tensor, b: Tensor, data_range: float = 2.0) -> Tensor:
    """Mean structural similarity of the grey pictures, (B, C, H, W) -> (B,) float64, under a flat 7 x 7 window.

    Equals skimage.metrics.structural_similarity with its defaults, of skimage.color.rgb2gray where there are three
    channels (of their mean where there are two, or more than three). Raises ValueError unless both sides exceed 6.
    """
    if min(a.shape[-2:]) <= 6:
        raise ValueError("Structural similarity in windows of 7 x 7 needs pictures of more than 6 pixels a side.")
    window = torch.full((7,), 1 / 7, dtype=torch.float64, device=a.device)
    quality = _similarity(_grey(a), _grey(b), window, data_range, 49 / 48)
    return quality[..., 3:-3, 3:-3].mean(dim=(1, 2, 3))


def _grey(images: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 1, H, W) float64; ITU-R BT.709 weights for three channels, as scikit-image has them."""
    if images.shape[1] != 3:
        return images.double().mean(dim=1, keepdim=True)
    weights = torch.tensor([0.2125, 0.7154, 0.0721], dtype=torch.float64, device=images.device)
    return (images.double() * weights.view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def error(residual: Tensor, chosen: Filter, distance: str) -> Tensor:
    """The scoring shared by error-based attacks: filter, distance ("l1", "l2", "l4"), mean over pairs; (N,)."""
    return DISTANCES[distance](chosen.apply(residual)).mean(dim=1)
