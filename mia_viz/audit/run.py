"""The audit itself: parts that are not there yet are read, decoded, asked about and written, one after another."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz import __version__
from mia_viz.audit.ahead import Ahead, Form, Ready
from mia_viz.audit.scorer import Scorer
from mia_viz.audit.source import Source
from mia_viz.audit.table import Manifest, Parts, schema
from mia_viz.pictures.apart import Helpers
from mia_viz.pictures.picture import View
from mia_viz.reference import settings_text

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target

PART = 512
BATCH = {"cpu": 16, "cuda": 64}
MOST_WORKERS = 8


@dataclass(frozen=True)
class Options:
    """How an audit is run.

    how: pictures are prepared. seed: of the noise. batch: pictures asked about together, None for 16 (64 on a GPU).
    part: pictures per part. shard: (i, n), do every n-th part, beginning with the i-th (from 1). workers: processes
    that decode, None for one on a CPU and up to 8 beside a GPU. spectra: keep the energy per frequency ring. retry:
    do parts again that hold unreadable pictures; the old ones stay until the new ones are there. view: what of scans is
    looked at.
    """

    how: str = "exact"
    seed: int = 0
    batch: int | None = None
    part: int = PART
    shard: tuple[int, int] = (1, 1)
    workers: int | None = None
    spectra: bool = True
    retry: bool = False
    view: View = field(default_factory=View)


@dataclass(frozen=True)
class Tally:
    """How far an audit is.

    done: pictures of this run. before: pictures found done. total: of all shards' pictures those that are this one's,
    None where that is not known. seconds: since the first picture was asked for. busy, waited: seconds in which
    the networks worked, and in which they waited for pictures. actors: that have finished a part, on a cluster.
    """

    done: int
    before: int
    total: int | None
    seconds: float
    busy: float
    waited: float
    actors: int = 1

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take; None while that cannot be said."""
        if self.total is None or not self.done:
            return None
        return max(0, self.total - self.before - self.done) / self.rate

    @property
    def busy_share(self) -> float:
        """Share of the time in which the networks worked."""
        return self.busy / self.seconds if self.seconds else 0.0

    @property
    def waited_share(self) -> float:
        """Share of the time spent waiting for pictures."""
        return self.waited / self.seconds if self.seconds else 0.0


def audit(
    target: Target,
    source: Source,
    plans: Sequence[Plan],
    folder: Path,
    options: Options | None = None,
    reference: Reference | None = None,
    report: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Ask a target about every picture of a source and write the table into `folder`.

    What is there already is skipped, so a run that was killed is finished by running it again, with the same table to
    the last bit on the same machine. report: called after every batch. Raises ValueError (one sentence) for a folder
    with another audit, OSError for storage that fails, torch.OutOfMemoryError.
    """
    options = options or Options()
    parts, batch, done = begun(target, source, plans, folder, options, reference)
    mine, count = mine_of(options.shard), source.count()

    def wanted(place: int) -> bool:
        part = place // options.part
        return mine(part) and part not in done

    scorer = Scorer(target, plans, options.seed, reference, options.spectra)
    form = Form(target.picture_shape, options.how, options.view)
    total = None if count is None else places(range(-(-count // options.part)), options.part, count, mine)
    before = places(done, options.part, count, mine)
    workers = options.workers or _workers(target)
    with Helpers(workers) as decoders, Ahead(source.items(wanted), form, decoders, 2 * batch) as pictures:
        return _work(pictures, scorer, parts, batch, Tally(0, before, total, 0.0, 0.0, 0.0), report)


def begun(
    target: Target,
    source: Source,
    plans: Sequence[Plan],
    folder: Path,
    options: Options,
    reference: Reference | None,
) -> tuple[Parts, int, set[int]]:
    """The folder's table, how many pictures are asked about together, and the parts that need not be done.

    Raises ValueError for a folder with another audit, or among the pictures, and for a shard that cannot be."""
    mine = mine_of(options.shard)
    if source.holds(folder):
        raise ValueError(f"{folder} lies among the pictures; choose a folder outside them for the table.")
    batch = options.batch or BATCH.get(target.device.type, 16)
    manifest(target, source, plans, options, batch, reference).agree(folder)
    parts = Parts(folder, schema(plans, options.spectra), options.part)
    again = parts.unreadable(mine) if options.retry else set()
    return parts, batch, parts.done() - again


def _work(
    pictures: Ahead, scorer: Scorer, parts: Parts, batch: int, tally: Tally, report: Callable[[Tally], None]
) -> Tally:
    """Score and write part by part; the tally of the whole run."""
    start = time.perf_counter()

    def now(done: int) -> Tally:
        clocks = (time.perf_counter() - start, scorer.busy.seconds(), pictures.waited)
        return Tally(done, tally.before, tally.total, *clocks)

    for part, group in groupby(pictures, key=lambda ready: ready.place // parts.size):
        rows: list[dict[str, Any]] = []
        for together in batches(group, batch):
            rows += scorer.rows(together)
            tally = now(tally.done + len(together))
            report(tally)
        parts.write(part, rows)
    return now(tally.done)


def manifest(
    target: Target,
    source: Source,
    plans: Sequence[Plan],
    options: Options,
    batch: int,
    reference: Reference | None,
) -> Manifest:
    """All that decides the table's numbers."""
    scores = b"" if reference is None else b"".join(c.score.tobytes() for c in reference.columns.values())
    known = None if reference is None else hashlib.sha256(scores).hexdigest()
    return Manifest(
        source.where,
        {
            "program": __version__,
            "pictures": source.fingerprint(),
            "target": target.name,
            "weights": target.weights_sha256,
            "precision": target.precision,
            "guidance passes": target.passes,
            "device": target.device.type,
            "attacks": {chosen.key: settings_text(chosen) for chosen in plans},
            "preparation": " ".join((options.how, *options.view.flags)),
            "seed": options.seed,
            "batch": batch,
            "part": options.part,
            "spectra": options.spectra,
            "reference": known,
        },
        target.parametrisation,
    )


def mine_of(shard: tuple[int, int]) -> Callable[[int], bool]:
    """Whether a part belongs to a shard. Raises ValueError for a shard that cannot be."""
    place, of = shard
    if not 1 <= place <= of:
        raise ValueError(f"There is no shard {place} of {of}; write i/n with i from 1 to n.")
    return lambda part: part % of == place - 1


def places(parts: Sequence[int] | set[int], size: int, count: int | None, mine: Callable[[int], bool]) -> int:
    """How many pictures the given parts of this shard hold."""
    ends = [(part + 1) * size if count is None else min((part + 1) * size, count) for part in parts if mine(part)]
    return sum(ends) - sum(part * size for part in parts if mine(part))


def batches(pictures: Iterable[Ready], size: int) -> Iterator[list[Ready]]:
    """Pictures in lists of `size`, unreadable ones counting like any other: batches depend on places alone."""
    batch: list[Ready] = []
    for ready in pictures:
        batch.append(ready)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _workers(target: Target) -> int:
    """Beside a GPU half of the cores decode; on a CPU the network needs them, and one process keeps up with it."""
    return 1 if target.device.type == "cpu" else min(MOST_WORKERS, max(1, (os.cpu_count() or 1) // 2))
