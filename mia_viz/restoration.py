"""Restoring degraded pictures with the target's own prior, without training.

Masks are filled in as by RePaint (Lugmayr et al. 2022, arXiv 2201.09865): at every level the known pixels, noised to
that level, replace the network's, and each move is repeated after jumping back up (resampling) so that both halves
agree. Linear degradations are solved by null-space projection as in DDNM (Wang et al. 2022, arXiv 2212.00490):
x0_hat <- A+ y + (I - A+ A) x0_hat. Every such walk starts from pure noise, so nothing of the hidden part can leak in.
Denoising is the exception: there the picture noised to a level is itself the degraded input, and a deterministic DDIM
walk (Song et al. 2021, eq. 12) leads it back. What that noise leaves visible is in the start, as it should be.
For latent models the hidden part is chosen in the picture, on whole cells of the latent grid, and the picture is
encoded anew with that part painted over: an encoder looks beyond a cell, and would carry hidden pixels to visible ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mia_viz.diffusion import CLEAN, noised, predicted_x0
from mia_viz.frequency import patch_laplacian
from mia_viz.grid import on_grid
from mia_viz.probe import Probe

MASK_TASKS = ("centre", "blocks", "salient")
LINEAR_TASKS = ("sr2", "sr4", "colour")
NOISE_TASK = "denoise"
TASKS = (*MASK_TASKS, *LINEAR_TASKS, NOISE_TASK)
NOISE_LEVEL = 300
"""The timestep a picture is noised to unless another is asked for: coarse shapes stay, detail is gone."""
NOISE_BYTES = 256 * 2**20
FIRST_DRAW = 1000
"""Draw numbers below this belong to attacks that noise an image once; restorations count up from here."""


@dataclass(frozen=True)
class Task:
    """One degradation of a batch.

    hidden: for masks, the hidden pixels (N, 1, H, W) of 0 and 1. level: for denoising, the timestep noised to.
    visible: x_0 of the pictures without their hidden part, (N, C, H, W), where a latent model makes that another.
    """

    name: str
    hidden: Tensor | None = None
    level: int | None = None
    visible: Tensor | None = None

    def known(self, images: Tensor, rows: slice = slice(None)) -> Tensor:
        """A+ A x: what of the images a mask or linear degradation lets through, (n, C, H, W)."""
        if self.hidden is not None:
            return (images if self.visible is None else self.visible[rows]) * (1 - self.hidden[rows])
        if self.name == "colour":
            return images.mean(dim=1, keepdim=True).expand_as(images)
        factor = int(self.name.removeprefix("sr"))
        return functional.interpolate(functional.avg_pool2d(images, factor), scale_factor=factor, mode="nearest")


def build_task(
    name: str,
    x_0: Tensor,
    ratio: float,
    seed: int,
    keys: Sequence[int],
    index: int,
    level: int = NOISE_LEVEL,
    cell: int = 1,
) -> Task:
    """The named degradation for a batch (N, C, H, W); masks hide about `ratio` of the pixels, in whole cells.

    centre: a square in the middle. blocks: random 8 x 8 blocks (of seed, image and index). salient: the 8 x 8 blocks
    of largest mean absolute Laplacian, standing in for the paper's DINO attention. denoise: noised to `level`.
    """
    if name in LINEAR_TASKS:
        return Task(name)
    if name == NOISE_TASK:
        return Task(name, level=level)
    count, _, height, width = x_0.shape
    if name == "centre":
        hidden = torch.zeros(count, 1, height, width, device=x_0.device)
        rows, columns = (round(side // cell * ratio**0.5) * cell for side in (height, width))
        top, left = ((side - part) // cell // 2 * cell for side, part in ((height, rows), (width, columns)))
        hidden[:, :, top : top + rows, left : left + columns] = 1
        return Task(name, hidden)
    patch = -(-(8 if min(height, width) >= 32 else 4) // cell) * cell
    energy = patch_laplacian(x_0, patch)
    if name == "blocks":
        noise = [np.random.default_rng([seed, FIRST_DRAW - 1, index, key]).random(energy.shape[1:]) for key in keys]
        energy = torch.from_numpy(np.stack(noise)).to(energy)
    flat = energy.flatten(1)
    chosen = torch.zeros_like(flat)
    chosen.scatter_(1, flat.topk(max(1, round(ratio * flat.shape[1])), dim=1).indices, 1.0)
    hidden = functional.interpolate(chosen.view_as(energy)[:, None], scale_factor=patch, mode="nearest")
    return Task(name, functional.pad(hidden, (0, width - hidden.shape[-1], 0, height - hidden.shape[-2])))


def for_latents(task: Task, probe: Probe) -> Task:
    """A degradation of the probe's pictures as one of its latents; raises ValueError for a linear one.

    Hidden pixels are painted over with the mean of the visible ones, per picture and channel, before encoding.
    """
    if task.name in LINEAR_TASKS:
        raise ValueError(f"This model works on latents, where {task.name} is no linear task; leave {task.name} out.")
    if task.hidden is None:
        return task
    seen = 1 - task.hidden
    mean = (probe.pictures * seen).sum(dim=(2, 3), keepdim=True) / seen.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    visible = probe.target.encode(torch.where(task.hidden > 0, mean, probe.pictures))
    return replace(task, hidden=on_grid(task.hidden, probe.target), visible=visible)


def given(probe: Probe, tasks: Sequence[Task]) -> Tensor:
    """The degraded pictures that `restore` starts from, (N, K, C, H, W): 0 where pixels are hidden.

    Denoising is given x_t; of a latent model it is shown decoded.
    """
    parts = []
    for k, task in enumerate(tasks):
        if task.level is None:
            parts.append(task.known(probe.pictures))
        else:
            noise = probe.noise_sequence(FIRST_DRAW + k, 1)[0]
            parts.append(probe.target.decode(noised(probe.x_0, noise, probe.target.schedule.gains(task.level))))
    return torch.stack(parts, dim=1)


def ladder(start: int, levels: int) -> list[int]:
    """`levels` timesteps from start downwards in equal steps, followed by CLEAN."""
    return [*(round(start * (levels - i) / levels) for i in range(levels)), CLEAN]


def restore(probe: Probe, tasks: Sequence[Task], levels: int, start: int, resamplings: int) -> Tensor:
    """Restored pictures of every task, (N, K, C, H, W), unclipped outside what the network clips itself.

    Costs levels * resamplings evaluations per image and task, `levels` where the task is to denoise. Tasks that walk
    the same levels go through the network together; images are taken in groups so that the pre-drawn noise (drawn
    before the walk: no copy from the host inside it) stays small.
    """
    per_image = len(tasks) * (2 * levels * resamplings + 1) * probe.x_0[0].numel() * 4
    group = max(1, min(NOISE_BYTES // per_image, max(1, probe.batch // len(tasks))))
    parts = [
        _restore_group(probe, tasks, slice(i, min(i + group, len(probe))), levels, start, resamplings)
        for i in range(0, len(probe), group)
    ]
    return torch.cat(parts)


def _restore_group(
    probe: Probe, tasks: Sequence[Task], rows: slice, levels: int, start: int, resamplings: int
) -> Tensor:
    """All restorations of some of the images, (n, K, C, H, W); restoration k draws its noise from FIRST_DRAW + k."""
    found: dict[int, Tensor] = {}
    for level in dict.fromkeys(task.level for task in tasks):
        chosen = [k for k, task in enumerate(tasks) if task.level == level]
        draws = [FIRST_DRAW + k for k in chosen]
        if level is None:
            parts = _fill([tasks[k] for k in chosen], probe, draws, rows, ladder(start, levels), resamplings)
        else:
            parts = _denoise(probe, draws, rows, ladder(level, levels))
        found.update(zip(chosen, parts, strict=True))
    return torch.stack([found[k] for k in range(len(tasks))], dim=1)


def _denoise(probe: Probe, draws: Sequence[int], rows: slice, timesteps: list[int]) -> Tensor:
    """Some of the images noised to timesteps[0] and led back by DDIM, (len(draws), n, C, H, W)."""
    gains, bounds = probe.target.schedule.gains, probe.target.x0_range
    told = probe.condition(rows=rows)
    condition = None if told is None else told.tiled(len(draws))
    noise = torch.stack([probe.noise_sequence(draw, 1, rows)[0] for draw in draws])
    x = noised(probe.x_0[rows], noise, gains(timesteps[0]))
    for here, there in itertools.pairwise(timesteps):
        (alpha, sigma), (alpha_to, sigma_to) = gains(here), gains(there)
        x0_hat = predicted_x0(x, probe.ask(x.flatten(0, 1), here, condition).view_as(x), (alpha, sigma))
        x0_hat = x0_hat if bounds is None else x0_hat.clamp(*bounds)
        x = alpha_to * x0_hat + sigma_to * (x - alpha * x0_hat) / sigma
    return x


def _fill(
    tasks: Sequence[Task], probe: Probe, draws: Sequence[int], rows: slice, timesteps: list[int], resamplings: int
) -> Tensor:
    """RePaint and DDNM walk of some of the images, (K, n, C, H, W)."""
    moves = list(itertools.pairwise(timesteps))
    count = 2 * len(moves) * resamplings + 1
    noises = torch.stack([probe.noise_sequence(draw, count, rows) for draw in draws], dim=1)
    x_0 = probe.x_0[rows]
    known = torch.stack([task.known(x_0, rows) for task in tasks])  # (K, n, C, H, W)
    hidden = torch.stack([_hidden(task, x_0, rows) for task in tasks])
    gains, bounds = probe.target.schedule.gains, probe.target.x0_range
    told = probe.condition(rows=rows)
    condition = None if told is None else told.tiled(len(tasks))
    x, used = noises[0], 1
    for here, there in moves:
        (alpha, sigma), (alpha_to, sigma_to) = gains(here), gains(there)
        up = alpha / alpha_to
        up_noise = max(0.0, sigma**2 - (up * sigma_to) ** 2) ** 0.5
        for turn in range(resamplings):
            eps_hat = probe.ask(x.flatten(0, 1), here, condition).view_as(x)
            x0_hat = (x - sigma * eps_hat) / alpha
            x0_hat = x0_hat if bounds is None else x0_hat.clamp(*bounds)
            x0_hat = _project(tasks, x0_hat, known)
            # The noise that belongs to the clipped and projected x0_hat, so that the move stays consistent.
            moved = alpha_to * x0_hat + sigma_to * (x - alpha * x0_hat) / sigma
            seen = alpha_to * known + sigma_to * noises[used]
            moved = torch.where(hidden > 0, moved, seen)
            last = turn == resamplings - 1
            x = moved if last else up * moved + up_noise * noises[used + 1]
            used += 2
    return x


def _hidden(task: Task, x_0: Tensor, rows: slice) -> Tensor:
    """Where the network's pixels stay, (n, C, H, W): the hidden region of masks, everywhere for linear tasks."""
    return torch.ones_like(x_0) if task.hidden is None else task.hidden[rows].expand_as(x_0)


def _project(tasks: Sequence[Task], x0_hat: Tensor, known: Tensor) -> Tensor:
    """DDNM's null-space projection for linear tasks; masks are handled by blending and pass unchanged."""
    if all(task.hidden is not None for task in tasks):
        return x0_hat
    parts = [
        x if task.hidden is not None else seen + x - task.known(x)
        for task, x, seen in zip(tasks, x0_hat, known, strict=True)
    ]
    return torch.stack(parts)
