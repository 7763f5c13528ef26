"""As training goes on: the same two pictures under one model at several ages of its training."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from mia_viz.case import Case
from mia_viz.figures import images
from mia_viz.figures.ages import auc_growth, score_growth
from mia_viz.ui import compare_panels
from mia_viz.ui.ages_data import Ages as Grown
from mia_viz.ui.ages_data import growing, growth, methods
from mia_viz.ui.compare_cases import family_in_view
from mia_viz.ui.compare_errors import errors
from mia_viz.ui.compare_parts import panel
from mia_viz.ui.compare_table import Column
from mia_viz.ui.events import LATEST, QUIET
from mia_viz.ui.restore import likeness
from mia_viz.ui.tasks import TASKS

NONE_KEPT = '<p class="mv-lead">Of this model no earlier ages were kept; the brain and the emoji models have some.</p>'
LEGEND = (
    '<p class="cmp-legend"><span><i class="cmp-circle"></i> the training picture; shaded: the middle half of known '
    'training pictures, dashed: their middle</span> <span><i class="cmp-square"></i> the same for pictures never seen'
    "</span></p>"
)


@dataclass(frozen=True)
class Ages:
    """Components of this part; `body` is hidden for a family without earlier ages."""

    none: gr.HTML
    body: gr.Column
    age: gr.Radio
    task: gr.Radio
    film: gr.HTML
    restored: gr.HTML
    errors: gr.HTML
    method: gr.Radio
    charts: gr.HTML

    @property
    def controls(self) -> list[gr.Radio]:
        return [self.age, self.task, self.method]

    @property
    def panels(self) -> list[gr.HTML]:
        return [self.film, self.restored, self.errors, self.charts]


def build() -> Ages:
    """Lay out the part, empty."""
    none = gr.HTML(NONE_KEPT, visible=False, elem_id="ages-none")
    with gr.Column(elem_id="ages-body") as body:
        gr.HTML(
            '<p class="mv-lead">The longer a model is trained on the same pictures, the better it may remember '
            "them. On the left a picture this model was trained on, on the right one it never saw: go through the ages "
            "and watch where the two part.</p>"
        )
        age = gr.Radio([], label="Age: passes through the training pictures (drives every panel)", elem_id="ages-age")
        task = gr.Radio([], label="What was taken away", elem_id="ages-task")
        film = panel("ages-film")
        restored = panel("ages-restored")
        gr.HTML("<h3>Where is its guess wrong, from coarse to fine?</h3>")
        panel("ages-legend", compare_panels.LEGEND)
        wrong = panel("ages-errors")
        gr.HTML("<h3>How the scores grow apart</h3>")
        method = gr.Radio([], label="Method", elem_id="ages-method")
        charts = panel("ages-charts")
    return Ages(none, body, age, task, film, restored, wrong, method, charts)


def wire(part: Ages, tab: gr.Tab, target: gr.Radio) -> None:
    """Filled when the page is opened; the controls redraw from stored cases."""
    controls, panels = part.controls, part.panels
    opened = [part.none, part.body, *controls, *panels]
    tab.select(_opened, [target, *controls], opened, **QUIET)

    def moved(name: str, *chosen: object) -> list[str]:
        return _panels(growing(family_in_view(name)), *chosen)

    def another(name: str, age: int, _: str, method: str) -> str:
        return charts(growing(family_in_view(name)), int(age), method)

    for control in (part.age, part.task):
        control.input(moved, [target, *controls], panels, **LATEST)
    part.method.input(another, [target, *controls], part.charts, **LATEST)


def _opened(target: str, age: int | None, task: str | None, method: str | None) -> list:
    """Everything for the family in view; what was chosen stays where the family has it."""
    found = growing(family_in_view(target))
    if found is None:
        return [gr.HTML(visible=True), gr.Column(visible=False), *[gr.skip()] * 7]
    names, known = _tasks(found), methods(found)
    last = len(found.passes) - 1
    age = age if isinstance(age, int) and age <= last else last
    task, method = task if task in names else names[0], method if method in known else next(iter(known))
    controls = [
        gr.Radio([(f"after {count} passes", i) for i, count in enumerate(found.passes)], value=age),
        gr.Radio(names, value=task),
        gr.Radio([(title, key) for key, title in known.items()], value=method),
    ]
    return [gr.HTML(visible=False), gr.Column(visible=True), *controls, *_panels(found, age, task, method)]


def _panels(found: Grown, age: int, task: str, method: str) -> list[str]:
    """Values for `Ages.panels`."""
    age, place = int(age), max(0, int(task.split(":")[0]) - 1)
    pair = [Column(cases[age], None, revealed=True) for cases in (found.members, found.holdouts)]
    return [
        film(found, age, place),
        compare_panels.restored(pair, compare_panels.numbered(found.members[0].restoration.labels)[place]),
        errors(pair, "all", found.cases),
        charts(found, age, method),
    ]


def film(found: Grown, age: int, task: int) -> str:
    """What the model gave back at every age, the chosen one framed."""
    columns = {Column(cases[age], None, revealed=True): cases for cases in (found.members, found.holdouts)}

    def cell(column: Column) -> str:
        ages = enumerate(zip(columns[column], found.passes, strict=True))
        return f'<div class="cmp-ages">{"".join(_frame(case, n, task, i == age) for i, (case, n) in ages)}</div>'

    return f'<h2 class="mv-sub">What it gave back at every age</h2>{compare_panels.row(tuple(columns), cell)}'


def _frame(case: Case, count: int, task: int, chosen: bool) -> str:
    picture = images.grey(case.restoration.restored[task])
    tile = images.tile(
        picture, f"{count} passes", f"{case.name} as restored after {count} passes", likeness(case, task)
    )
    return tile.replace('class="mv-tile"', 'class="mv-tile cmp-now"') if chosen else tile


def charts(found: Grown, age: int, method: str) -> str:
    """One method's scores and its AUC over the ages."""
    grown = growth(found, method)
    cells = (
        ("Scores of the two pictures", score_growth(grown, age), "Higher is more like a training picture."),
        (
            "How well all known pictures are told apart",
            auc_growth(grown, age),
            "AUC on the pictures kept aside for tests, with its 95 % interval; 0.5 is guessing.",
        ),
    )
    inner = "".join(
        f'<div class="cmp-cell"><h4>{title}</h4>{figure}<p class="mv-note">{note}</p></div>'
        for title, figure, note in cells
    )
    return f'{LEGEND}<div class="cmp-pair cmp-wide">{inner}</div>'


def _tasks(found: Grown) -> list[str]:
    return [f"{k + 1}: {TASKS[name].short}" for k, name in enumerate(found.members[0].restoration.labels)]
