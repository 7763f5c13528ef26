"""Radial frequency tools: bands, filters, spectra and patch masks.

Frequencies are measured either in *bins* (cycles per picture: the distance to DC on the FFT grid, as FreMIA's r_t) or
as a share of Nyquist (1 = the finest stripes a picture can hold along an axis; corners reach sqrt 2). Filters are
real, non-negative masks on the unshifted FFT grid and act per channel. A filter F is linear, so F(a) - F(b) = F(a - b).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

BANDS = 32
"""Rings of equal width from DC to the corner in which spectra are stored."""

THIRDS = (("low", 0.0, 0.1), ("mid", 0.1, 0.4), ("high", 0.4, 1.5))
"""The three bands shown to people, as shares of Nyquist; the finest ring includes the corners."""


@lru_cache(maxsize=32)
def radius(height: int, width: int) -> Tensor:
    """Distance of every FFT bin to DC as a share of Nyquist, (H, W) float64, unshifted."""
    rows = torch.fft.fftfreq(height, dtype=torch.float64) * 2
    columns = torch.fft.fftfreq(width, dtype=torch.float64) * 2
    return torch.hypot(rows[:, None], columns[None, :])


def radius_bins(height: int, width: int) -> Tensor:
    """Distance of every FFT bin to DC in cycles per picture, (H, W) float64, unshifted."""
    rows = torch.fft.fftfreq(height, dtype=torch.float64) * height
    columns = torch.fft.fftfreq(width, dtype=torch.float64) * width
    return torch.hypot(rows[:, None], columns[None, :])


@dataclass(frozen=True)
class Filter:
    """A radial frequency filter.

    kind: "none", "lowpass" (FreMIA: 1 up to `r` bins, `s` beyond; arXiv 2505.20955, eq. 9) or "band" (1 between the
    Nyquist shares `lo` and `hi`). shape: for lowpass "disc" (the paper) or "square" (the published code: rows and
    columns c-r to c+r-1, real part of the inverse transform); for band "ideal", "gaussian" or "butterworth".
    """

    kind: str = "none"
    r: float = 5.0
    s: float = 0.2
    lo: float = 0.0
    hi: float = 1.5
    shape: str = ""

    def __post_init__(self) -> None:
        shapes = {
            "none": ("",),
            "lowpass": ("", "disc", "square"),
            "band": ("", "ideal", "gaussian", "butterworth"),
        }
        if self.kind not in shapes:
            raise ValueError(f'There is no filter called "{self.kind}"; choose none, lowpass or band.')
        if self.shape not in shapes[self.kind]:
            raise ValueError(f"A {self.kind} filter has the shapes {', '.join(shapes[self.kind][1:])}.")
        if not 0 <= self.s <= 1 or not self.r >= 0:
            raise ValueError("A low-pass filter needs r of at least 0 and s between 0 and 1.")
        if not 0 <= self.lo < self.hi:
            raise ValueError("A band filter needs 0 <= lo < hi, as shares of the Nyquist frequency.")

    @classmethod
    def parse(cls, text: str) -> Filter:
        """From "none", "lowpass:r=5,s=0.2[,shape=square]" or "band:lo=0.15,hi=0.85[,shape=gaussian]"."""
        kind, _, rest = text.strip().partition(":")
        allowed = {"none": (), "lowpass": ("r", "s", "shape"), "band": ("lo", "hi", "shape")}
        values: dict[str, str | float] = {}
        for item in filter(None, rest.split(",")):
            key, equals, value = item.partition("=")
            key = key.strip()
            if not equals or key not in allowed.get(kind, ()):
                raise ValueError(f'"{item}" is not a setting of the {kind} filter.')
            try:
                values[key] = value.strip() if key == "shape" else float(value)
            except ValueError:
                raise ValueError(f'"{value}" is not a number, but {key} of the {kind} filter needs one.') from None
        return cls(kind, **values)

    def __str__(self) -> str:
        if self.kind == "none":
            return "none"
        names = ("r", "s") if self.kind == "lowpass" else ("lo", "hi")
        numbers = ",".join(f"{name}={_exact(getattr(self, name))}" for name in names)
        return f"{self.kind}:{numbers}" + (f",shape={self.shape}" if self.shape else "")

    def mask(self, height: int, width: int) -> Tensor:
        """Gain of every FFT bin, (H, W) float64, unshifted and symmetric under point reflection."""
        if self.kind == "none":
            return torch.ones(height, width, dtype=torch.float64)
        if self.kind == "lowpass":
            return self._lowpass(height, width)
        return self._band(radius(height, width))

    def _lowpass(self, height: int, width: int) -> Tensor:
        if self.shape != "square":
            inside = radius_bins(height, width) <= self.r
            return torch.full(inside.shape, self.s, dtype=torch.float64).masked_fill(inside, 1.0)
        rows = torch.fft.fftfreq(height, dtype=torch.float64) * height
        columns = torch.fft.fftfreq(width, dtype=torch.float64) * width
        side = [(axis >= -self.r) & (axis < self.r) for axis in (rows, columns)]
        inside = side[0][:, None] & side[1][None, :]
        mask = torch.full(inside.shape, self.s, dtype=torch.float64).masked_fill(inside, 1.0)
        # The published square is shifted by one bin, hence not symmetric; taking the real part of the inverse
        # transform, as that code does, equals averaging the mask with its point reflection.
        return (mask + torch.roll(mask.flip(0, 1), (1, 1), (0, 1))) / 2

    def _band(self, rho: Tensor) -> Tensor:
        if self.shape == "gaussian":
            # Edges sit where each flank has fallen to one half, as the ideal band's edges do.
            return _soft_step(rho, self.hi, "gaussian") * (1 - _soft_step(rho, self.lo, "gaussian"))
        if self.shape == "butterworth":
            return _soft_step(rho, self.hi, "butterworth") * (1 - _soft_step(rho, self.lo, "butterworth"))
        return ((rho >= self.lo) & (rho < self.hi)).double()

    def apply(self, images: Tensor) -> Tensor:
        """Filtered images (..., H, W), same dtype and device; the identity for "none"."""
        if self.kind == "none":
            return images
        height, width = images.shape[-2:]
        half = self.mask(height, width)[:, : width // 2 + 1].to(images.device, images.dtype)
        return torch.fft.irfft2(torch.fft.rfft2(images) * half, s=(height, width))


def _exact(number: float) -> str:
    """The shortest text that reads back as the same number, so that no two filters share a name."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def _soft_step(rho: Tensor, edge: float, kind: str) -> Tensor:
    """A smooth low-pass that is one half at `edge` (0 everywhere for edge 0)."""
    if edge <= 0:
        return torch.zeros_like(rho)
    if kind == "gaussian":
        return torch.exp(-torch.log(torch.tensor(2.0, dtype=rho.dtype)) * (rho / edge).square())
    return 1 / (1 + (rho / edge) ** 8)  # Butterworth of order 4


NONE = Filter()
FREMIA = Filter("lowpass", r=5, s=0.2)


@lru_cache(maxsize=32)
def ring_index(height: int, width: int, bands: int = BANDS) -> Tensor:
    """The ring (0..bands-1) of every FFT bin, (H, W) int64: equal widths from DC to the corner."""
    rho = radius(height, width)
    return (rho / (rho.max() + 1e-12) * bands).long().clamp(max=bands - 1)


def ring_centres(height: int, width: int, bands: int = BANDS) -> Tensor:
    """Middle of every ring as a share of Nyquist, (bands,) float64."""
    return (torch.arange(bands, dtype=torch.float64) + 0.5) * float(radius(height, width).max()) / bands


def radial_energy(images: Tensor, bands: int = BANDS) -> Tensor:
    """Energy of images per ring, summed over channels: (..., C, H, W) -> (..., bands) float64.

    By Parseval the rings add up to the squared L2 norm of the image, so a squared-L2 distance under any radial
    filter is a weighted sum of them (exact where the filter is constant on each ring).
    """
    height, width = images.shape[-2:]
    power = torch.fft.fft2(images.double()).abs().square().sum(dim=-3) / (height * width)
    flat = power.flatten(-2)
    index = ring_index(height, width, bands).flatten().to(flat.device).expand(flat.shape)
    return torch.zeros(*flat.shape[:-1], bands, dtype=torch.float64, device=flat.device).scatter_add_(-1, index, flat)


def ring_gains(chosen: Filter, height: int, width: int, bands: int = BANDS) -> Tensor:
    """Mean squared gain of a filter on every ring, (bands,) float64: the weights for `radial_energy`."""
    squared = chosen.mask(height, width).square().flatten()
    index = ring_index(height, width, bands).flatten()
    total = torch.zeros(bands, dtype=torch.float64).scatter_add_(0, index, squared)
    return total / torch.bincount(index, minlength=bands).clamp(min=1)


def spectrum(images: Tensor) -> Tensor:
    """log10 power spectrum with DC in the middle, (..., H, W) float64, averaged over channels."""
    height, width = images.shape[-2:]
    power = torch.fft.fft2(images.double()).abs().square().mean(dim=-3) / (height * width)
    return torch.fft.fftshift(power.clamp(min=1e-8).log10(), dim=(-2, -1))


def patch_laplacian(images: Tensor, patch: int = 8) -> Tensor:
    """Mean absolute Laplacian of every patch of the luminance, (N, C, H, W) -> (N, H/patch, W/patch).

    The 3x3 four-neighbour Laplacian with replicated borders. Sides that are no multiple of the patch are cut.
    """
    grey = images.mean(dim=1, keepdim=True) if images.shape[1] != 3 else _luminance(images)
    padded = functional.pad(grey, (1, 1, 1, 1), mode="replicate")
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]], device=grey.device, dtype=grey.dtype)
    laplacian = functional.conv2d(padded, kernel[None, None])
    return functional.avg_pool2d(laplacian.abs(), patch)[:, 0]


def _luminance(images: Tensor) -> Tensor:
    red, green, blue = images.split(1, dim=1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def patch_mask(images: Tensor, lo: float = 0.15, hi: float = 0.85, patch: int = 8) -> Tensor:
    """FCRE's mid-frequency mask: patches of middling Laplacian, (N, C, H, W) -> (N, 1, H, W) of 0 and 1.

    A patch is kept when its score lies above the image's own lo-quantile and not above its hi-quantile; the strict
    lower edge drops patches with no texture at all (arXiv 2506.14919 as read in a third-party extraction).
    """
    score = patch_laplacian(images, patch)
    flat = score.flatten(1)
    low = torch.quantile(flat, lo, dim=1)[:, None, None]
    high = torch.quantile(flat, hi, dim=1)[:, None, None]
    kept = ((score > low) & (score <= high)).to(images.dtype)
    return functional.interpolate(kept[:, None], size=images.shape[-2:], mode="nearest")
