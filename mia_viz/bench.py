"""What attacks cost: evaluations, time per picture, and what they add to the bare network.

An attack's overhead is its time over the time the same network calls (as many, of the same batch sizes) take
by themselves. Both are measured in turns in one run, so that a busy or warming machine touches both alike.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mia_viz.analysis import Plan, run
from mia_viz.probe import Probe
from mia_viz.targets.target import Condition, Target, Wrapper

BARE_CALLS = 4
"""Bare calls of one batch size timed in every repeat; their mean is scaled to the number the attack made."""


@dataclass(frozen=True)
class Job:
    """What is timed as one: plans that share the answers of one probe. An attack, or the rows of a published entry."""

    name: str
    plans: tuple[Plan, ...]

    def run(self, probe: Probe) -> None:
        """All plans, one after another."""
        for chosen in self.plans:
            run(probe, chosen)


def jobs_of(plans: Sequence[Plan]) -> list[Job]:
    """One job per plan: no answers are shared between attacks."""
    return [Job(chosen.attack.name, (chosen,)) for chosen in plans]


@dataclass(frozen=True)
class Cost:
    """What one job costs per picture, medians over repeats.

    attack: its name. nfe: denoiser evaluations. wall, cpu: seconds; cpu sums over threads. bare: wall seconds of the
    same network calls alone. overhead: share of time on top of them, 0.05 = 5 %; in CPU time on a CPU, where other
    programs distort wall time, and in wall time on an accelerator.
    """

    attack: str
    nfe: float
    wall: float
    cpu: float
    bare: float
    overhead: float


@dataclass(frozen=True)
class Timing:
    """Seconds of one call of something."""

    wall: float
    cpu: float


class Call(NamedTuple):
    """One network call: images in the batch, and whether gradients were asked for."""

    size: int
    backward: bool = False


class CallCounter(Wrapper):
    """A target that notes every network call and passes it on."""

    def __init__(self, inner: Target) -> None:
        super().__init__(inner)
        self.calls: Counter[Call] = Counter()

    @property
    def has_gradients(self) -> bool:
        return self.inner.has_gradients

    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition: Condition | None = None) -> Tensor:
        self.calls[Call(len(x_t))] += 1
        return super().predict_noise(x_t, timesteps, condition)

    def loss_gradients(
        self, x_t: Tensor, timesteps: Tensor, eps: Tensor, condition: Condition | None = None
    ) -> tuple[Tensor, Tensor]:
        self.calls[Call(len(x_t), backward=True)] += 1
        told = () if condition is None else (condition,)
        return self.inner.loss_gradients(x_t, timesteps, eps, *told)


def measure(
    target: Target,
    jobs: Sequence[Job],
    pictures: int,
    repeats: int = 5,
    seed: int = 0,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Cost]:
    """Cost of every job on a batch of `pictures` random pictures."""
    generator = torch.Generator().manual_seed(seed)
    x_0 = torch.rand((pictures, *target.shape), generator=generator).to(target.device) * 2 - 1
    calls = [network_calls(target, job, x_0) for job in jobs]  # also warms everything up
    runs: list[list[Timing]] = [[] for _ in jobs]
    bare: list[list[Timing]] = [[] for _ in jobs]
    for repeat in range(repeats):
        for i, job in enumerate(jobs):
            runs[i].append(timed(lambda job=job: job.run(Probe(target, x_0)), target.device))
            bare[i].append(bare_network(target, calls[i], x_0))
            report(repeat * len(jobs) + i + 1, repeats * len(jobs))
    return [_cost(job, calls[i], runs[i], bare[i], x_0) for i, job in enumerate(jobs)]


def _cost(job: Job, calls: Counter[Call], runs: list[Timing], bare: list[Timing], x_0: Tensor) -> Cost:
    clock = "cpu" if x_0.device.type == "cpu" else "wall"
    shares = [getattr(t, clock) / max(1e-9, getattr(alone, clock)) for t, alone in zip(runs, bare, strict=True)]
    return Cost(
        job.name,
        sum(call.size * count for call, count in calls.items()) / len(x_0),
        statistics.median(timing.wall for timing in runs) / len(x_0),
        statistics.median(timing.cpu for timing in runs) / len(x_0),
        statistics.median(timing.wall for timing in bare) / len(x_0),
        statistics.median(shares) - 1,
    )


def network_calls(target: Target, job: Job, x_0: Tensor) -> Counter[Call]:
    """How many network calls of which kind a job makes."""
    counter = CallCounter(target)
    job.run(Probe(counter, x_0))
    return counter.calls


@torch.no_grad()
def bare_network(target: Target, calls: Counter[Call], x_0: Tensor) -> Timing:
    """Time of these network calls and nothing else."""
    wall = cpu = 0.0
    for (size, backward), count in calls.items():
        x_t = x_0.repeat(-(-size // len(x_0)), 1, 1, 1)[:size]
        timesteps = torch.full((size,), min(100, target.schedule.steps - 1), device=target.device)
        told = (target.condition([""] * size),) if target.takes else ()
        tried = min(count, BARE_CALLS)
        work = target.loss_gradients if backward else target.predict_noise
        asked = (x_t, timesteps, x_t, *told) if backward else (x_t, timesteps, *told)

        def ask(question: tuple = asked, tried: int = tried, work: Callable = work) -> None:
            for _ in range(tried):
                work(*question)

        taken = timed(ask, target.device)
        wall, cpu = wall + taken.wall * count / tried, cpu + taken.cpu * count / tried
    return Timing(wall, cpu)


def timed(work: Callable[[], object], device: torch.device) -> Timing:
    """Wall and CPU time of one call, the accelerator's queue emptied before and after."""
    _finish(device)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    _finish(device)
    return Timing(time.perf_counter() - wall, time.process_time() - cpu)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
