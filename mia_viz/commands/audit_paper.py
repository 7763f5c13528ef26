"""`audit --plan N`: what an audit of N pictures would take, on paper."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mia_viz.commands.common import finite_number, table, whole_number

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.audit.paper import Assumptions, Estimate

NAMES = ("evaluations_per_second", "encoding", "overhead", "gpus", "row_bytes", "spectrum_bytes", "picture_bytes")
"""The fields of Assumptions, named here because they are flags and help must not load the engine."""
ABOVE_ZERO = ("evaluations_per_second", "gpus")


def add_plan(parser: argparse.ArgumentParser) -> None:
    """--plan and its assumptions."""
    group = parser.add_argument_group("on paper (asks no model; see docs/audit.md)")
    group.add_argument(
        "--plan", type=whole_number(1), metavar="N", help="only say what N pictures would take with these attacks"
    )
    for name in NAMES:
        group.add_argument(f"--{name.replace('_', '-')}", type=finite_number, metavar="X", help=argparse.SUPPRESS)
    flags = ", ".join(f"--{name.replace('_', '-')}" for name in NAMES)
    group.description = f"Assumptions that can be replaced: {flags}."


def assumptions_of(arguments: argparse.Namespace) -> Assumptions:
    """The assumptions of the flags. Raises ValueError for numbers that cannot be."""
    from mia_viz.audit.paper import Assumptions

    given = {name: getattr(arguments, name) for name in NAMES if getattr(arguments, name) is not None}
    for name, value in given.items():
        if value < 0 or (value == 0 and name in ABOVE_ZERO):
            raise ValueError(f"--{name.replace('_', '-')} cannot be {value:g}.")
    return Assumptions(**given)


def render(found: Estimate, plans: Sequence[Plan], assumed: Assumptions) -> str:
    """The estimate, and under it what it rests on."""
    from dataclasses import fields

    rows = [
        ("questions to the model per picture (NFE)", f"{found.nfe:,}"),
        ("pictures per second and GPU", f"{found.rate:.3g}"),
        ("GPU hours", f"{found.gpu_hours:,.3g}" if found.gpu_hours < 100 else f"{found.gpu_hours:,.0f}"),
        (f"hours on {assumed.gpus:g} GPUs", f"{found.hours:,.3g}"),
        ("the table", size(found.table_bytes)),
        ("the pictures, read once", size(found.source_bytes)),
        ("reading, per GPU", f"{size(found.read)} per second"),
    ]
    lines = [table((f"{found.pictures:,} pictures", ", ".join(p.key for p in plans)), rows), "", "Assumed:"]
    lines += [f"  {item.metadata['help']}: {getattr(assumed, item.name):g}" for item in fields(assumed)]
    lines.append("This is arithmetic, not a measurement; replace each number by what you measure (docs/audit.md).")
    return "\n".join(lines)


def size(count: float) -> str:
    """Bytes in the unit that people would use."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f} bytes"
