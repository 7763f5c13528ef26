"""What one move of the band costs on the server, with made-up energies of many known pictures."""

from __future__ import annotations

import dataclasses
import statistics
import time
from dataclasses import dataclass

import numpy as np

from mia_viz.laboratory.reading import Spectra, auc_map, read
from mia_viz.laboratory.sieve import SHAPES, Sieve

PICTURES, RINGS, SIDE, MOVES = 10_000, 32, 64, 60
BUDGET_MS = 50.0


@dataclass(frozen=True)
class Moves:
    """Milliseconds of one move (median and slowest) and of the map of all bands, with `pictures` known pictures."""

    pictures: int
    median: float
    slowest: float
    map: float

    def as_json(self) -> dict[str, float]:
        """Plain values by name, with the budget."""
        return {**dataclasses.asdict(self), "budget": BUDGET_MS}

    def __str__(self) -> str:
        kept = "kept" if self.median <= BUDGET_MS else "exceeded"
        return (
            f"One move of the band with {self.pictures:,} known pictures: {self.median:.1f} ms (median of {MOVES}), "
            f"slowest {self.slowest:.1f} ms; budget of {BUDGET_MS:.0f} ms {kept}. Map of all bands, once per method: "
            f"{self.map:.0f} ms."
        )


def made_up(pictures: int = PICTURES, seed: int = 0) -> Spectra:
    """Energies of `pictures` known pictures, a fifth of them members, half of them test."""
    rng = np.random.default_rng(seed)
    member = np.arange(pictures) % 5 == 0
    energy = rng.gamma(4.0, 1.0, (pictures, RINGS)) * np.where(member, 0.9, 1.0)[:, None]
    return Spectra(energy.astype(np.float32).astype(np.float64), member, np.arange(pictures) % 2 == 0, SIDE, SIDE)


def moves(pictures: int = PICTURES) -> Moves:
    """Time moves to ever new bands of every shape; everything `read` reports is computed each time."""
    known, taken = made_up(pictures), []
    read(known, Sieve(), known.energy[0])  # the rings of the grid are found once
    for step in range(MOVES):
        band = Sieve(0.01 * (step % 40), 0.5 + 0.01 * step, SHAPES[step % 3])
        start = time.perf_counter()
        read(known, band, known.energy[step])
        taken.append(1000 * (time.perf_counter() - start))
    start = time.perf_counter()
    auc_map(known)
    return Moves(pictures, statistics.median(taken), max(taken), 1000 * (time.perf_counter() - start))
