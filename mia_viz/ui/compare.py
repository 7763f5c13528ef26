"""The page "Compare": two columns, each a picture asked of a model; one scale and one set of controls for both.

It opens on stored cases. Other pictures and models are asked on demand and remembered for the visit.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.own_models import is_own
from mia_viz.targets import bundled
from mia_viz.ui import ages, compare_asking, compare_offers, compare_panels
from mia_viz.ui.compare_cases import called, family_in_view, targets
from mia_viz.ui.compare_errors import bands, errors
from mia_viz.ui.compare_offers import OWN_BESIDE, Mine, offers, side_of, turned
from mia_viz.ui.compare_parts import LEFT, RIGHT, Picker, panel, picker, thumbs
from mia_viz.ui.compare_table import (
    PRESETS,
    UNSEEN_BESIDE,
    Side,
    Table,
    columns,
    missing,
    preset,
    presets,
    remember,
)
from mia_viz.ui.events import IN_ORDER, LATEST, QUIET
from mia_viz.ui.pick import Picked
from mia_viz.ui.walk import Walk

ALL_PRESETS = {**PRESETS, **compare_offers.PRESETS}
REVEAL, HIDE = "Show which was trained on", "Hide which was trained on"
ALL_DETAIL = "all"


@dataclass(frozen=True)
class Compare:
    """Components of the page. table: a `Table`; kept: cases asked for in this visit; revealed: the truth is shown."""

    table: gr.State
    kept: gr.State
    revealed: gr.State
    presets: list[gr.Button]
    pickers: tuple[Picker, Picker]
    refused: gr.HTML
    reveal: gr.Button
    asking: compare_asking.Asking
    heads: gr.HTML
    task: gr.Radio
    restored: gr.HTML
    band: gr.Radio
    errors: gr.HTML
    level: gr.Slider
    noises: gr.HTML
    scores: gr.HTML
    ages: ages.Ages

    @property
    def panels(self) -> list[gr.components.Component]:
        """Everything that shows the two columns, their controls included."""
        parts = (self.heads, self.task, self.restored, self.errors, self.level, self.noises, self.scores)
        return [*parts, self.reveal, *self.asking.outputs]

    @property
    def pictures(self) -> list[gr.components.Component]:
        """What chooses the two columns."""
        return [part for one in self.pickers for part in one.outputs]

    @property
    def everything(self) -> list[gr.components.Component]:
        """What is filled when the page is opened."""
        return [self.table, self.kept, self.revealed, *self.presets, *self.pictures, self.refused, *self.panels]


def build() -> Compare:
    """Lay out the page, empty: it is filled when it is opened."""
    table, kept, revealed = gr.State(None), gr.State(()), gr.State(False)
    with gr.Tabs(elem_id="compare-tabs"):
        with gr.Tab("Side by side", id="beside"):
            gr.HTML(
                '<p class="mv-lead">Evidence says most beside other evidence. Here two questions stand side by side: a '
                "picture, asked of a model. Whatever you move moves in both columns, on one scale.</p>"
            )
            with gr.Row():
                buttons = [gr.Button(words, elem_id=f"preset-{name}") for name, words in ALL_PRESETS.items()]
            choose = gr.Accordion("Choose other pictures or models", open=False, elem_id="compare-choose")
            with choose:
                with gr.Row(equal_height=False):
                    pickers = (picker(LEFT), picker(RIGHT))
                refusal = gr.HTML("", visible=False, elem_id="compare-refused")
            asking = compare_asking.build()
            heads = panel("compare-heads")
            reveal = gr.Button(REVEAL, elem_id="compare-reveal")
            views = _views()
        with gr.Tab("As training goes on", id="ages", elem_id="tab-ages"):
            growing = ages.build()
    return Compare(table, kept, revealed, buttons, pickers, refusal, reveal, asking, heads, *views, growing)


def _views() -> tuple[gr.components.Component, ...]:
    """The evidence in rows, each under the control that moves it."""
    gr.HTML("<h3>What did the model put in place of what was taken away?</h3>")
    task = gr.Radio([], label="What was taken away (moves both columns)", elem_id="compare-task")
    restored = panel("compare-restored")
    gr.HTML("<h3>Where is its guess wrong, from coarse to fine?</h3>")
    gr.HTML(
        '<p class="mv-lead">Noise was added to the picture, and the model guessed that noise. An error of 1 is as '
        "large as the noise itself (<i>loss</i>).</p>"
    )
    band = gr.Radio(bands(), value=ALL_DETAIL, label="Detail that counts (moves both columns)", elem_id="compare-band")
    panel("compare-legend", compare_panels.LEGEND)
    wrong = panel("compare-errors")
    gr.HTML("<h3>How well do its answers at several noise levels agree?</h3>")
    level = gr.Slider(1, 5, value=1, step=1, label="Which answer (moves both columns)", elem_id="compare-level")
    noises = panel("compare-noises")
    gr.HTML("<h3>How does that compare with known pictures?</h3>")
    panel("compare-legend-2", compare_panels.LEGEND)
    scores = panel("compare-scores")
    return task, restored, band, wrong, level, noises, scores


def wire(page: Compare, tab: gr.Tab, walk: Walk, held: gr.State) -> None:
    """Open, choose, scrub, reveal and ask. held: the name of the visitor's own model, "" for none."""
    shown = [page.table, page.kept, page.revealed, page.task, page.band, page.level]
    mine = [held, walk.picked, walk.uploaded, walk.choose.how, walk.choose.caption.text]
    tab.select(_opened, [*shown, walk.choose.target, walk.case, *mine], page.everything, **QUIET)
    held.change(_without_others, [page.kept, held], page.kept, **QUIET)
    ages.wire(page.ages, tab, walk.choose.target)
    for name, button in zip(ALL_PRESETS, page.presets, strict=True):

        def turn(table: Table, kept: tuple, task: str, band: str, level: int, *brought: object, name: str = name):
            theirs = Mine(*brought)
            chosen = _preset(table.family, name, theirs)
            return chosen, False, *_pictures(chosen, theirs), *_panels(chosen, kept, False, task, band, level)

        given = [page.table, page.kept, page.task, page.band, page.level, *mine]
        button.click(turn, given, [page.table, page.revealed, *page.pictures, *page.panels], **QUIET)
    for which, one in enumerate(page.pickers):
        _wire_picker(page, which, one, shown, mine)
    _wire_scrubbers(page)
    page.reveal.click(
        lambda table, kept, seen, *view: (not seen, *_panels(table, kept, not seen, *view)),
        shown,
        [page.revealed, *page.panels],
        **QUIET,
    )
    for done in compare_asking.wire(page.asking, page.table, page.kept, walk.screen):
        done.then(_panels, shown, page.panels, **QUIET)


def _wire_picker(page: Compare, which: int, one: Picker, shown: list, mine: list) -> None:
    """Another picture or another model in one column; the truth is hidden again."""

    def model(table: Table, kept: tuple, _: bool, task: str, band: str, level: int, target: str, *brought: object):
        theirs = Mine(*brought)
        side = turned(table.sides[which], target, theirs)
        changed = table.with_side(which, side)
        pictures = _picker(which, changed, theirs)
        return changed, False, *pictures, *_panels(changed, kept, False, task, band, level)

    # Gradio looks for its event among the plain parameters, so this handler cannot take its inputs as *rest.
    def picture(table, kept, _, task, band, level, held, picked, uploaded, how, caption, event: gr.EventData) -> tuple:
        side = _picked(table.sides[which], event._data.get("pick"), Mine(held, picked, uploaded, how, caption))
        changed = table.with_side(which, side)
        return changed, False, *_panels(changed, kept, False, task, band, level)

    outputs = [page.table, page.revealed, *page.panels]
    one.thumbs.select(picture, [*shown, *mine], outputs, **IN_ORDER)
    one.target.input(model, [*shown, one.target, *mine], [*outputs[:2], *one.outputs, *page.panels], **LATEST)


def _wire_scrubbers(page: Compare) -> None:
    """Each control redraws its own row; no model is asked."""
    given = [page.table, page.kept, page.revealed]

    def drawn(panels) -> object:
        return lambda table, kept, seen, value: panels(columns(table, kept, seen, said=False), value)

    task = drawn(compare_panels.restored)
    level = drawn(lambda both, place: compare_panels.noises(both, int(place) - 1))
    page.task.input(task, [*given, page.task], page.restored, **LATEST)
    page.band.input(drawn(errors), [*given, page.band], page.errors, **LATEST)
    page.level.input(level, [*given, page.level], page.noises, **LATEST)


def _opened(
    table: Table | None,
    kept: tuple[Case, ...],
    seen: bool,
    task: str | None,
    band: str,
    level: int,
    target: str,
    case: Case,
    *brought: object,
) -> tuple:
    """The page for the family in view; what the walk has found out in this visit is known here as well."""
    family, theirs = family_in_view(target), Mine(*brought)
    offered = {**presets(family), **compare_offers.presets(theirs)}
    if table is None or table.family != family:
        table, seen, task = _first(family, target, theirs), False, None
    if case.live and case.findings and engine.finished(case):
        kept = remember(kept, case)
    kept = _without_others(kept, theirs.held)
    table = _up_to_date(table, theirs)
    buttons = [gr.Button(visible=name in offered) for name in ALL_PRESETS]
    pickers = [*_pictures(table, theirs), _note(compare_offers.refused(theirs))]
    return table, kept, seen, *buttons, *pickers, *_panels(table, kept, seen, task, band, level)


def emptied(case: Case, picked: Picked, held: str) -> tuple:
    """Values for `Compare.everything`: as when the page is opened for the first time."""
    brought = (held, picked, None, "exact", picked.caption or "")
    return _opened(None, (), False, None, ALL_DETAIL, 1, case.target, case, *brought)


def _first(family: str, target: str, theirs: Mine) -> Table:
    """The columns to begin with: the model in view, where it is the visitor's own, on the left."""
    usual = preset(family, UNSEEN_BESIDE)
    if not is_own(target) or target != theirs.held or compare_offers.refused(theirs):
        return usual
    beside = compare_offers.preset(OWN_BESIDE, family, theirs)
    return beside or usual.with_side(0, turned(usual.sides[0], target, theirs))


def _preset(family: str, name: str, theirs: Mine) -> Table:
    """A ready-made comparison; one with a model that has been closed meanwhile gives way to the first."""
    if name in PRESETS:
        return preset(family, name)
    return compare_offers.preset(name, family, theirs) or preset(family, UNSEEN_BESIDE)


def _without_others(kept: tuple[Case, ...], held: str) -> tuple[Case, ...]:
    """Answers of models of the visitor's own go with the model."""
    return tuple(case for case in kept if not is_own(case.target) or case.target == held)


def _up_to_date(table: Table, theirs: Mine) -> Table:
    """The columns, those about a model that is no longer open turned to the one that is, or else to an example."""
    usual = preset(table.family, UNSEEN_BESIDE).sides
    for which, side in enumerate(table.sides):
        if is_own(side.target) and side.target != theirs.held:
            there = theirs.held and not compare_offers.refused(theirs)
            table = table.with_side(which, turned(side, theirs.held, theirs) if there else usual[which])
    return table


def _picked(side: Side, key: object, theirs: Mine) -> Side:
    """The column about another picture on offer."""
    chosen = next((offer for offer in offers(side.target, theirs) if offer.key == key), None)
    return side if chosen is None else side_of(chosen, side.target, theirs)


def _pictures(table: Table, theirs: Mine) -> list:
    """Values for `Compare.pictures`."""
    return [value for which in range(len(table.sides)) for value in _picker(which, table, theirs)]


def _picker(which: int, table: Table, theirs: Mine) -> list:
    """Values for one picker: its pictures, the models to choose from, and what was left out and why."""
    side = table.sides[which]
    families = sorted(bundled.families(), key=lambda family: family != table.family)
    choices = [(called(name), name) for family in families for name in targets(family)]
    if theirs.held and not compare_offers.refused(theirs):
        choices.append((f"your model: {called(theirs.held)}", theirs.held))
    if side.target not in dict(choices).values():
        choices.append((f"your model: {called(side.target)}", side.target))
    view = thumbs((LEFT, RIGHT)[which], side, offers(side.target, theirs))
    return [view, gr.Dropdown(choices, value=side.target), _note(compare_offers.left_out(side.target, theirs))]


def _note(words: str) -> gr.HTML:
    return gr.HTML(f'<p class="mv-note">{escape(words)}</p>', visible=bool(words))


def _panels(table: Table, kept: tuple[Case, ...], seen: bool, task: str | None, band: str, level: int) -> list:
    """Values for `Compare.panels`."""
    both = columns(table, kept, seen)
    names = compare_panels.tasks([c.case for c in both]) or {"": "1"}
    task = task if task in names else next(iter(names))
    steps = max((len(c.case.noises.levels) for c in both if c.case.noises is not None), default=5)
    place = min(int(level), steps)
    return [
        compare_panels.heads(both),
        gr.Radio([(words, name) for name, words in names.items()], value=task),
        compare_panels.restored(both, task),
        errors(both, band),
        gr.Slider(1, steps, value=place, step=1),
        compare_panels.noises(both, place - 1),
        compare_panels.scores(both),
        gr.Button(HIDE if seen else REVEAL),
        *compare_asking.values(len(missing(table, kept))),
    ]
