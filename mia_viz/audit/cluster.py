"""An audit on a Ray cluster: Ray Data hands out parts, actors that hold the target do them where they are.

Only numbers of parts travel to the actors and only counts come back: every actor reads its pictures from the source and
writes its parts into the folder itself. An actor that dies, or whose machine does, is replaced by Ray and its part is
given out again; a part is there whole or not at all, so the table is the one that `mia_viz.audit.run.audit` writes.
Needs Ray (requirements-ray.txt). Source, target and folder must have the same address on every machine.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mia_viz.audit.ahead import Ahead, Form
from mia_viz.audit.run import MOST_WORKERS, Options, Tally, batches, begun, mine_of, places
from mia_viz.audit.scorer import Scorer
from mia_viz.audit.source import Source, Start
from mia_viz.audit.table import Parts, schema
from mia_viz.engine import limit_threads
from mia_viz.memory import is_out_of_memory
from mia_viz.pictures.apart import Helpers
from mia_viz.targets.target import Target, Wrapper

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.reference import Reference

STORE = 128 * 2**20
"""Bytes of shared memory of a cluster started here; nothing but numbers of parts and one reference lies in it."""
NOT_INSTALLED = (
    "--engine ray needs Ray, which is not installed; install it with: python -m pip install -r requirements-ray.txt."
)
TRIES = 10
"""Times a part is given out again after it lost its actor, as with a lost machine."""
Opener = Callable[[str], Target]
"""Opens the target on "cpu" or "cuda"; it is sent to the actors, so it must be picklable."""


@dataclass(frozen=True)
class Machines:
    """What a cluster has.

    device: "cuda" where there is a GPU. actors: targets that fit on it at once. threads: of the processor for each of
    them. decoders: processes that decode pictures for each of them.
    """

    device: str
    actors: int
    threads: int
    decoders: int


class Elsewhere(Wrapper):
    """A target opened here on the CPU that tells the device and the precision of those that actors open."""

    def __init__(self, inner: Target, device: str, precision: str) -> None:
        super().__init__(inner)
        self._device, self.precision = torch.device(device), precision

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def weights_sha256(self) -> str:
        return self.inner.weights_sha256


@contextmanager
def connected(address: str | None = None, device: str = "auto") -> Iterator[Machines]:
    """Connect to a running cluster ("auto", or an address such as "10.0.0.1:6379"), or start one on this machine.

    Ray's own RAY_ADDRESS counts where no address is given. Ray's usage reports are off unless the environment
    turns them on. Raises ValueError (one sentence) where Ray is not installed or no cluster answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    try:
        import ray
    except ImportError as error:
        raise ValueError(NOT_INSTALLED) from error
    ours = not ray.is_initialized()
    if ours:
        where = address or os.environ.get("RAY_ADDRESS") or "local"
        here = {"object_store_memory": STORE, "include_dashboard": False} if where == "local" else {}
        try:
            ray.init(where, logging_level=logging.ERROR, log_to_driver=False, **here)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ValueError(f"No Ray cluster answers at {where}.") from error
    try:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        yield machines_of(nodes, device, limit_threads())
    finally:
        if ours:
            ray.shutdown()


def machines_of(nodes: Sequence[Mapping[str, float]], device: str, threads: int) -> Machines:
    """What to start on nodes with these resources: a target per GPU, else one per `threads` cores.

    device: "auto" for GPUs where there are some, "cpu" or "cuda". threads: at most, fewer where a node has fewer cores.
    Raises ValueError where there is no GPU though "cuda" was asked for.
    """
    pairs = [(int(node.get("CPU", 0)), int(node.get("GPU", 0))) for node in nodes]
    with_gpu = [(cores, gpus) for cores, gpus in pairs if gpus and cores]
    if device == "cuda" and not with_gpu:
        raise ValueError("The cluster has no GPU; choose --device cpu.")
    if with_gpu and device != "cpu":
        decoders = min(cores // (2 * gpus) for cores, gpus in with_gpu)
        return Machines("cuda", sum(gpus for _, gpus in with_gpu), 1, min(MOST_WORKERS, max(1, decoders)))
    able = [cores for cores, _ in pairs if cores] or [1]
    threads = min(threads, *able)
    return Machines("cpu", sum(cores // threads for cores in able), threads, 1)


def planned(opener: Opener, machines: Machines) -> Target:
    """The target as the actors will hold it, for plans, captions and the choice of a reference."""
    target = opener("cpu")
    if machines.device == "cpu":
        return target
    import ray

    asked = ray.remote(num_gpus=1, num_cpus=0)(_precision).remote(opener, machines.device)
    return Elsewhere(target, machines.device, ray.get(asked))


def _precision(opener: Opener, device: str) -> str:
    return opener(device).precision


@dataclass(frozen=True)
class Job:
    """All that an actor needs; threads: of its processor that its network may use."""

    opener: Opener
    device: str
    threads: int
    source: Source
    plans: tuple[Plan, ...]
    folder: Path
    batch: int
    options: Options
    reference: Reference | None


class Actor:
    """Holds the target and does one part per call."""

    def __init__(self, job: Job) -> None:
        torch.set_num_threads(job.threads)
        self.job, options = job, job.options
        self.name = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"
        target = job.opener(job.device)
        torch.set_num_threads(job.threads)  # opening a target sets them too
        self.scorer = Scorer(target, job.plans, options.seed, job.reference, options.spectra)
        self.parts = Parts(job.folder, schema(job.plans, options.spectra), options.part)
        self.form = Form(target.picture_shape, options.how, options.view)
        self.decoders = Helpers(options.workers or 1)  # for all its parts

    def __call__(self, given: dict[str, np.ndarray]) -> dict[str, list[Any]]:
        """{"pictures", "busy", "waited", "error", "actor"} of each part in {"place", "file", "inside"}.

        What would stop the local engine comes back as the error: Ray would try it again for ever.
        """
        columns = (given["place"], given["file"], given["inside"])
        rows = [self._tried(Start(int(p), os.fsdecode(f), int(i))) for p, f, i in zip(*columns, strict=True)]
        told = {name: [row[name] for row in rows] for name in ("pictures", "busy", "waited", "error")}
        return {**told, "actor": [self.name] * len(rows)}

    def _tried(self, start: Start) -> dict[str, Any]:
        try:
            return {**self.do(start), "error": ""}
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            sentence = "There is not enough memory for this; use a smaller --batch."
        except (ValueError, OSError) as error:
            sentence = str(error) or type(error).__name__
        return {"pictures": 0, "busy": 0.0, "waited": 0.0, "error": sentence}

    def do(self, start: Start) -> dict[str, Any]:
        """Read, ask about and write the part that begins at `start`."""
        job, size = self.job, self.parts.size
        items = job.source.items(start=start, stop=start.place + size)
        before = self.scorer.busy.seconds()
        rows: list[dict[str, Any]] = []
        with Ahead(items, self.form, self.decoders, 2 * job.batch) as pictures:
            for together in batches(pictures, job.batch):
                rows += self.scorer.rows(together)
        self.parts.write(start.place // size, rows)
        return {"pictures": len(rows), "busy": self.scorer.busy.seconds() - before, "waited": pictures.waited}


def audit(
    opener: Opener,
    machines: Machines,
    target: Target,
    source: Source,
    plans: Sequence[Plan],
    folder: Path,
    options: Options | None = None,
    reference: Reference | None = None,
    report: Callable[[Tally], None] = lambda tally: None,
    actors: int | None = None,
) -> Tally:
    """Like `mia_viz.audit.run.audit`, on the cluster that is connected; to be used within `connected`.

    target: what `planned` gave. actors: targets at work at once, None for as many as fit. report: called after every
    part. Busy and waiting times are means over actors. Raises ValueError and OSError as there, ValueError also where
    the cluster fails as a whole; run it again to go on.
    """
    options = options or Options()
    _, batch, done = begun(target, source, plans, folder, options, reference)
    mine = mine_of(options.shard)
    starts, count = source.starts(options.part)
    total = places(range(len(starts)), options.part, count, mine)
    before = places(done, options.part, count, mine)
    wanted = [s for s in starts if mine(s.place // options.part) and s.place // options.part not in done]
    begin = Tally(0, before, total, 0.0, 0.0, 0.0)
    if not wanted:
        return begin
    decoders = options.workers or machines.decoders
    how = replace(options, workers=decoders)
    at = (machines.device, machines.threads)
    job = Job(opener, *at, source, tuple(plans), folder.absolute(), batch, how, reference)
    size = min(actors or machines.actors, len(wanted))
    return _gathered(_given_out(job, wanted, size), begin, size, report)


def _given_out(job: Job, wanted: Sequence[Start], size: int) -> Iterator[dict[str, Any]]:
    """What the actors said about each part, as they finish. One part is one block: that is what Ray does again."""
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    rows = [{"place": s.place, "file": os.fsencode(s.file), "inside": s.inside} for s in wanted]
    parts = ray.data.from_items(rows, override_num_blocks=len(rows))
    needs = {"num_gpus": 1, "num_cpus": 1} if job.device == "cuda" else {"num_cpus": job.threads}
    needs["max_task_retries"] = TRIES
    # One actor at least: when a machine is lost, those that are left go on, and an idle one gives its place to another.
    # One part at a time: parts that wait behind another would be stuck with a lost actor.
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=size, initial_size=size, max_tasks_in_flight_per_actor=1)
    made = parts.map_batches(Actor, fn_constructor_args=(job,), batch_size=None, compute=pool, **needs)
    return made.iter_rows()


def _gathered(rows: Iterator[dict[str, Any]], tally: Tally, actors: int, report: Callable[[Tally], None]) -> Tally:
    from ray.exceptions import RayError

    start = time.perf_counter()
    seen: set[str] = set()
    try:
        for row in rows:
            if row["error"]:
                raise ValueError(row["error"])
            seen.add(row["actor"])
            tally = replace(
                tally,
                actors=len(seen),
                done=tally.done + row["pictures"],
                seconds=time.perf_counter() - start,
                busy=tally.busy + row["busy"] / actors,
                waited=tally.waited + row["waited"] / actors,
            )
            report(tally)
    except RayError as error:
        raise ValueError(f"The cluster could not go on: {str(error).strip().splitlines()[-1]}.") from error
    return tally


def opener_of(where: str, precision: str, lora: str | None, guidance: float) -> Opener:
    """An opener of what the flags name."""
    return partial(_opened, where, precision, lora, guidance)


def _opened(where: str, precision: str, lora: str | None, guidance: float, device: str) -> Target:
    from mia_viz.commands.common import open_target

    return open_target(where, device, precision, lora, guidance)
