"""Which cases can be looked at side by side without asking a model: those stored beforehand. Needs neither gradio nor
torch.

Of every family two pictures are stored, the first on show of each twin's group: taken for their place in the list, not
for their scores. Both were asked of both twins and of every earlier training age, so that each question of the page
"Compare" has an answer before anything is pressed.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from mia_viz.case import Case, load_case
from mia_viz.own_models import is_own
from mia_viz.subjects import subject
from mia_viz.targets import bundled


def examples(family: str) -> tuple[int, int]:
    """The two stored pictures of a family: one that model A was trained on, and one that its twin B was."""
    known = bundled.population(family)
    return known.indices("A", "shown")[0], known.indices("B", "shown")[0]


def family_in_view(target: str) -> str:
    """The family a target belongs to; for a model of the visitor's own the first of those that are bundled."""
    family = bundled.family_of(target)
    return family if family in bundled.families() else bundled.families()[0]


def called(target: str) -> str:
    """What a model is called, a visitor's own included."""
    return subject(target).title if is_own(target) else bundled.title(target)


def targets(family: str) -> tuple[str, ...]:
    """The bundled targets of a family, finished ones first."""
    return tuple(name for name in bundled.bundled_names() if bundled.family_of(name) == family)


def ages(family: str) -> tuple[str, ...]:
    """Model A of a family at every kept training age, youngest first; the finished model is the last."""
    kept = [name for name in targets(family) if name == f"{family}-a" or name.startswith(f"{family}-a-")]
    return tuple(sorted(kept, key=passes))


def passes(target: str) -> int:
    """How many times a bundled target has gone through its training pictures."""
    return int(bundled.manifest(target)["epoch"])


def stored_file(target: str, index: int) -> Path:
    """Where the stored case of a bundled picture under a target lies."""
    return bundled.ASSETS / "compare" / f"{target}-{index:04d}.npz"


@lru_cache(maxsize=64)
def stored(target: str, index: int) -> Case | None:
    """The stored case of a bundled picture under a target; None where there is none."""
    file, opening = stored_file(target, index), _opening(bundled.family_of(target))
    if opening is not None and (opening.target, place(opening)) == (target, index):
        return opening
    return load_case(file) if file.is_file() else None


@lru_cache(maxsize=8)
def _opening(family: str) -> Case | None:
    file = bundled.case_file(family)
    return load_case(file) if file.is_file() else None


def place(case: Case) -> int | None:
    """The index of the bundled picture a case is about; None for any other picture."""
    return None if case.truth is None or not case.name[-4:].isdigit() else int(case.name[-4:])


def carried(case: Case) -> bool:
    """Whether a link to what is known about a case opens with it: it is stored, or nobody has asked yet."""
    index = place(case)
    found = None if index is None else stored(case.target, index)
    same = found is not None and (found.sha256, found.caption) == (case.sha256, case.caption)
    return same or not case.findings
