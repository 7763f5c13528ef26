"""The questions an analysis asks of a target: batched, counted, remembered.

A `State` is a batch of tensors at one noise level together with the story of how it came about; two attacks that tell
the same story share the answer and pay for it once. Questions about several levels and draws are put to the network
in one batch. Noise depends on (seed, draw, image) alone, so the questions about a picture depend on neither batch size,
order nor device. Scores then differ by rounding inside the network alone: see docs/attacks.md.

    probe = Probe(target, x_0)
    x_100 = probe.invert(stop=100, stride=10)        # 10 evaluations
    eps_hat = probe.predict(x_100)                   # 1 more; asking again costs nothing
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mia_viz.diffusion import ddim_move, noised, predicted_x0
from mia_viz.memory import is_out_of_memory
from mia_viz.targets.target import Condition, Target

DEFAULT_BATCH = {"cpu": 16, "cuda": 256}


class Cancelled(Exception):
    """The person asked to stop; raised between two denoiser steps."""


@dataclass(frozen=True)
class State:
    """x of shape (N, C, H, W) at level `timestep`, identified by the `story` of its making.

    The clean image counts as level 0 where a network is asked about it (as published code does); its gains are
    those of level 0. captions: told to a conditional network, one per image; None for the probe's own.
    """

    x: Tensor
    timestep: int
    story: Hashable
    captions: tuple[str, ...] | None = None

    def at(self, timestep: int) -> State:
        """The same tensor shown to the network as if it were of another level (SimA; PIA's first question)."""
        return replace(self, timestep=timestep)

    def told(self, captions: Sequence[str] | None) -> State:
        """The same tensor under other captions (CLiD); None for the probe's own."""
        return replace(self, captions=None if captions is None else tuple(captions))

    @property
    def question(self) -> Hashable:
        """What decides the network's answer."""
        return (self.story, self.timestep, self.captions)


@dataclass
class Progress:
    """Network evaluations (one per image and question) done and expected; set `cancel` to stop at the next one."""

    done: int = 0
    expected: int = 0
    cancel: threading.Event = field(default_factory=threading.Event)
    listener: Callable[[Progress], None] | None = None

    def advance(self, evaluations: int) -> None:
        """Count, tell the listener, and stop here if asked to."""
        self.done += evaluations
        if self.listener is not None:
            self.listener(self)
        self.check()

    def check(self) -> None:
        """Raise Cancelled if asked to stop."""
        if self.cancel.is_set():
            raise Cancelled


def image_keys(x_0: Tensor) -> list[int]:
    """One integer per image from the SHA-256 of its float32 values: the image's name in the noise generator."""
    arrays = x_0.detach().to("cpu", torch.float32).contiguous().numpy()
    return [int.from_bytes(hashlib.sha256(a.tobytes()).digest()[:8], "big") for a in arrays]


class Probe:
    """Asks one target about one batch of images.

    Args:
        target: the model. x_0: (N, C, H, W) in the target's space. seed: of all noise.
        keys: the integers that name the images to the noise generator; by default from their content.
        batch: most images in one network call (halved for good when memory runs out).
        progress: receives every evaluation, so that a screen can follow and cancel.
        captions: of the images, for a target that takes captions or classes; empty ones by default.
        pictures: what x_0 was encoded from; by default x_0 decoded. `Probe.of` takes pictures and encodes them.
    """

    def __init__(
        self,
        target: Target,
        x_0: Tensor,
        seed: int = 0,
        keys: Sequence[int] | None = None,
        batch: int | None = None,
        progress: Progress | None = None,
        captions: Sequence[str] | None = None,
        pictures: Tensor | None = None,
    ) -> None:
        self.target, self.seed = target, seed
        self.x_0 = x_0.to(target.device, torch.float32)
        self.keys = tuple(keys) if keys is not None else tuple(image_keys(x_0))
        if len(self.keys) != len(self.x_0):
            raise ValueError(f"{len(self.keys)} keys were given for {len(self.x_0)} images.")
        self.captions = tuple(captions) if captions is not None and target.takes else ("",) * len(x_0)
        if len(self.captions) != len(self.x_0):
            raise ValueError(f"{len(self.captions)} captions were given for {len(self.x_0)} images.")
        self._pictures = pictures
        self.batch = batch or DEFAULT_BATCH.get(target.device.type, 64)
        self.progress = progress or Progress()
        self.asked = 0
        self._answers: dict[Hashable, Tensor] = {}
        self._noises: dict[int, Tensor] = {}
        self._conditions: dict[tuple[str, ...], Condition | None] = {}

    @classmethod
    def of(cls, target: Target, pictures: Tensor, keys: Sequence[int] | None = None, **others: Any) -> Probe:
        """A probe about pictures (N, *target.picture_shape) in [-1, 1], named by their own content."""
        chosen = keys if keys is not None else image_keys(pictures)
        return cls(target, target.encode(pictures), keys=chosen, pictures=pictures, **others)

    @property
    def pictures(self) -> Tensor:
        """The pictures in question, (N, *target.picture_shape) in [-1, 1], on the target's device."""
        if self._pictures is None:
            self._pictures = self.target.decode(self.x_0)
        self._pictures = self._pictures.to(self.x_0.device, torch.float32)
        return self._pictures

    def condition(self, captions: tuple[str, ...] | None = None, rows: slice = slice(None)) -> Condition | None:
        """What a conditional network is told about some of the images; None for a target that takes nothing."""
        captions = captions or self.captions
        if captions not in self._conditions:
            self._conditions[captions] = self.target.condition(captions) if self.target.takes else None
        found = self._conditions[captions]
        return None if found is None else found.rows(rows)

    def __len__(self) -> int:
        return len(self.x_0)

    @property
    def nfe(self) -> float:
        """Denoiser evaluations per image so far."""
        return self.asked / max(1, len(self.x_0))

    def noise(self, draw: int) -> Tensor:
        """Standard normal noise of one draw, (N, C, H, W) float32: numpy's default_rng([seed, draw, image key])."""
        if draw not in self._noises:
            self._noises[draw] = self.noise_sequence(draw, 1)[0]
        return self._noises[draw]

    def noise_sequence(self, draw: int, count: int, images: slice = slice(None)) -> Tensor:
        """`count` fresh noises of one draw for some of the images, (count, n, C, H, W), in one copy to the device."""
        shape = (count, *self.x_0.shape[1:])
        rows = [np.random.default_rng([self.seed, draw, key]).standard_normal(shape) for key in self.keys[images]]
        return torch.from_numpy(np.stack(rows, axis=1).astype(np.float32)).to(self.x_0.device)

    def clean(self) -> State:
        """x_0 as level 0."""
        return State(self.x_0, 0, "x_0")

    def picture(self, x_0: Tensor, story: Hashable) -> State:
        """Another clean batch in the target's space (a cropped or otherwise changed copy) as level 0."""
        return State(x_0, 0, story)

    def noised(self, timestep: int, draw: int = 0, of: State | None = None, gain: float | None = None) -> State:
        """alpha_t x_0 + sigma_t eps with the noise of one draw; `gain` replaces sigma_t (noise aggregation's 0.1)."""
        base = of or self.clean()
        alpha, sigma = self.target.schedule.gains(timestep)
        x_t = noised(base.x, self.noise(draw), (alpha, sigma if gain is None else gain))
        return State(x_t, timestep, (base.story, "noised", timestep, draw, gain), base.captions)

    def predict(self, state: State) -> Tensor:
        """eps_hat of a state, (N, C, H, W); remembered."""
        return self.predict_all([state])[0]

    def predict_all(self, states: Sequence[State]) -> list[Tensor]:
        """eps_hat of several states, all that is not yet known in as few network calls as the batch size allows."""
        new = {s.question: s for s in states if s.question not in self._answers}
        if new:
            asked = list(new.values())
            x_t = torch.cat([s.x for s in asked]) if len(asked) > 1 else asked[0].x
            told = [self.condition(s.captions) for s in asked]
            condition = None if told[0] is None else Condition.joined(told)
            eps_hat = self.ask(x_t, [s.timestep for s in asked for _ in range(len(s.x))], condition)
            for key, part in zip(new, eps_hat.split([len(s.x) for s in asked]), strict=True):
                self._answers[key] = part
        return [self._answers[s.question] for s in states]

    @torch.no_grad()
    def ask(self, x_t: Tensor, timesteps: Sequence[int] | int, condition: Condition | None = None) -> Tensor:
        """Put a batch to the network without remembering the answer; counted and cancellable per network call.

        x_t: (B, C, H, W); timesteps: one level for all or a list of B; condition: B rows, or None for a target that
        takes none. Splits what exceeds the batch size.
        """
        parts, start = [], 0
        while start < len(x_t):
            self.progress.check()
            part = x_t[start : start + self.batch]
            levels = timesteps if isinstance(timesteps, int) else timesteps[start : start + self.batch]
            told = () if condition is None else (condition.rows(slice(start, start + len(part))),)
            answer = self._answer(part, levels, *told)
            if answer is None:
                continue
            parts.append(answer)
            start += len(part)
            self.asked += len(part) * self.target.passes
            self.progress.advance(len(part))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _answer(self, x_t: Tensor, levels: Sequence[int] | int, *told: Condition) -> Tensor | None:
        """One network call; None where memory ran out, and the batch is then half of what was tried."""
        try:
            return self.target.predict_noise(x_t, self._levels(levels, len(x_t)), *told)
        except (MemoryError, RuntimeError) as error:
            if len(x_t) == 1 or not is_out_of_memory(error):
                raise
        self.batch = len(x_t) // 2  # out here, where the error no longer holds on to what it was about
        torch.cuda.empty_cache()
        return None

    def gradients(self, states: Sequence[State], noises: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """White-box: eps_hat of K states, (N, K, C, H, W), and squared gradient norms per weight tensor, (N, L).

        One forward and backward pass per image over all K states, or over parts where memory is short. The answers
        are remembered, but none is used: a gradient needs the network at work. Hence `mia_viz.analysis.in_turn`.
        """
        timesteps = self._levels([s.timestep for s in states], len(states))
        told = [self.condition(s.captions) for s in states]
        found = []
        for i in range(len(self)):
            self.progress.advance(0)
            x_t, eps = torch.stack([s.x[i] for s in states]), torch.stack([n[i] for n in noises])
            rows = [c.rows(slice(i, i + 1)) for c in told if c is not None]
            extra = (Condition.joined(rows),) if rows else ()
            found.append(self.target.loss_gradients(x_t, timesteps, eps, *extra))
            self.asked += len(states)
            self.progress.advance(len(states))
        eps_hat, norms = (torch.stack(parts) for parts in zip(*found, strict=True))
        if self.target.precision == "float32" and self.target.passes == 1:  # else others get another answer
            self._answers = {s.question: eps_hat[:, k] for k, s in enumerate(states)} | self._answers
        return eps_hat, norms

    def _levels(self, levels: Sequence[int] | int, count: int) -> Tensor:
        """Timesteps (count,) made on the device from runs of equal levels, without a copy from the host."""
        device = self.x_0.device
        if isinstance(levels, int):
            return torch.full((count,), levels, device=device, dtype=torch.long)
        runs: list[list[int]] = []
        for level in levels:
            if runs and runs[-1][0] == level:
                runs[-1][1] += 1
            else:
                runs.append([level, 1])
        return torch.cat([torch.full((n,), level, device=device, dtype=torch.long) for level, n in runs])

    def x0_hat(self, state: State) -> Tensor:
        """The denoised image seen from a state, (N, C, H, W), unclipped."""
        return predicted_x0(state.x, self.predict(state), self.target.schedule.gains(state.timestep))

    def move(self, state: State, timestep: int) -> State:
        """Deterministic DDIM move to another level (up inverts, down denoises); one evaluation at `state`."""
        gains = self.target.schedule.gains
        x = ddim_move(state.x, self.predict(state), gains(state.timestep), gains(timestep))
        return State(x, timestep, (state.question, "to", timestep), state.captions)

    def walk(self, state: State, timesteps: Sequence[int]) -> list[State]:
        """The states met on a DDIM path through the given levels, the start included."""
        path = [state]
        for timestep in timesteps:
            path.append(self.move(path[-1], timestep))
        return path

    def invert(self, stop: int, stride: int, start: State | None = None) -> State:
        """DDIM inversion from the clean image up to level `stop` in strides (the last one shortened if need be)."""
        start = start or self.clean()
        levels = [*range(start.timestep + stride, stop, stride), stop] if stop > start.timestep else []
        return self.walk(start, levels)[-1]

    def forget(self) -> None:
        """Drop every remembered answer, noise and condition."""
        self._answers.clear()
        self._noises.clear()
        self._conditions.clear()
