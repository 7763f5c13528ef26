"""From a picture file and an opened model to everything a report is made from; used again to verify one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.report import facts
from mia_viz.statement import Gallery, Statement, statement

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.case import Case
    from mia_viz.pictures.picture import View
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target


@dataclass(frozen=True, eq=False)
class Asked:
    """What is to be reported on.

    image: the picture's file; view: what of it, if it is a scan. how: it is prepared. caption: told to a model that
    takes one. reference, file: known pictures and where they are stored; reason: why there are none. gallery: the
    known pictures themselves. twin: the second model with its reference. flags: of the command, beside the image, the
    target and the folder.
    """

    target: Target
    image: Path
    how: str = "exact"
    caption: str = ""
    reference: Reference | None = None
    file: Path | None = None
    reason: str = ""
    gallery: Gallery | None = None
    twin: tuple[Target, Reference | None] | None = None
    keep_name: bool = False
    flags: tuple[str, ...] = ()
    name: str = ""
    view: View | None = None


@dataclass(frozen=True, eq=False)
class Made:
    """A case, what can be said of it, and what surrounds it."""

    case: Case
    statement: Statement
    facts: facts.Facts


def usable_plans(target: Target, caption: str) -> list[Plan]:
    """The walk's plans that a target can be asked. Raises ValueError where there is none."""
    from mia_viz.commands.common import unusable
    from mia_viz.plans import walk_plans

    found = [chosen for chosen in walk_plans(target.name, target.schedule) if not unusable(chosen, target, [caption])]
    if not found:
        raise ValueError("None of the methods of the report can be used on this model.")
    return found


def make(asked: Asked, tell: Callable[[str], None] = lambda text: None) -> Made:
    """Examine the picture under the model, and under its twin, and gather the facts. Raises ValueError.

    tell: hears one sentence after every attack.
    """
    from mia_viz.examine import examine
    from mia_viz.pictures.files import load_picture
    from mia_viz.pictures.prepare import prepare

    picture = load_picture(asked.image, view=asked.view)
    shape = asked.target.picture_shape
    prepared = prepare(picture, shape[1:], shape[0], asked.how)

    def case_of(target: Target, known: Reference | None) -> Case:
        def told(case: Case) -> None:
            tell(f"{target.name}: {case.findings[-1].title}.")

        plans = usable_plans(target, asked.caption)
        return examine(target, prepared, picture.name, known, None, None, told, asked.caption, plans)

    case = case_of(asked.target, asked.reference)
    twin = None if asked.twin is None else (case_of(*asked.twin), asked.twin[1])
    found = statement(case, asked.reference, asked.gallery, twin)
    if asked.reason:
        found = replace(found, notes=(f"No reference was used: {asked.reason}.", *found.notes))
    name = picture.name if asked.keep_name else None
    about = facts.Facts(
        facts.picture_facts(picture, asked.how, name, asked.caption),
        facts.target_facts(asked.target),
        facts.reference_facts(asked.reference, asked.file),
        facts.settings_facts(usable_plans(asked.target, asked.caption)),
        facts.program_facts(),
        facts.command(asked.name or asked.target.name, asked.how, *asked.flags),
    )
    return Made(case, found, about)
