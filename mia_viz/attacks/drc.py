"""DRC: degrade, restore, compare ("Model Will Tell", Fu X. et al. 2024, arXiv 2403.08487).

Part of the picture is hidden, the model fills it in several times, and what it filled in is compared with the truth;
the restored picture is evidence a person can read. Known of the paper: masking of important regions, several tasks,
aggregation by mean, median or the number of agreeing tasks, a best degradation strength (ratios .1 to .5). Deviations,
because its encoders are not at hand: the salient region is found by Laplacian energy instead of DINO attention, and
the comparison is the correlation inside the hidden region instead of a cosine of CLIP embeddings (which the copied,
visible part would dilute). Beside the masks there are restorations of a smaller, a grey or a noised picture; the last
is compared everywhere, for no pixel is spared, and what the noise leaves visible belongs to the degraded input. With a
latent model the restored latents are decoded and compared as pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mia_viz.attacks.attack import Attack, Evidence, Params, bounded, decoded, parameter, register, stack
from mia_viz.frequency import NONE, Filter
from mia_viz.grid import cell_size
from mia_viz.probe import Probe
from mia_viz.restoration import LINEAR_TASKS, NOISE_LEVEL, NOISE_TASK, TASKS, Task, build_task, for_latents, restore
from mia_viz.scoring import correlation, masked_rms, ssim_map
from mia_viz.targets.target import Target


def task_names(text: str) -> tuple[str, ...]:
    """The tasks of a "+"-separated list. Raises ValueError for an unknown one."""
    chosen = tuple(part.strip() for part in text.split("+") if part.strip())
    unknown = [name for name in chosen if name not in TASKS]
    if unknown or not chosen:
        raise ValueError(f'"{text}" is not a list of restoration tasks; choose from {"+".join(TASKS)}.')
    return chosen


def turns(params: DRC.Params) -> list[str]:
    """The name of every restoration's task."""
    names = task_names(params.tasks)
    return [names[i % len(names)] for i in range(params.restorations)]


@register
class DRC(Attack):
    name = "drc"
    title = "Degrade, restore, compare"
    paper = "Fu X. et al.: Model Will Tell: Training Membership Inference for Diffusion Models, 2024"
    url = "https://arxiv.org/abs/2403.08487"
    idea = "Hide part of the picture and let the model fill it in; only a model that has seen it knows what was there."
    member_is = "higher"
    suits = (
        "pixel models of at least 8 pixels a side and latent models of at least 4 latents a side; making the picture "
        "smaller or grey suits pixel models only"
    )
    restores = True

    @dataclass(frozen=True)
    class Params(Params):
        tasks: str = parameter("centre+blocks+salient", f"what is hidden or lost, joined by +: {', '.join(TASKS)}")
        restorations: int = parameter(4, "restorations in all, taking turns through the tasks", 1, 15, 1)
        ratio: float = parameter(0.15, "share of the picture hidden", 0.05, 0.6, 0.05)
        levels: int = parameter(20, "noise levels walked", 5, 200, 1)
        start: int = parameter(980, "level of pure noise the walk starts from", 20, 999, 1)
        resamplings: int = parameter(3, "times every move is repeated (never in denoise)", 1, 20, 1)
        level: int = parameter(NOISE_LEVEL, "denoise: timestep the picture is noised to", 5, 950, 1)
        compare: str = parameter(
            "correlation", "likeness inside the hidden part", choices=("correlation", "rms", "ssim")
        )
        aggregate: str = parameter("mean", "how restorations are put together", choices=("mean", "median", "agree"))
        agree_at: float = parameter(0.7, "likeness from which a restoration counts as agreeing", -1.0, 1.0, 0.05)

        def __post_init__(self) -> None:
            super().__post_init__()
            for name in task_names(self.tasks):
                first, top = ("level", self.level) if name == NOISE_TASK else ("start", self.start)
                if top < self.levels:
                    raise ValueError(
                        f"{first} must be at least levels: no more noise levels can be walked than there are."
                    )

    def evaluations(self, params: Params) -> int:
        return sum(params.levels * (1 if name == NOISE_TASK else params.resamplings) for name in turns(params))

    def deepest(self, params: Params) -> int:
        return max(params.level if name == NOISE_TASK else params.start for name in task_names(params.tasks))

    def matched(self, params: Params, level: Callable[[int], int]) -> Params:
        return bounded(params, start=level(params.start), level=level(params.level))

    def unusable(self, target: Target) -> str:
        smallest = 8 if target.space == "pixel" else 4
        small = min(target.shape[1:]) < smallest
        return "This model's pictures are too small to hide a part of them." if small else ""

    def tasks(self, probe: Probe, params: Params) -> list[Task]:
        """The degradations of the pictures in this run, one per restoration."""
        names = task_names(params.tasks)
        if "colour" in names and probe.pictures.shape[1] == 1:
            raise ValueError("A grey picture has no colour to restore; leave the colour task out.")
        for name in names:
            factor = int(name.removeprefix("sr")) if name.startswith("sr") else 1
            if any(side % factor for side in probe.pictures.shape[2:]):
                raise ValueError(f"Sides of this model's pictures are no multiple of {factor}; leave {name} out.")
        settings = (probe.pictures, params.ratio, probe.seed, probe.keys)
        cell = cell_size(probe.target)
        return [build_task(name, *settings, i, params.level, cell) for i, name in enumerate(turns(params))]

    def collect(self, probe: Probe, params: Params) -> Evidence:
        tasks = self.tasks(probe, params)
        walked = tasks if probe.target.space == "pixel" else [for_latents(task, probe) for task in tasks]
        latents = restore(probe, walked, params.levels, params.start, params.resamplings)
        restored = decoded(probe.target, latents)
        whole = torch.ones_like(probe.pictures[:, :1])
        mask = stack([whole if task.hidden is None else task.hidden for task in tasks])
        expected = probe.pictures[:, None].expand_as(restored)
        labels = tuple(task.name for task in tasks)
        starts = tuple(params.start if task.level is None else task.level for task in tasks)
        return Evidence(restored, expected, labels, starts, "picture", mask)

    def likeness(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        """How alike restoration and truth are in the hidden part, per restoration, (N, K) float64, 1 = identical."""
        truth, restored = self._hidden_parts(evidence)
        truth, restored = chosen.apply(truth), chosen.apply(restored)
        if params.compare == "correlation":
            return correlation(truth, restored, evidence.mask)
        if params.compare == "rms":
            return 1 - masked_rms(restored - truth, evidence.mask)
        quality = ssim_map(restored.flatten(0, 1), truth.flatten(0, 1)).view(restored.shape)
        mask = evidence.mask.expand(quality.shape).double()
        return (quality * mask).sum(dim=(2, 3, 4)) / mask.sum(dim=(2, 3, 4))

    def _hidden_parts(self, evidence: Evidence) -> tuple[Tensor, Tensor]:
        """Truth and restoration less what a linear task let through; masks do the same by their region."""
        pairs = []
        for k, name in enumerate(evidence.labels):
            pair = (evidence.expected[:, k], evidence.observed[:, k])
            pairs.append([x - Task(name).known(x) for x in pair] if name in LINEAR_TASKS else pair)
        return stack([truth for truth, _ in pairs]), stack([restored for _, restored in pairs])

    def statistic(self, evidence: Evidence, params: Params, chosen: Filter = NONE) -> Tensor:
        likeness = self.likeness(evidence, params, chosen)
        if params.aggregate == "agree":
            return (likeness > params.agree_at).double().sum(dim=1)
        return likeness.median(dim=1).values if params.aggregate == "median" else likeness.mean(dim=1)
