"""The panels of a comparison as HTML: rows in which like stands beside like, on one scale.

Limits are found over all columns given and printed. Needs neither gradio nor torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.figures import images
from mia_viz.figures.compare import score_strip
from mia_viz.figures.compare_svg import limits
from mia_viz.figures.palette import HOLDOUT, MEMBER
from mia_viz.own_models import SHELF, is_own
from mia_viz.ui.compare_cases import called, carried, place
from mia_viz.ui.compare_table import Column
from mia_viz.ui.restore import DIFFERENCE_LIMIT, likeness
from mia_viz.ui.tasks import TASKS, shown

NOT_ASKED = '<p class="mv-note">This model has not been asked about this picture yet.</p>'
NOT_THIS_WAY = '<p class="mv-note">This model was not asked in this way.</p>'
COLOURS = {"stands out": MEMBER, "ordinary": HOLDOUT}
GREY = "#8a8f98"
TRUTHS = {"member": "trained on", "hold-out": "never seen by this model"}
NAMED = {"member": "trained on, as you said", "hold-out": "never seen by this model, as you said"}
TOGETHER = "All methods together"
OTHER_WAY = "the two models were asked in different ways, so these scores cannot be compared with one another"
NO_SCALE = '<p class="mv-note">No pictures of known membership to compare with.</p>'
ARROW = "more like a training picture \N{RIGHTWARDS ARROW}"


def who(column: Column) -> str:
    """Which picture, asked of which model."""
    return f"{column.case.name}, asked of {called(column.case.target)}"


def absent(column: Column) -> str:
    """In place of evidence that is not there."""
    return NOT_THIS_WAY if column.case.findings else NOT_ASKED


def badge(column: Column) -> str:
    """The truth where it is shown: a blue circle or a vermilion square with words."""
    if not column.revealed:
        return ""
    truth, words = column.case.truth, TRUTHS
    if truth is None and is_own(column.case.target):
        truth, words = _named(column.case), NAMED
    if truth is None:
        return '<span class="cmp-badge">nobody here knows</span>'
    kind = "circle" if truth == "member" else "square"
    return f'<span class="cmp-badge"><i class="cmp-{kind}"></i> {words[truth]}</span>'


def _named(case: Case) -> str | None:
    """What the visitor said of a picture that their model is judged by; None of any other."""
    gallery = SHELF.own(case.target).gallery
    if gallery is None or case.sha256 not in gallery.sha256:
        return None
    return "member" if gallery.member[gallery.sha256.index(case.sha256)] else "hold-out"


def row(columns: Sequence[Column], cell: Callable[[Column], str], kind: str = "") -> str:
    """One cell per column under its name, side by side; kind: a further class."""
    cells = "".join(
        f'<div class="cmp-cell"><p class="cmp-who">{escape(who(c))} {badge(c)}</p>{cell(c)}</div>' for c in columns
    )
    return f'<div class="cmp-pair {kind}">{cells}</div>'


def heads(columns: Sequence[Column]) -> str:
    """The pictures and what the evidence about each comes to, in one sentence."""
    return row(columns, lambda column: f"<div {_linked(column.case)}>{_head(column)}</div>", "cmp-heads")


def _linked(case: Case) -> str:
    """Attributes for a link to a column: "brain-a:112", empty for a picture or model of one's own, and which of the two
    it is; whether the link brings answers."""
    own = "model" if is_own(case.target) else "picture" if place(case) is None else ""
    side = "" if own else f"{case.target}:{place(case)}"
    return f'data-side="{escape(side)}" data-own="{own}" data-carried="{str(carried(case)).lower()}"'


def _head(column: Column) -> str:
    case = column.case
    picture = images.tile(images.grey(case.values), "", f"{case.name}, the picture in question")
    changed = f'<p class="mv-note">{escape(" ".join(case.notes))}</p>' if case.notes else ""
    return f'<div class="cmp-head">{picture}<div>{_answer(column)}{changed}</div></div>'


def _answer(column: Column) -> str:
    """What the evidence comes to, where there is any."""
    found = column.statement
    if not column.case.findings:
        return NOT_ASKED
    if found is None:
        return "<p>The answer appears when all methods have spoken.</p>"
    often = "" if found.verdict is None or found.zone == "not covered" else f"<p>{escape(found.verdict.frequency)}</p>"
    colour = COLOURS.get(found.zone, GREY)
    return f'<div class="mv-answer" style="--c:{colour}"><h2 class="mv-sub">{escape(found.answer)}</h2>{often}</div>'


def numbered(labels: Sequence[str]) -> list[str]:
    """Names of restorations of which some repeat, so that models can be held side by side: "centre:1", "centre:2"."""
    return [f"{name}:{labels[: k + 1].count(name)}" for k, name in enumerate(labels)]


def tasks(cases: Sequence[Case]) -> dict[str, str]:
    """Every restoration that one of the cases holds, as name -> words; those that more of them hold come first."""
    labels = [numbered(case.restoration.labels) for case in cases if case.restoration is not None]
    names = dict.fromkeys(name for one in labels for name in one)
    shared = sorted(names, key=lambda name: -sum(name in one for one in labels))
    return {name: f"{k}: {TASKS[name.split(':')[0]].short}" for k, name in enumerate(shared, start=1)}


def restored(columns: Sequence[Column], task: str) -> str:
    """The picture, what the model was shown of it, what it gave back, and where that differs.

    task: one of `tasks`.
    """
    scale = images.scale_bar(
        images.DIVERGING,
        f"-{DIFFERENCE_LIMIT:g}",
        "difference of brightness, one scale for both",
        f"+{DIFFERENCE_LIMIT:g}",
    )
    return row(columns, lambda column: _restored(column, task), "cmp-pictures") + scale


def _restored(column: Column, name: str) -> str:
    case, part = column.case, column.case.restoration
    if part is None or name not in numbered(part.labels):
        return absent(column)
    task = numbered(part.labels).index(name)
    words, region = TASKS[part.labels[task]], part.hidden[task]
    difference = (part.restored[task] - case.values) * region
    size = np.sqrt((difference**2).mean(axis=0).sum() / max(1, region.sum()))
    tiles = (
        images.tile(images.grey(case.values), "The picture", f"{case.name}, the original picture"),
        images.tile(shown(case, task), "Shown to the model", f"{case.name}, {words.short}"),
        images.tile(images.grey(part.restored[task]), "Given back", f"{case.name} as restored", likeness(case, task)),
        images.tile(
            images.signed(difference, DIFFERENCE_LIMIT),
            "Where it differs",
            f"map of differences, root mean square {size:.2f}",
            f"size {size:.2f}",
        ),
    )
    return f'<div class="cmp-tiles">{"".join(tiles)}</div>'


def noises(columns: Sequence[Column], level: int) -> str:
    """The answer at one noise level, how far it lies from the mean of all answers, and that distance at every level."""
    top = round_up(max((3 * _typical(c) for c in columns if c.case.noises is not None), default=0.25))
    scale = images.scale_bar(
        images.SEQUENTIAL, "0", "distance from the mean of all answers, one scale for both", f"{top:g}"
    )
    return row(columns, lambda column: _noises(column, level, top), "cmp-pictures") + scale


def _typical(column: Column) -> float:
    return float(np.sqrt((column.case.noises.offsets**2).mean()))


def _noises(column: Column, level: int, top: float) -> str:
    part = column.case.noises
    if part is None:
        return absent(column)
    tiles, level = [], min(level, len(part.levels) - 1)
    for i, (value, offset) in enumerate(zip(part.levels, part.offsets, strict=True)):
        words = f"Level {value}" + (" (chosen)" if i == level else "")
        shades = images.unsigned(np.abs(offset).mean(axis=0), 0, top)
        tile = images.tile(shades, words, f"distance map at level {value}", f"{part.distances[i]:.3f}")
        tiles.append(tile.replace('class="mv-tile"', 'class="mv-tile cmp-now"') if i == level else tile)
    big, rest = tiles[level], "".join(tile for i, tile in enumerate(tiles) if i != level)
    return f'<div class="cmp-noise">{big}<div class="cmp-tiles">{rest}</div></div>'


def scores(columns: Sequence[Column]) -> str:
    """Every method's score among known pictures, and all of them together; one axis per method for both columns."""
    rows = []
    if any(c.statement is not None and c.statement.together is not None for c in columns):
        rows.append(_strips(columns, TOGETHER, _together, "the answer above rests on this score"))
    if not any(c.case.findings for c in columns):
        return row(columns, lambda column: NOT_ASKED)
    alone = []
    for title in dict.fromkeys(f.title for c in columns for f in c.case.findings):
        keys = {f.key for c in columns for f in c.case.findings if f.title == title}
        note = OTHER_WAY if len(keys) > 1 else ""
        alone.append(_strips(columns, title, lambda column, title=title: _of_method(column, title), note))
    hidden = "" if rows else " open"
    return f"{''.join(rows)}<details{hidden}><summary>Each method on its own</summary>{''.join(alone)}</details>"


def _strips(columns: Sequence[Column], title: str, part: Callable[[Column], tuple | None], note: str) -> str:
    parts = {id(c): part(c) for c in columns}
    found = [group for values in parts.values() if values is not None for group in values]
    both = limits([np.atleast_1d(group) for group in found if group is not None])

    def cell(column: Column) -> str:
        values = parts[id(column)]
        if values is None:
            return _without(column, title)
        score, members, holdouts = values
        above = int((holdouts >= score).sum())
        place = f"{above} of {len(holdouts)} never-seen pictures score this high."
        return score_strip(score, members, holdouts, both, who(column)) + f'<p class="mv-note">{place}</p>'

    words = f' <span class="mv-note">{escape(note)}</span>' if note else ""
    return f"<h4>{escape(title)}{words}</h4>{row(columns, cell, 'cmp-wide')}"


def _without(column: Column, title: str) -> str:
    """Where a score has no scale: the number alone, and why."""
    finding = next((f for f in column.case.findings if f.title == title), None)
    if finding is None:
        return absent(column) if not column.case.findings or title != TOGETHER else NO_SCALE
    return f'<p class="mv-note">Its score is {finding.score:.4g}.</p>{NO_SCALE}'


def _together(column: Column) -> tuple | None:
    whole = column.statement and column.statement.together
    return None if whole is None else (whole.score, whole.members, whole.holdouts)


def _of_method(column: Column, title: str) -> tuple | None:
    case, reference = column.case, engine.reference(column.case.target)
    finding = next((f for f in case.findings if f.title == title), None)
    if finding is None or finding.verdict is None or reference is None:
        return None
    return finding.score, *(reference.scores(finding.key, member, without=(case.sha256,)) for member in (True, False))


def round_up(value: float) -> float:
    """The next number with one significant digit, so that a limit can be printed in full."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** np.floor(np.log10(value))
    return float(np.round(np.ceil(value / unit - 1e-9) * unit, 12))


LEGEND = (
    '<p class="cmp-legend"><span><i class="cmp-circle"></i> pictures it was trained on</span> '
    '<span><i class="cmp-square"></i> pictures it never saw</span> '
    '<span><i class="cmp-diamond"></i> the picture in this column</span></p>'
)
