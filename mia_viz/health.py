"""Does an opened model behave as a denoiser should? Losses over the noise levels, a clean picture, a sample.

A wrong guess about a model (its range, its schedule, what it predicts) gives numbers that look like any others. Three
things would give it away. The denoising loss mean (eps - eps_hat)^2 falls from about 1 towards 0 as noise grows, and a
trained network stays near or below the best linear filter for pictures of the same power spectrum P (Wiener):

    loss_t = mean over frequencies of alpha_t^2 P / (alpha_t^2 P + sigma_t^2)

which is 0 where nothing but noise is left, whatever the pictures are. In a clean picture hardly any noise is found. And
a sample drawn by DDIM (Song et al. 2021, eq. 12) stays in the pictures' range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mia_viz.diffusion import CLEAN, ddim_move, predicted_x0
from mia_viz.probe import Probe, Progress
from mia_viz.targets.errors import TargetError
from mia_viz.targets.target import Target

LEVELS = 8
SAMPLE_STEPS = 50
SYNTHETIC = 4
SLOPE = -1.0
"""Exponent of amplitude over frequency of synthetic pictures; about that of natural ones."""
FAINTEST_SIGNAL = 1e-3
NOISE_ONLY = 0.1
"""Expected loss below which a level counts as nearly pure noise."""
MISSED, WORSE, FACTOR = 0.5, 0.1, 1.5
"""Loss too high at such a level; loss above the filter's that counts, absolutely and as a factor."""
CLEAN_MOST = 1.5
DARKEST = -0.1


@dataclass(frozen=True)
class LevelLoss:
    """One noise level: share of signal power, mean loss per value over the pictures, and the linear filter's."""

    level: int
    abar: float
    loss: float
    expected: float


@dataclass(frozen=True, eq=False)
class Health:
    """What the check measured.

    levels: from little noise to much. clean_rms: root mean square of eps_hat at level 0 for the clean pictures.
    sample: one drawn picture (C, H, W), unclipped, about [-1, 1]; None where none was drawn. problems: sentences about
    what does not fit; none when all is well. told: the caption or class the model was told, None where it takes none.
    """

    levels: tuple[LevelLoss, ...]
    clean_rms: float
    sample: np.ndarray | None
    problems: tuple[str, ...]
    pictures: int
    told: str | None = None

    @property
    def sentence(self) -> str:
        """The finding in words."""
        if self.problems:
            return "Something does not fit, so scores of this model should not be trusted yet."
        return "The model removes noise as a trained one should."


def check_health(
    target: Target,
    pictures: Tensor | None = None,
    captions: Sequence[str] | None = None,
    seed: int = 0,
    draw_sample: bool = True,
    progress: Progress | None = None,
    tell: Callable[[Health], None] = lambda so_far: None,
) -> Health:
    """Ask a target about pictures (N, *picture_shape) in [-1, 1], by default SYNTHETIC made-up ones.

    captions: one per picture, for models that take them; by default empty ones, or class 0 where a class is a must.
    tell: hears what has been measured so far after every level, with clean_rms not a number until that is known.
    Costs LEVELS + 1 evaluations per picture and SAMPLE_STEPS for the sample. Raises TargetError.
    """
    given = pictures is not None
    if pictures is None:
        pictures = synthetic(target.picture_shape)
    told = list(captions) if captions is not None else [neutral_caption(target)] * len(pictures)
    steps = np.unique(np.linspace(0, target.schedule.steps - 1, LEVELS).round().astype(int))
    if progress is not None:
        progress.expected = (len(steps) + 1) * len(pictures) + draw_sample * len(sample_levels(target))
    probe = Probe.of(target, pictures, seed=seed, captions=told, progress=progress)
    power, levels = spectrum(probe.x_0), []
    found = Health((), float("nan"), None, (), len(pictures), told[0] if target.takes else None)
    for level in steps.tolist():
        levels.append(_at_level(probe, level, power))
        found = replace(found, levels=tuple(levels))
        tell(found)
    found = replace(found, clean_rms=float(probe.predict(probe.clean()).square().mean().sqrt()))
    tell(found)
    sample = drawn(probe) if draw_sample else None
    problems = tuple(_problems(target, levels, found.clean_rms, sample, given))
    return replace(found, sample=sample, problems=problems)


@torch.no_grad()
def _at_level(probe: Probe, level: int, power: Tensor) -> LevelLoss:
    """What the model and the best linear filter lose at one level."""
    loss = float((probe.predict(probe.noised(level)) - probe.noise(0)).square().mean())
    alpha, sigma = probe.target.schedule.gains(level)
    return LevelLoss(level, alpha**2 / (alpha**2 + sigma**2), loss, linear_loss(power, alpha, sigma))


def neutral_caption(target: Target) -> str:
    """An empty caption, or class 0 for models that must be told a class."""
    try:
        target.condition([""])
    except TargetError:
        return "0"
    return ""


def synthetic(shape: tuple[int, int, int], count: int = SYNTHETIC) -> Tensor:
    """Made-up pictures (count, *shape) in [-1, 1]: noise whose amplitude falls with frequency, free of fine grain."""
    rng = np.random.default_rng(0)
    height, width = shape[1:]
    radius = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.fftfreq(width)[None, :] * width)
    gain = np.maximum(radius, 1) ** SLOPE
    grey = np.fft.ifft2(np.fft.fft2(rng.standard_normal((count, 1, height, width))) * gain).real
    grey /= 2.5 * grey.std(axis=(2, 3), keepdims=True)
    return torch.from_numpy(np.repeat(np.clip(grey, -1, 1), shape[0], axis=1).astype(np.float32))


def spectrum(x: Tensor) -> Tensor:
    """Mean power of every frequency and channel of (N, C, H, W), (C, H, W) float64; 1 throughout for white noise."""
    return torch.fft.fft2(x.double()).abs().square().mean(dim=0) / (x.shape[2] * x.shape[3])


def linear_loss(power: Tensor, alpha: float, sigma: float) -> float:
    """Loss per value of the best linear filter at gains (alpha, sigma) for pictures of this power; see the module."""
    signal = alpha**2 * power
    return float((signal / (signal + sigma**2 + 1e-30)).mean())


def sample_levels(target: Target, steps: int = SAMPLE_STEPS) -> list[int]:
    """The levels a sample is drawn through, from the noisiest that still holds some signal down to 0."""
    usable = int((target.schedule.alpha > FAINTEST_SIGNAL).sum()) - 1
    return np.unique(np.linspace(0, usable, steps).round().astype(int))[::-1].tolist()


@torch.no_grad()
def drawn(probe: Probe, steps: int = SAMPLE_STEPS) -> np.ndarray:
    """One picture (C, H, W) drawn from noise by deterministic DDIM, float32; x0_hat kept in the target's range."""
    target, levels = probe.target, sample_levels(probe.target, steps)
    condition = probe.condition(rows=slice(0, 1))
    x = probe.noise(1)[:1]
    for here, there in zip(levels, [*levels[1:], CLEAN], strict=True):
        gains = target.schedule.gains(here)
        eps_hat = probe.ask(x, here, condition)
        if target.x0_range is not None:
            x_0 = predicted_x0(x, eps_hat, gains).clamp(*target.x0_range)
            eps_hat = (x - gains[0] * x_0) / max(gains[1], 1e-12)
        x = ddim_move(x, eps_hat, gains, target.schedule.gains(there))
    return target.decode(x)[0].float().cpu().numpy()


def _problems(
    target: Target, levels: Sequence[LevelLoss], clean: float, sample: np.ndarray | None, given: bool
) -> list[str]:
    """Sentences about what a trained model would not do. Losses on made-up pictures are judged at pure noise only."""
    found = []
    if not all(np.isfinite([level.loss for level in levels])):
        return ["The model answers with numbers that are not finite."]
    noisiest = levels[-1]
    if noisiest.expected < NOISE_ONLY and noisiest.loss > MISSED:
        found.append(
            f"In almost pure noise (level {noisiest.level}) the model misses the noise itself "
            f"(loss {noisiest.loss:.2f}, where 0 is right): what it predicts, or its schedule, is not what was assumed."
        )
    elif given:
        mean, filtered = (float(np.mean([getattr(level, k) for level in levels])) for k in ("loss", "expected"))
        if mean > max(FACTOR * filtered, filtered + WORSE):
            found.append(
                f"On the pictures given the model does worse than a plain filter (loss {mean:.2f} against "
                f"{filtered:.2f}): it was trained on other pictures, another range, or hardly at all."
            )
    if clean > CLEAN_MOST:
        found.append(f"In a clean picture the model finds more noise than any picture holds ({clean:.2f}, at most 1).")
    if sample is not None and not np.isfinite(sample).all():
        found.append("The sampled picture has values that are not finite.")
    elif sample is not None and target.space == "pixel" and sample.min() > DARKEST:
        found.append("The sampled picture has nothing dark: the model may know pictures from 0 to 1, not -1 to 1.")
    return found
