"""MIA-Viz in five lines: open a target, load pictures, collect evidence, score it, judge the scores.

    target = mia_viz.open_target("brain-a")
    pictures = mia_viz.load_pictures("assets/brain/pictures", target, most=3)
    collected = mia_viz.collect(target, pictures, "loss")
    scores = mia_viz.score(collected)
    verdicts = mia_viz.judge(collected)

The same engine as the app and the command line, so the numbers are the same. Everything that people get wrong raises
ValueError (or OSError for files) with one sentence.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from mia_viz.analysis import Plan, Result, plan, rescore
from mia_viz.analysis import run as run_plan
from mia_viz.audit.ahead import Form, decode
from mia_viz.audit.run import Options, Tally, audit
from mia_viz.audit.source import Columns, Source
from mia_viz.commands.common import open_target as _open
from mia_viz.commands.score import Known, known_pictures, p_value
from mia_viz.engine import pick_device
from mia_viz.frequency import Filter
from mia_viz.probe import Probe
from mia_viz.reference import captions_kind
from mia_viz.targets.target import Target
from mia_viz.verdict import Verdict
from mia_viz.verdict import judge as _judge

if TYPE_CHECKING:
    from mia_viz.attacks import Evidence
    from mia_viz.audit.cluster import Opener

__all__ = ["Collected", "Pictures", "collect", "judge", "load_pictures", "open_target", "run_audit", "score"]


@dataclass(frozen=True, eq=False)
class Pictures:
    """N pictures as a target takes them.

    values: (N, C, H, W) float32 in [-1, 1]. names: where each came from. sha256: of the values, the pictures' identity.
    captions: told to a model that takes one, else None.
    """

    values: np.ndarray
    names: tuple[str, ...]
    sha256: tuple[str, ...]
    captions: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Collected:
    """What an attack found out about pictures: result.evidence (pairs that should agree), result.raw, result.score,
    each with N rows."""

    target: Target
    pictures: Pictures
    result: Result
    seed: int = 0

    @property
    def evidence(self) -> Evidence:
        return self.result.evidence


def open_target(
    where: str = "brain-a",
    device: str = "auto",
    precision: str = "auto",
    lora: str | None = None,
    guidance: float = 1.0,
) -> Target:
    """The model to ask: a bundled name, a diffusers folder, a safetensors file, a published checkpoint or a hub id.

    device: "auto", "cpu" or "cuda". precision: "auto", "float32", "bfloat16" or "float16". See docs/targets.md.
    """
    return _open(where, device, precision, lora, guidance)


def load_pictures(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    target: Target,
    prepare: str = "exact",
    captions: Mapping[str, str] | None = None,
    most: int | None = None,
) -> Pictures:
    """Pictures of a folder, archive or address (see docs/audit.md), or of a list of these, made ready for a target.

    prepare: "exact" changes nothing, "crop" and "fit" resample. captions: by file name, instead of those found beside
    the pictures. most: how many at the most. Raises ValueError for the first picture that cannot be used; `run_audit`
    passes over such pictures and holds only a few at a time.
    """
    given = [source] if isinstance(source, str | os.PathLike) else list(source)
    ready = []
    for where in given:
        found = Source(os.fspath(where), captions=captions, told=bool(target.takes))
        for item in found.items(lambda place: most is None or len(ready) < most):
            ready.append(decode(item, Form(target.picture_shape, prepare)))
            if ready[-1].values is None:
                raise ValueError(f"{item.id}: {ready[-1].error}")
            if len(ready) == most:
                break
    if not ready:
        raise ValueError("There is no picture.")
    told = tuple(one.caption or "" for one in ready) if target.takes else None
    values = np.stack([one.values for one in ready])
    return Pictures(values, tuple(one.id for one in ready), tuple(one.pixels_sha256 for one in ready), told)


def collect(
    target: Target,
    pictures: Pictures,
    attack: str = "loss",
    filter: str = "none",
    seed: int = 0,
    **settings: Any,
) -> Collected:
    """Ask a target about pictures with one attack; all evidence stays in memory.

    filter: such as "lowpass:r=5,s=0.2". settings: of the attack, such as t=300 (`python -m mia_viz attacks` lists
    them). Noise depends on the seed and each picture alone.
    """
    chosen = plan(attack, {k: str(value) for k, value in settings.items()}, Filter.parse(filter), target.schedule)
    probe = Probe.of(target, torch.from_numpy(pictures.values), seed=seed, captions=pictures.captions)
    return Collected(target, pictures, run_plan(probe, chosen), seed)


def score(collected: Collected, filter: str | None = None) -> np.ndarray:
    """Scores (N,) float64, larger = more member-like. filter: another one than was collected with, at no cost."""
    return _filtered(collected, filter).score


def judge(
    collected: Collected, reference: str | os.PathLike[str] | None = None, filter: str | None = None
) -> list[Verdict]:
    """Each picture's place among pictures the model never saw.

    reference: a file of `python -m mia_viz reference build`; the bundled one by default. A picture is left out of its
    own reference. Raises ValueError where no reference fits the model, the attack's settings and the captions.
    """
    result = _filtered(collected, filter)
    chosen, target = result.plan, collected.target
    known = _reference(target, reference, collected.seed)
    if known.reference is None:
        raise ValueError(f"There is no verdict: {known.reason}.")
    captions = collected.pictures.captions or ("",) * len(collected.pictures)
    verdicts = []
    for value, sha256, caption in zip(result.score.tolist(), collected.pictures.sha256, captions, strict=True):
        told = captions_kind(target, [caption])
        if p_value(value, chosen, told, sha256, known) is None:
            raise ValueError("There is no verdict: the reference has no pictures with these settings and captions.")
        groups = (known.reference.scores(chosen.key, member, without=(sha256,)) for member in (False, True))
        verdicts.append(_judge(value, *groups))
    return verdicts


def run_audit(
    target: Target | Opener | str | os.PathLike[str],
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    attacks: Sequence[str | Plan] = ("loss",),
    options: Options | None = None,
    reference: str | os.PathLike[str] | None = None,
    captions: Mapping[str, str] | None = None,
    columns: Columns | None = None,
    report: Callable[[Tally], None] = lambda tally: None,
    *,
    shard: tuple[int, int] | None = None,
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    actors: int | None = None,
    device: str = "auto",
) -> Tally:
    """Ask about every picture of a source, in a stream, and write a table in Parquet; see docs/audit.md.

    target: an opened model, or a name as `open_target` takes it, to be opened on `device`. attacks: names, or plans of
    `mia_viz.analysis.plan`. options, columns: see mia_viz.audit. report: called after every batch (on a cluster after
    every part). shard: (i, n), do every n-th part only, beginning with the i-th, from 1; instead of options.shard.

    engine: "local", or "ray" for a Ray cluster, whose machines open the model themselves: give its name then, or a
    picklable function from "cpu" or "cuda" to a Target. address: of a running cluster, or "auto"; one is started on
    this machine where None. actors: models at work at once, as many as fit where None.

    Run it again, with either engine, to go on with what was stopped. `pandas.read_parquet(out / "parts")` reads the
    table. Raises ValueError and OSError with one sentence, also where Ray is missing or no cluster answers.
    """
    options = options or Options()
    options = options if shard is None else replace(options, shard=shard)

    def asked(opened: Target, work: Callable[..., Tally]) -> Tally:
        plans = [chosen if isinstance(chosen, Plan) else plan(chosen, schedule=opened.schedule) for chosen in attacks]
        found = Source(os.fspath(source), columns or Columns(), captions, bool(opened.takes))
        known = _reference(opened, reference, options.seed)
        return work(opened, found, plans, Path(out), options, known.reference, report)

    if engine == "ray":
        from mia_viz.audit import cluster

        opener = _opener(target)
        with cluster.connected(address, device) as machines:
            work = partial(cluster.audit, opener, machines, actors=actors)
            return asked(cluster.planned(opener, machines), work)
    if engine != "local":
        raise ValueError(f'There is no engine "{engine}"; choose "local" or "ray".')
    if address is not None or actors is not None:
        raise ValueError('address and actors are for engine="ray".')
    return asked(target if isinstance(target, Target) else _opener(target)(pick_device(device)), audit)


def _opener(target: Target | Opener | str | os.PathLike[str]) -> Opener:
    """What opens a target on a device. Raises ValueError for one that is opened already."""
    if isinstance(target, Target):
        raise ValueError("On a cluster each machine opens the model itself; give its name or folder instead of it.")
    return target if callable(target) else partial(open_target, os.fspath(target))


def _filtered(collected: Collected, filter: str | None) -> Result:
    if filter is None:
        return collected.result
    chosen = collected.result.plan
    return rescore(collected.result, Plan(chosen.attack, chosen.params, Filter.parse(filter)))


def _reference(target: Target, reference: str | os.PathLike[str] | None, seed: int) -> Known:
    """The reference under the rules of the command line; guidance shows in the passes of a question."""
    file = None if reference is None else Path(reference)
    asked = argparse.Namespace(reference=file, seed=seed, noise_key="content", guidance=float(target.passes))
    return known_pictures(asked, target)
