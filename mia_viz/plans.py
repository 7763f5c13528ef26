"""Which attacks are run with which settings: in the walk, and for the bundled references.

Library defaults follow the papers. Where a paper is silent or its default fails on small models, the walk uses settings
chosen on the bundled pictures set aside for choosing (split "choose"), never on those shown, tested or calibrated with:
FCRE by its deeper walk (its variant V2) and without the SSIM term, noise aggregation through FreMIA's filter with
the paper's own r and s. Why without SSIM: on `brain-a` that term points the wrong way, because of the black background,
where a picture has nothing but scanner grain; there the rebuilding of a known picture brings grain of its own, while
inside the head its SSIM is the higher one, as it should be.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mia_viz.analysis import Plan, plan
from mia_viz.attacks import get, names
from mia_viz.diffusion import Schedule
from mia_viz.frequency import FREMIA, NONE, Filter
from mia_viz.targets.bundled import population_of

if TYPE_CHECKING:
    from mia_viz.reference import Reference

WALK_ATTACKS = ("noise_aggregation", "loss", "fcre", "drc")
"""In the order in which they are run: cheap evidence first."""
WALK_SETTINGS = {"fcre": {"variant": "v2", "ssim": "false"}}
FAMILY_ATTACKS = {"emoji": ("noise_aggregation", "loss", "smia", "fcre", "drc")}
"""Text-to-image models are also asked whether the picture's structure lasts."""
FAMILY_SETTINGS = {
    "digits": {"drc": {"tasks": "sr2+sr4", "restorations": "2", "levels": "10", "resamplings": "3"}},
    "emoji": {"drc": {"tasks": "centre+salient", "restorations": "2", "levels": "10", "resamplings": "2"}},
}
"""Digits are made coarser instead of having a part hidden, which is mostly black. Both are walked in fewer steps than
the brains: on their "choose" splits that told members and hold-outs apart as well."""


def walk_plans(target: str = "", schedule: Schedule | None = None) -> list[Plan]:
    """The plans of the walk for a target's name; other than bundled names get the common ones.

    schedule: of the target, where it may have other than a thousand levels.
    """
    family = _family(target)
    settings = WALK_SETTINGS | FAMILY_SETTINGS.get(family, {})
    return [
        plan(name, settings.get(name), FREMIA if name == "noise_aggregation" else NONE, schedule)
        for name in FAMILY_ATTACKS.get(family, WALK_ATTACKS)
    ]


def bundled_plans(attacks: tuple[str, ...] = (), target: str = "") -> list[Plan]:
    """Plans of the bundled references: every attack at its defaults, with FreMIA's filter, and the walk's settings.

    attacks: names to keep; all when empty. target: whose walk; what its family sets replaces the default. What does
    not judge errors goes without the filter.
    """
    chosen = attacks or tuple(names())
    plans = [plan(name) for name in chosen if name not in FAMILY_SETTINGS.get(_family(target), {})]
    plans += [plan(name, {}, FREMIA) for name in chosen if name not in ("drc", "smia", "gradient")]
    plans += [p for p in walk_plans(target) if p.attack.name in chosen and p.key not in {q.key for q in plans}]
    return plans


def plans_of(reference: Reference) -> list[Plan]:
    """The plans a reference holds columns of, in their order."""
    plans = []
    for key, column in reference.columns.items():
        values = json.loads(column.settings)
        attack = get(key.split()[0])
        plans.append(Plan(attack, attack.Params(**values["params"]), Filter.parse(values["filter"])))
    return plans


def _family(target: str) -> str:
    """The population of a bundled target, "" for any other."""
    known = population_of(target)
    return "" if known is None else known.name
