"""Sections measured in this process: attacks and batches, the plain loop, NFE, image size. Plain numbers come out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from mia_viz.analysis import Plan, plan
from mia_viz.attacks import names
from mia_viz.bench import jobs_of, measure
from mia_viz.commands.common import open_target, unusable
from mia_viz.speed import toys
from mia_viz.speed.scale import Scale
from mia_viz.targets import bundled
from mia_viz.targets.target import Target

if TYPE_CHECKING:
    from diffusers import UNet2DModel

LOOP_T = 200
LOOP_BATCH = 16
NFE_BATCH = 4


def attacks(scale: Scale, work: Path) -> dict[str, Any]:
    """Cost of every attack that fits the model, at every batch size."""
    target = open_target(scale.target, "cpu")
    plans = [
        chosen
        for chosen in (plan(name, schedule=target.schedule) for name in names())
        if not unusable(chosen, target, [""])
    ]
    rows, left_out = [], []
    for batch in scale.batches:
        fits = [chosen for chosen in plans if chosen.evaluations * batch <= scale.questions]
        left_out += [[chosen.attack.name, batch] for chosen in plans if chosen not in fits]
        rows += _costs(target, fits, batch, scale.repeats)
    return {"target": target.name, "size": list(target.picture_shape), "rows": rows, "left_out": left_out}


def _costs(target: Target, plans: Sequence[Plan], batch: int, repeats: int) -> list[dict[str, Any]]:
    costs = measure(target, jobs_of(plans), batch, repeats) if plans else []
    return [{**dataclasses.asdict(cost), "batch": batch} for cost in costs]


def nfe(scale: Scale, work: Path) -> dict[str, Any]:
    """Cost of one attack with more and more draws: the same surroundings, more questions."""
    target = open_target(scale.target, "cpu")
    rows = []
    for draws in scale.draws:
        rows += _costs(target, [plan("loss", {"draws": str(draws)})], NFE_BATCH, scale.repeats)
    return {"target": target.name, "batch": NFE_BATCH, "rows": rows}


def size(scale: Scale, work: Path) -> dict[str, Any]:
    """Cost of one attack on a small model with random weights, for pictures of different sizes."""
    rows = []
    for side in scale.sides:
        folder = toys.write_model(work / f"toy-{side}", side, (16, 32))
        target = open_target(str(folder), "cpu")
        rows += [{**row, "side": side} for row in _costs(target, [plan("secmi")], NFE_BATCH, scale.repeats)]
    return {"batch": NFE_BATCH, "rows": rows}


def loop(scale: Scale, work: Path) -> dict[str, Any]:
    """PIA, which needs no random numbers, on the same files: this engine, and plain loops over diffusers."""
    from mia_viz import api
    from mia_viz.audit.run import Options

    pictures = _files(scale, work / "loop")
    target = open_target(scale.target, "cpu")
    unet, signal = plain_model(bundled.ASSETS / "targets" / scale.target)
    alone, one_by_one = _timed(lambda: plain_pia(unet, signal, pictures, 1))
    together, in_batches = _timed(lambda: plain_pia(unet, signal, pictures, LOOP_BATCH))
    options = Options(batch=LOOP_BATCH, part=4 * LOOP_BATCH)
    folder = work / "loop-out"
    chosen = [plan("pia", {"t": str(LOOP_T)})]
    ours, _ = _timed(lambda: api.run_audit(target, pictures, folder, chosen, options))
    raw = _column(folder, f"{chosen[0].key}.raw")
    return {
        "target": target.name,
        "pictures": len(raw),
        "batch": LOOP_BATCH,
        "seconds": {"plain, one by one": alone, "plain, in batches": together, "audit": ours},
        "apart": float(max(np.max(np.abs(raw / other - 1)) for other in (one_by_one, in_batches))),
    }


def plain_model(folder: Path) -> tuple[UNet2DModel, torch.Tensor]:
    """The network, and the share of signal power at LOOP_T, with nothing but diffusers."""
    from diffusers import DDPMScheduler, UNet2DModel

    schedule = DDPMScheduler.from_pretrained(folder / "scheduler")
    return UNet2DModel.from_pretrained(folder / "unet").eval(), schedule.alphas_cumprod[LOOP_T]


@torch.no_grad()
def laboratory(scale: Scale, work: Path) -> dict[str, Any]:
    """What a move of the band costs on the server by number of known pictures."""
    from mia_viz.laboratory import timing

    counts = [count for count in scale.counts if count >= 100]
    return {"moves": timing.MOVES, "rows": [timing.moves(count).as_json() for count in counts]}


def plain_pia(unet: UNet2DModel, signal: torch.Tensor, pictures: Path, batch: int) -> np.ndarray:
    """PIA as a short script would have it: Kong et al., raw statistic (N,). Grey pictures only."""
    files, found = sorted(pictures.glob("*.png")), []
    for start in range(0, len(files), batch):
        loaded = [np.asarray(Image.open(file).convert("L"), np.float32) for file in files[start : start + batch]]
        x_0 = torch.from_numpy(np.stack(loaded))[:, None] / 127.5 - 1
        e_0 = unet(x_0, 0).sample
        x_t = signal.sqrt() * x_0 + (1 - signal).sqrt() * e_0
        residual = e_0 - unet(x_t, LOOP_T).sample
        found += residual.double().abs().pow(4).sum(dim=(1, 2, 3)).tolist()
    return np.array(found)


def _files(scale: Scale, folder: Path) -> Path:
    """A folder of links to bundled pictures of the model."""
    known = bundled.population_of(scale.target)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(min(scale.loop, len(known.files))):
        link = folder / f"{i:05d}.png"
        if not link.exists():
            link.symlink_to(known.path(i).resolve())
    return folder


def _column(folder: Path, name: str) -> np.ndarray:
    import pyarrow.parquet as pq

    return pq.read_table(folder / "parts", columns=[name]).column(name).to_numpy()


def _timed(work: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found
