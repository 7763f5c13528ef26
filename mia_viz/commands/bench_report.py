"""What `bench` measured -> a table for people, Markdown and JSON."""

from __future__ import annotations

import argparse
import dataclasses
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mia_viz import __version__
from mia_viz.commands.common import short, table
from mia_viz.commands.evaluation_report import markdown_table
from mia_viz.precision import AUC_KEPT, RANKS_KEPT

if TYPE_CHECKING:
    from mia_viz.bench import Cost
    from mia_viz.precision import Kept
    from mia_viz.targets.target import Target


@dataclass(frozen=True)
class BenchRow:
    """One job in one precision.

    published: CPU seconds per picture of the published code. kept: its ranks beside the first precision's.
    """

    cost: Cost
    precision: str
    published: float | None = None
    kept: Kept | None = None

    @property
    def ratio(self) -> float | None:
        """Our CPU seconds per picture over the published ones."""
        return None if self.published is None else self.cost.cpu / self.published


@dataclass(frozen=True)
class Bench:
    """Everything the command found out; circumstances: device, threads and the like, by name."""

    target: str
    circumstances: dict[str, object]
    rows: tuple[BenchRow, ...]
    remarks: tuple[str, ...]


def circumstances(arguments: argparse.Namespace, target: Target) -> dict[str, object]:
    """What the figures hold under."""
    import torch

    cuda = target.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(target.device) if cuda else platform.processor() or "cpu",
        "precision": getattr(target, "precision", arguments.precision),
        "threads": arguments.threads,
        "batch": arguments.batch,
        "repeats": arguments.repeats,
        "clock": "wall" if cuda else "CPU",  # on an accelerator the processor mostly waits
        "torch": torch.__version__,
        "version": __version__,
    }


def as_json(found: Bench) -> dict:
    """The figures with the circumstances they hold under; seconds per picture."""
    costs = []
    for row in found.rows:
        more = {"precision": row.precision, "published_cpu": row.published, "ratio": row.ratio}
        kept = None if row.kept is None else dataclasses.asdict(row.kept)
        costs.append({**dataclasses.asdict(row.cost), **more, "kept": kept})
    return {
        "target": found.target,
        **found.circumstances,
        "costs": costs,
        "fastest": fastest(found),
        "remarks": list(found.remarks),
    }


def fastest(found: Bench) -> dict[str, str]:
    """For each job the precision of least time among those that change neither ranks nor AUC; {} unless compared."""
    best: dict[str, BenchRow] = {}
    clock = "wall" if found.circumstances["clock"] == "wall" else "cpu"
    for row in found.rows:
        name = row.cost.attack
        if row.kept is not None and row.kept.unchanged:
            best[name] = min(best.get(name, row), row, key=lambda r: getattr(r.cost, clock))
    return {name: row.precision for name, row in best.items()}


def render(found: Bench) -> str:
    """The table for people with remarks; times in milliseconds per picture."""
    header, rows = _table(found)
    return "\n".join([table(header, rows), *_remarks(found)])


def markdown(found: Bench) -> str:
    """The same for a file, with the circumstances."""
    header, rows = _table(found)
    told = ", ".join(f"{name} {value}" for name, value in found.circumstances.items() if name != "precision")
    parts = [f"# {found.target}: what attacks cost", f"Milliseconds per picture; {told}.", markdown_table(header, rows)]
    return "\n\n".join([*parts, *_remarks(found)])


def _table(found: Bench) -> tuple[tuple[str, ...], list[list[str]]]:
    """Header and cells; columns that nothing is known for are left out."""
    compared = any(row.published is not None for row in found.rows)
    ranked = any(row.kept is not None for row in found.rows)
    several = len({row.precision for row in found.rows}) > 1
    header = ["attack", "NFE", "wall ms", "CPU ms", "network ms", "overhead"]
    header += ["precision"] * several + ["published CPU ms", "ratio"] * compared
    header += ["rank correlation", "AUC", "unchanged"] * ranked
    cells = []
    for row in found.rows:
        cost = row.cost
        line = [cost.attack, short(cost.nfe), *(short(1000 * s, 4) for s in (cost.wall, cost.cpu, cost.bare))]
        line.append(f"{100 * cost.overhead:.1f} %")
        line += [row.precision] * several
        if compared:
            line += [short(None if row.published is None else 1000 * row.published), short(row.ratio, 3)]
        if ranked:
            line += _ranks(row.kept)
        cells.append(line)
    return tuple(header), cells


def _ranks(kept: Kept | None) -> list[str]:
    if kept is None:
        return ["-", "-", "-"]
    return [f"{kept.spearman:.4f}", "-" if kept.auc is None else f"{kept.auc:.3f}", "yes" if kept.unchanged else "no"]


def _remarks(found: Bench) -> list[str]:
    told = list(found.remarks)
    best = fastest(found)
    if best:
        words = "; ".join(
            f"{precision} for {', '.join(name for name, chosen in best.items() if chosen == precision)}"
            for precision in dict.fromkeys(best.values())
        )
        told.append(
            f"Unchanged: rank correlation with the first precision of at least {RANKS_KEPT:g}, AUC within "
            f"{AUC_KEPT:g}. Fastest unchanged precision by {found.circumstances['clock']} time: {words}."
        )
    return told
