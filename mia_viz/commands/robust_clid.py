"""CLiD under its published robust scaling, which needs a population: asked as its two parts and combined afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.reference import Reference

PARTS = ("gap", "loss")


def wanted(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """The plans that ask for robust scaling."""
    return tuple(p for p in plans if p.attack.name == "clid" and p.params.combine == "robust")


def part(chosen: Plan, name: str) -> Plan:
    """The plan of one of the parts: D alone ("gap") or L alone ("loss")."""
    return replace(chosen, params=replace(chosen.params, combine=name, alpha=type(chosen.params)().alpha))


def parts(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """The plans with every robust one replaced by its parts, each once."""
    robust, found = wanted(plans), {}
    for chosen in plans:
        for item in [part(chosen, name) for name in PARTS] if chosen in robust else [chosen]:
            found.setdefault(item.key, item)
    return tuple(found.values())


def combined(table: Reference, plans: Sequence[Plan]) -> Reference:
    """The table with a column for every robust plan, scaled by its calibration pictures without their labels.

    Raises ValueError when there is no calibration picture.
    """
    from mia_viz.attacks.clid import robust
    from mia_viz.reference import settings_text

    columns = dict(table.columns)
    for chosen in wanted(plans):
        gap, loss = (table.columns[part(chosen, name).key] for name in PARTS)
        values = robust(gap.raw, loss.raw, table.split == "calibration", chosen.params.alpha)
        settings = settings_text(chosen, gap.told)
        columns[chosen.key] = replace(gap, settings=settings, score=values, raw=values, energy=gap.energy[:, :0])
    return replace(table, columns=columns)
