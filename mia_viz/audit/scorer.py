"""From decoded pictures to rows of the table: asks the model and ranks scores; no picture spoils another's row."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mia_viz.analysis import Plan, Result, by_evidence, in_turn, rescore, run, to_pictures
from mia_viz.audit.ahead import Ready
from mia_viz.audit.table import FAILED, SCORED, UNREADABLE
from mia_viz.probe import Probe
from mia_viz.reference import Reference, captions_kind, evidence_energy
from mia_viz.targets.target import Condition, Target, Wrapper


class Busy(Wrapper):
    """A target that adds up how long its networks (denoiser, autoencoder, text encoder) are at work.

    On an accelerator by its own clock, since a call returns before its work is done.
    """

    def __init__(self, inner: Target) -> None:
        super().__init__(inner)
        self._seconds, self._events = 0.0, []

    @contextmanager
    def _clock(self):
        if self.device.type != "cuda":
            start = time.perf_counter()
            yield
            self._seconds += time.perf_counter() - start
            return
        events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        events[0].record()
        yield
        events[1].record()
        self._events.append(events)

    def seconds(self) -> float:
        """So far; waits for an accelerator to finish what it was given."""
        if self._events:
            torch.cuda.synchronize(self.device)
            self._seconds += sum(start.elapsed_time(end) for start, end in self._events) / 1000
            self._events.clear()
        return self._seconds

    @property
    def has_gradients(self) -> bool:
        return self.inner.has_gradients

    @property
    def weights_sha256(self) -> str:
        return self.inner.weights_sha256

    def encode(self, pixels: Tensor) -> Tensor:
        with self._clock():
            return super().encode(pixels)

    def decode(self, x_0: Tensor) -> Tensor:
        with self._clock():
            return super().decode(x_0)

    def condition(self, captions: Sequence[str]) -> Condition | None:
        with self._clock():
            return super().condition(captions)

    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition: Condition | None = None) -> Tensor:
        with self._clock():
            return super().predict_noise(x_t, timesteps, condition)

    def loss_gradients(
        self, x_t: Tensor, timesteps: Tensor, eps: Tensor, condition: Condition | None = None
    ) -> tuple[Tensor, Tensor]:
        with self._clock():
            told = () if condition is None else (condition,)
            return self.inner.loss_gradients(x_t, timesteps, eps, *told)


class Ranks:
    """p-values of `mia_viz.verdict.judge` for one plan, fast enough for millions; None where the reference has none."""

    def __init__(self, reference: Reference | None, chosen: Plan, told: str) -> None:
        self.sorted = np.empty(0)
        self.own: dict[str, list[float]] = {}
        if reference is None or not reference.fits(chosen, told):
            return
        rows = reference.choose(False, "calibration")
        scores = reference.columns[chosen.key].score[rows]
        self.sorted = np.sort(scores)
        for sha256, score in zip(np.array(reference.image_sha256)[rows], scores.tolist(), strict=True):
            self.own.setdefault(str(sha256), []).append(score)

    def p_value(self, score: float, pixels_sha256: str) -> float | None:
        """(1 + #{hold-outs >= score}) / (n + 1), the picture itself left out of the hold-outs."""
        own = self.own.get(pixels_sha256, [])
        n = len(self.sorted) - len(own)
        if n <= 0:
            return None
        above = len(self.sorted) - int(np.searchsorted(self.sorted, score, "left")) - sum(s >= score for s in own)
        return (1 + above) / (n + 1)


@dataclass(frozen=True)
class Scorer:
    """Asks a target about batches of pictures and gives rows of `mia_viz.audit.table`.

    seed: of all noise. reference: for p-values, None for none. spectra: whether energies are kept.
    """

    target: Target
    plans: Sequence[Plan]
    seed: int = 0
    reference: Reference | None = None
    spectra: bool = True
    _ranks: dict[tuple[str, str], Ranks] = field(default_factory=dict, repr=False)

    @cached_property
    def busy(self) -> Busy:
        """The target, with a clock."""
        return Busy(self.target)

    def rows(self, batch: Sequence[Ready]) -> list[dict[str, Any]]:
        """One row per picture, in order."""
        usable = [ready for ready in batch if ready.values is not None]
        found = dict(zip((ready.place for ready in usable), self._numbers(usable), strict=True))
        return [self._row(ready, found.get(ready.place)) for ready in batch]

    def _numbers(self, batch: Sequence[Ready]) -> list[Mapping[str, Any] | str]:
        """Values by column for each picture, or a sentence where an attack refused it."""
        if not batch:
            return []
        try:
            return self._asked(batch)
        except ValueError as error:  # one picture can be the reason; the others must not suffer
            if len(batch) == 1:
                return [str(error)]
        return [self._numbers([ready])[0] for ready in batch]

    def _asked(self, batch: Sequence[Ready]) -> list[Mapping[str, Any] | str]:
        told = [ready.caption or "" for ready in batch]
        # Named by content, as everywhere: a score depends on neither its place nor its batch.
        probe = Probe.of(self.busy, to_pictures(batch), seed=self.seed, captions=told)
        columns: list[dict[str, Any]] = [{} for _ in batch]
        for group in by_evidence(in_turn(self.plans)):
            result = run(probe, group[0])
            energy = evidence_energy(result.evidence).astype(np.float32) if self.spectra else None
            for chosen in group:
                scored = result if chosen is group[0] else rescore(result, chosen)
                kept = energy if energy is not None and chosen.filter.kind == "none" else None
                for i, ready in enumerate(batch):
                    columns[i] |= self._attack(scored, i, ready, None if kept is None else kept[i])
        return columns

    def _attack(self, result: Result, i: int, ready: Ready, energy: np.ndarray | None) -> dict[str, Any]:
        key = result.plan.key
        score, raw = (float(values[i]) for values in (result.score, result.raw))
        score, raw = (value if math.isfinite(value) else None for value in (score, raw))
        p_value = None if score is None else self._ranks_of(result.plan, ready).p_value(score, ready.pixels_sha256)
        values = {"score": score, "raw": raw, "p_value": p_value, "nfe": result.nfe}
        if self.spectra:
            values["energy"] = None if energy is None else energy.tolist()
        return {f"{key}.{name}": value for name, value in values.items()}

    def _ranks_of(self, chosen: Plan, ready: Ready) -> Ranks:
        told = captions_kind(self.target, [ready.caption or ""])
        if (chosen.key, told) not in self._ranks:
            self._ranks[chosen.key, told] = Ranks(self.reference, chosen, told)
        return self._ranks[chosen.key, told]

    def _row(self, ready: Ready, numbers: Mapping[str, Any] | str | None) -> dict[str, Any]:
        row: dict[str, Any] = {
            "place": ready.place,
            "id": ready.id.encode("utf-8", "replace").decode(),
            "sha256": ready.sha256 or None,
            "pixels_sha256": ready.pixels_sha256 or None,
            "status": SCORED,
            "notes": " ".join(ready.notes) or None,
            "caption": (ready.caption or "") if self.target.takes else None,
        }
        if numbers is None:
            return {**row, "status": UNREADABLE, "error": ready.error}
        if isinstance(numbers, str):
            return {**row, "status": FAILED, "error": numbers}
        missing = [p.attack.name for p in self.plans if numbers[f"{p.key}.score"] is None]
        if missing:
            words = f"No finite number came of {', '.join(dict.fromkeys(missing))} for this picture."
            return {**row, **numbers, "status": FAILED, "error": words}
        return {**row, **numbers}
