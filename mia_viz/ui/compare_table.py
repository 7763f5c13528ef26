"""What lies side by side: two columns, each a picture asked of a model, and the cases known about them.

Needs neither gradio nor torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.own_models import is_own
from mia_viz.statement import Statement, statement
from mia_viz.targets import bundled
from mia_viz.ui.compare_cases import ages, examples, stored
from mia_viz.ui.pick import Picked, blank_case, pick_bundled

MOST_KEPT = 16
"""Cases of one visit that are remembered; the oldest goes first."""
UNSEEN_BESIDE, TWINS, EARLY = "unseen", "twins", "early"
PRESETS = {
    UNSEEN_BESIDE: "A training picture beside one never seen",
    TWINS: "The same picture asked of model A and of its twin B",
    EARLY: "The same picture early and late in training",
}


@dataclass(frozen=True, eq=False)
class Side:
    """One column: a picture, the model it is asked of, and what that is told beside it (None: it takes no caption).

    key: of the picture among those on offer (`mia_viz.ui.compare_offers`).
    """

    picked: Picked
    target: str
    caption: str | None
    key: str

    def fits(self, case: Case) -> bool:
        """Whether a case answers this column's question."""
        return (case.target, case.sha256, case.caption) == (self.target, self.picked.prepared.sha256, self.caption)


@dataclass(frozen=True, eq=False)
class Table:
    """The two columns. family: the bundled one that was in view when they were laid."""

    family: str
    sides: tuple[Side, Side]

    def with_side(self, which: int, side: Side) -> Table:
        """The table with another column in one place."""
        return replace(self, sides=tuple(side if i == which else other for i, other in enumerate(self.sides)))


@dataclass(frozen=True, eq=False)
class Column:
    """A column with what is known: the case (without findings where nobody has asked), and what it comes to.

    statement: None unless all methods have spoken. revealed: whether the truth is shown.
    """

    case: Case
    statement: Statement | None
    revealed: bool = False


def bundled_side(family: str, index: int, target: str) -> Side:
    """A column about a bundled picture, told its own caption."""
    picked = pick_bundled(family, index)
    return Side(picked, target, (picked.caption or "") if bundled.captioned(family) else None, f"{family}:{index}")


def presets(family: str) -> dict[str, str]:
    """The ready-made comparisons a family has, as name -> words."""
    young = len(ages(family)) > 1
    return {name: words for name, words in PRESETS.items() if name != EARLY or young}


def preset(family: str, name: str) -> Table:
    """A ready-made comparison, every case of which is stored."""
    model, twin = f"{family}-a", f"{family}-b"
    member, other = examples(family)
    pairs = {
        UNSEEN_BESIDE: ((member, model), (other, model)),
        TWINS: ((member, model), (member, twin)),
        EARLY: ((member, ages(family)[0]), (member, model)),
    }
    return Table(family, tuple(bundled_side(family, index, target) for index, target in pairs[name]))


def known(side: Side, kept: tuple[Case, ...]) -> Case | None:
    """The case that answers a column's question: from this visit, else stored; None where nobody has asked."""
    own = next((case for case in reversed(kept) if side.fits(case)), None)
    if own is not None or is_own(side.target):
        return own
    indices = [i for i in examples(bundled.family_of(side.target)) if side.picked.name.endswith(f"{i:04d}")]
    found = (stored(side.target, index) for index in indices)
    return next((case for case in found if case is not None and side.fits(case)), None)


def missing(table: Table, kept: tuple[Case, ...]) -> list[Side]:
    """Columns nobody has an answer for; of two that ask the same, one."""
    left, right = table.sides
    asked = [left] if known(left, kept) is None else []
    same = (left.target, left.picked.prepared.sha256, left.caption) == (
        right.target,
        right.picked.prepared.sha256,
        right.caption,
    )
    return asked if known(right, kept) is not None or (asked and same) else [*asked, right]


def remember(kept: tuple[Case, ...], case: Case) -> tuple[Case, ...]:
    """The remembered cases with one more, which replaces an earlier answer to the same question."""
    others = [c for c in kept if (c.target, c.sha256, c.caption) != (case.target, case.sha256, case.caption)]
    return (*others, case)[-MOST_KEPT:]


def columns(table: Table, kept: tuple[Case, ...], revealed: bool, said: bool = True) -> tuple[Column, Column]:
    """Both columns; said: with what each comes to, which takes a moment."""
    return tuple(_column(side, kept, revealed, said) for side in table.sides)


def _column(side: Side, kept: tuple[Case, ...], revealed: bool, said: bool) -> Column:
    case = known(side, kept)
    if case is None:
        return Column(replace(blank_case(side.picked, side.target), caption=side.caption), None, revealed)
    whole = said and engine.finished(case)
    return Column(case, statement(case, engine.reference(case.target)) if whole else None, revealed)
