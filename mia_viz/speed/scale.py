"""How much is measured: `FULL` for the page, `QUICK` to see that everything works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes of all sections.

    target: bundled model of the sections that need a real one. batches: pictures asked about together. questions: an
    attack is left out at a batch size where one repeat would take more of them. repeats: of medians. draws: NFE of one
    attack. sides: of pictures. counts: pictures of one audit. loop: pictures of the plain loop. shared: pictures that
    workers share. parts: pictures of their parts, as one would choose and short. starts: of programs.
    """

    name: str
    target: str
    batches: tuple[int, ...]
    questions: int
    repeats: int
    draws: tuple[int, ...]
    sides: tuple[int, ...]
    counts: tuple[int, ...]
    loop: int
    shared: int
    parts: tuple[int, int]
    starts: int


FULL = Scale(
    "full",
    target="brain-a",
    batches=(1, 4, 16, 64),
    questions=260,
    repeats=3,
    draws=(1, 2, 4, 8, 16, 32),
    sides=(16, 32, 64, 128, 256),
    counts=(1, 10, 100, 1_000, 10_000),
    loop=192,
    shared=3_072,
    parts=(128, 16),
    starts=5,
)
QUICK = Scale(
    "quick",
    target="digits-a",
    batches=(1, 4),
    questions=12,
    repeats=1,
    draws=(1, 2, 4),
    sides=(16, 32),
    counts=(1, 10, 100),
    loop=8,
    shared=96,
    parts=(16, 8),
    starts=1,
)
