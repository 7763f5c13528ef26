"""What a page says and shows to a visitor who comes back after the picture was let go.

The page knows when it last asked the server for something. When it has been left alone for as long as pictures are
kept, and when it is touched again after some minutes, it asks whether anything was let go; the gate knows (see
`mia_viz.ui.housekeeping`) and says so in a header. Until then nothing else is answered, so that no answer is about
another picture than the one in view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import gradio as gr

from mia_viz.case import Case
from mia_viz.figures.palette import waiting
from mia_viz.own_models import SHELF, is_own
from mia_viz.ui import compare, housekeeping, methods, pick, scan, through
from mia_viz.ui.collection import Collection
from mia_viz.ui.events import QUIET
from mia_viz.ui.lab import static
from mia_viz.ui.letting_go import FOUND, HEADER, LET_GO, SEVERAL
from mia_viz.ui.parts import status
from mia_viz.ui.pick import Picked
from mia_viz.ui.walk import Screen, Walk

if TYPE_CHECKING:
    from mia_viz.ui.compare import Compare
    from mia_viz.ui.many import Group, Many
    from mia_viz.ui.methods import Methods
    from mia_viz.ui.through import Through

SHOW = """() => setTimeout(() => {
  const said = [...document.querySelectorAll('.mv-let-go:not([data-seen])')];
  said.forEach(part => { part.dataset.seen = ''; });
  said.find(part => part.getClientRects().length)?.scrollIntoView({block: 'center'});
}, 100)"""
"""Brings the sentence into view, once: on a phone it may stand far below."""


def script() -> str:
    """Goes with an element that is always on the page."""
    seconds = housekeeping.KEPT_SECONDS + housekeeping.MARGIN_SECONDS
    return static("coming_back.js").replace("KEPT_SECONDS", str(seconds))


def wire(
    bench: gr.HTML,
    walk: Walk,
    pages: tuple[Compare, Methods, Many, Through],
    held: gr.State,
    switched: list[gr.blocks.Block],
    turned: Callable[[Case, Picked], tuple],
) -> None:
    """Listen to the element that has the script.

    held: the name of the visitor's model. switched: what changes with the family of pictures; turned: values for it.
    """
    beside, every, many, table = pages

    def come_back(
        case: Case, picked: Picked, screen: Screen, own: str, request: gr.Request
    ) -> dict[gr.blocks.Block, object]:
        gone = {int(number) for number in request.headers.get(HEADER, "").split(",") if number}
        found: dict[gr.blocks.Block, object] = {bench: gr.skip()}
        if gone & _numbers(walk.case, walk.picked, walk.asked, *_beside(walk)):
            screen.family = family = _family(screen)
            case, picked = pick.opening_case(family)
            found |= (
                {walk.choose.family: family}
                | _walk(walk, dict(zip(switched, turned(case, picked), strict=True)))
                | _methods(every)
            )
        if gone & _numbers(beside.table, beside.kept):
            found |= dict(zip(beside.everything, compare.emptied(case, picked, own), strict=True))
            found |= {beside.asking.status: _said(FOUND)}
        for group in (many.suspects, many.unseen):
            if gone & _numbers(group.held):
                found |= _set(many, group)
        if gone & _numbers(table.archive, table.source):
            found |= _table(table)
        return found

    outputs = [bench, *switched, *_beside(walk), *walk.choose.scan.outputs, walk.choose.status, walk.choose.corner]
    outputs += [walk.choose.family, walk.steps.tabs, *_page(every), *beside.everything, beside.asking.status]
    for group in (many.suspects, many.unseen):
        outputs += [group.held, group.words]
    outputs += [many.status, *many.results, table.archive, table.source, table.status, table.table]
    given = [walk.case, walk.picked, walk.screen, held]
    told = bench.select(come_back, given, list(dict.fromkeys(outputs)), **QUIET)
    told.then(None, None, None, js=SHOW, api_visibility="private")


def _said(sentence: str) -> str:
    return status(f'<div class="mv-let-go">{sentence}</div>')


def _numbers(*states: gr.State) -> set[int]:
    return {state._id for state in states}


def _beside(walk: Walk) -> list[gr.State]:
    """What else the walk keeps of a picture, beside the case and what was picked and asked."""
    return [walk.uploaded, walk.verdict.told, walk.noise.settings.answer, *walk.choose.scan.looked_at]


def _family(screen: Screen) -> str:
    """The family in view, or the first one where that was of a model that is gone."""
    if not is_own(screen.family):
        return screen.family
    try:
        return SHELF.own(screen.family).name
    except ValueError:
        return "brain"


def _walk(walk: Walk, turned: dict) -> dict[gr.blocks.Block, object]:
    """The first step, with the family's own example in place of the picture, and the sentence."""
    step = walk.choose
    viewer = dict(zip(step.scan.outputs, scan.values(None, "exact", ""), strict=True))
    kept = dict.fromkeys(_beside(walk)[:3])
    open_now = {step.corner: gr.Accordion(open=True), walk.steps.tabs: gr.Tabs(selected=1)}
    return {**turned, **kept, **viewer, **open_now, step.status: _said(LET_GO)}


def _page(page: Methods) -> list[gr.blocks.Block]:
    return [page.subject, page.status, page.table]


def _methods(page: Methods) -> dict[gr.blocks.Block, object]:
    return dict(zip(_page(page), ("", status(), methods.table([])), strict=True))


def _set(page: Many, group: Group) -> dict[gr.blocks.Block, object]:
    blank = dict(zip(page.results, ("", waiting("nothing tested yet"), ""), strict=True))
    return {group.held: Collection(), group.words: _said(SEVERAL), page.status: status(), **blank}


def _table(page: Through) -> dict[gr.blocks.Block, object]:
    heads = gr.Dataframe(value=[], headers=[through.PLACE, through.PICTURE, through.STATE])
    return {page.archive: None, page.source: None, page.status: _said(SEVERAL), page.table: heads}
