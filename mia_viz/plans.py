"""Which attacks are run with which settings: in the walk, and for the bundled references.

Library defaults follow the papers. Where a paper is silent or its default fails on small models, the walk uses settings
chosen on the bundled pictures set aside for choosing (split "choose"), never on those shown, tested or calibrated with:
FCRE by its deeper walk (its variant V2) and without the SSIM term, noise aggregation through FreMIA's filter with
the paper's own r and s. Why without SSIM: on `brain-a` that term points the wrong way, because of the black background,
where a picture has nothing but scanner grain; there the rebuilding of a known picture brings grain of its own, while
inside the head its SSIM is the higher one, as it should be.
"""

from __future__ import annotations

from mia_viz.analysis import Plan, plan
from mia_viz.attacks import names
from mia_viz.frequency import FREMIA

WALK_ATTACKS = ("noise_aggregation", "loss", "fcre", "drc")
"""In the order in which they are run: cheap evidence first."""


def walk_plans() -> list[Plan]:
    """The four plans of the walk."""
    settings = {"fcre": {"variant": "v2", "ssim": "false"}}
    return [
        plan(name, settings.get(name), FREMIA) if name == "noise_aggregation" else plan(name, settings.get(name))
        for name in WALK_ATTACKS
    ]


def bundled_plans(attacks: tuple[str, ...] = ()) -> list[Plan]:
    """Plans of the bundled references: every attack at its defaults, with FreMIA's filter, and the walk's settings.

    attacks: names to keep; all when empty. DRC and gradient norms do not judge errors and go without the filter.
    """
    chosen = attacks or tuple(names())
    plans = [plan(name) for name in chosen]
    plans += [plan(name, {}, FREMIA) for name in chosen if name not in ("drc", "gradient")]
    plans += [p for p in walk_plans() if p.attack.name in chosen and p.key not in {q.key for q in plans}]
    return plans
