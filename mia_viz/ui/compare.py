"""The page "Compare": two columns, each a picture asked of a model; one scale and one set of controls for both.

It opens on stored cases. Other pictures and models are asked on demand and remembered for the visit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import gradio as gr

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.targets import bundled
from mia_viz.ui import ages, compare_asking, compare_panels
from mia_viz.ui.compare_cases import family_in_view, targets
from mia_viz.ui.compare_errors import bands, errors
from mia_viz.ui.compare_parts import LEFT, RIGHT, Picker, panel, picker, thumbs
from mia_viz.ui.compare_table import (
    PRESETS,
    UNSEEN_BESIDE,
    Side,
    Table,
    bundled_side,
    columns,
    missing,
    own_side,
    preset,
    presets,
    remember,
)
from mia_viz.ui.pick import DRAWN, Picked, gallery_indices
from mia_viz.ui.tasks import TASKS
from mia_viz.ui.walk import Walk

QUIET = {"show_progress": "hidden", "api_visibility": "private"}
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
        return [part for one in self.pickers for part in (one.thumbs, one.target)]

    @property
    def everything(self) -> list[gr.components.Component]:
        """What is filled when the page is opened."""
        return [self.table, self.kept, self.revealed, *self.presets, *self.pictures, *self.panels]


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
                buttons = [gr.Button(words, elem_id=f"preset-{name}") for name, words in PRESETS.items()]
            choose = gr.Accordion("Choose other pictures or models", open=False, elem_id="compare-choose")
            with choose, gr.Row(equal_height=False):
                pickers = (picker(LEFT), picker(RIGHT))
            asking = compare_asking.build()
            heads = panel("compare-heads")
            reveal = gr.Button(REVEAL, elem_id="compare-reveal")
            views = _views()
        with gr.Tab("As training goes on", id="ages", elem_id="tab-ages"):
            growing = ages.build()
    return Compare(table, kept, revealed, buttons, pickers, reveal, asking, heads, *views, growing)


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


def wire(page: Compare, tab: gr.Tab, walk: Walk) -> None:
    """Open, choose, scrub, reveal and ask."""
    shown = [page.table, page.kept, page.revealed, page.task, page.band, page.level]
    mine = [walk.choose.target, walk.picked, walk.choose.caption.text]
    tab.select(_opened, [*shown, *mine, walk.case], page.everything, **QUIET)
    ages.wire(page.ages, tab, walk.choose.target)
    for name, button in zip(PRESETS, page.presets, strict=True):

        def turn(table: Table, *rest: object, name: str = name) -> tuple:
            chosen = preset(table.family, name)
            return chosen, False, *_pictures(chosen, rest[-1]), *_panels(chosen, rest[0], False, *rest[1:4])

        given = [page.table, page.kept, page.task, page.band, page.level, walk.picked]
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

    def picture(table: Table, kept: tuple, _: bool, *rest: object, event: gr.EventData) -> tuple:
        side = _picked(table.sides[which], event._data.get("index"), *rest[-2:])
        changed = table.with_side(which, side)
        return changed, False, *_panels(changed, kept, False, *rest[:3])

    def model(table: Table, kept: tuple, _: bool, *rest: object) -> tuple:
        changed = table.with_side(which, replace(table.sides[which], target=rest[3]))
        return changed, False, *_panels(changed, kept, False, *rest[:3])

    # Gradio looks for its event among the plain parameters, so a handler with *rest needs it by name.
    def chosen(table, kept, seen, task, band, level, picked, caption, event: gr.EventData) -> tuple:
        return picture(table, kept, seen, task, band, level, picked, caption, event=event)

    outputs = [page.table, page.revealed, *page.panels]
    one.thumbs.select(chosen, [*shown, *mine[1:]], outputs, **QUIET)
    one.target.input(model, [*shown, one.target], outputs, **QUIET)


def _wire_scrubbers(page: Compare) -> None:
    """Each control redraws its own row; no model is asked."""
    given = [page.table, page.kept, page.revealed]

    def drawn(panels) -> object:
        return lambda table, kept, seen, value: panels(columns(table, kept, seen, said=False), value)

    task = drawn(lambda both, name: compare_panels.restored(both, _index(name)))
    level = drawn(lambda both, place: compare_panels.noises(both, int(place) - 1))
    page.task.input(task, [*given, page.task], page.restored, **QUIET)
    page.band.input(drawn(errors), [*given, page.band], page.errors, **QUIET)
    page.level.input(level, [*given, page.level], page.noises, **QUIET)


def _opened(
    table: Table | None,
    kept: tuple[Case, ...],
    seen: bool,
    task: str | None,
    band: str,
    level: int,
    target: str,
    picked: Picked,
    caption: str,
    case: Case,
) -> tuple:
    """The page for the family in view; what the walk has found out in this visit is known here as well."""
    family = family_in_view(target)
    if table is None or table.family != family:
        table, seen, task = preset(family, UNSEEN_BESIDE), False, None
    if case.live and case.findings and engine.finished(case):
        kept = remember(kept, case)
    offered = presets(family)
    buttons = [gr.Button(visible=name in offered) for name in PRESETS]
    return table, kept, seen, *buttons, *_pictures(table, picked), *_panels(table, kept, seen, task, band, level)


def emptied(case: Case, picked: Picked) -> tuple:
    """Values for `Compare.everything`: as when the page is opened for the first time."""
    return _opened(None, (), False, None, ALL_DETAIL, 1, case.target, picked, picked.caption or "", case)


def _picked(side: Side, index: object, picked: Picked, caption: str) -> Side:
    """The column about another picture of the family: one on show by its index, or (-1) the visitor's own."""
    family = bundled.family_of(side.target)
    if index == -1 and picked.family == family:
        return own_side(picked, side.target, caption)
    return bundled_side(family, index, side.target) if index in gallery_indices(family) else side


def _pictures(table: Table, picked: Picked) -> list:
    """Values for `Compare.pictures`."""
    own = picked if picked.family == table.family and picked.group in (None, DRAWN) else None
    choices = [(bundled.title(name), name) for name in targets(table.family)]
    values = []
    for words, side in zip((LEFT, RIGHT), table.sides, strict=True):
        values += [thumbs(words, table.family, side.picked, own), gr.Dropdown(choices, value=side.target)]
    return values


def _panels(table: Table, kept: tuple[Case, ...], seen: bool, task: str | None, band: str, level: int) -> list:
    """Values for `Compare.panels`."""
    both = columns(table, kept, seen)
    names = _tasks([c.case for c in both])
    task = task if task in names else names[0]
    steps = max((len(c.case.noises.levels) for c in both if c.case.noises is not None), default=5)
    place = min(int(level), steps)
    return [
        compare_panels.heads(both),
        gr.Radio(names, value=task),
        compare_panels.restored(both, _index(task)),
        errors(both, band),
        gr.Slider(1, steps, value=place, step=1),
        compare_panels.noises(both, place - 1),
        compare_panels.scores(both),
        gr.Button(HIDE if seen else REVEAL),
        *compare_asking.values(len(missing(table, kept))),
    ]


def _tasks(cases: list[Case]) -> list[str]:
    """One name per restoration; models of a family are asked for the same ones."""
    part = next((case.restoration for case in cases if case.restoration is not None), None)
    return ["1"] if part is None else [f"{k + 1}: {TASKS[name].short}" for k, name in enumerate(part.labels)]


def _index(task: str) -> int:
    return max(0, int(task.split(":")[0]) - 1)
