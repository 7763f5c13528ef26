"""Links that open a state of the page: model, picture, step, its settings, a pair to compare, a page of the lesson.

The state lives in the address, so nothing is stored anywhere. A picture of one's own, its name, typed captions and
answers that were asked for in a visit are never part of it; the browser says so when a link is copied.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import gradio as gr

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.laboratory.subject import methods
from mia_viz.targets import bundled
from mia_viz.ui import choose, lesson, pick, quiz, steps
from mia_viz.ui.compare_cases import family_in_view, stored
from mia_viz.ui.compare_table import Table, bundled_side
from mia_viz.ui.events import QUIET
from mia_viz.ui.lab import static
from mia_viz.ui.link_marks import index
from mia_viz.ui.link_reading import WRONG, WRONG_SETTING, View, parse
from mia_viz.ui.parts import status
from mia_viz.ui.pick import Picked
from mia_viz.ui.walk import Screen, Walk, evidence_values

if TYPE_CHECKING:
    from mia_viz.ui.compare import Compare
    from mia_viz.ui.quiz import Quiz


def case_of(view: View) -> tuple[Case, Picked]:
    """The case a link opens: a stored one where it is about that picture and model, else one nobody has asked yet."""
    family = bundled.family_of(view.target) if view.target else lesson.FAMILY
    case, picked = pick.opening_case(family)
    target = view.target or case.target
    if view.picture is not None and view.picture != index(picked):
        picked = pick.pick_bundled(family, view.picture)
    if (target, picked.name) == (case.target, case.name):
        return case, picked
    return stored(target, index(picked)) or pick.blank_case(picked, target), picked


def build() -> gr.HTML:
    """Lay out the button that copies a link, and the line that says what became of one."""
    return gr.HTML(
        "{}",
        html_template=static("links.html"),
        css_template=static("links.css"),
        js_on_load="\n".join(static(name) for name in ("tabs.js", "settings.js", "links.js")),
        apply_default_css=False,
        elem_id="links",
    )


def wire(bench: gr.HTML, walk: Walk, tour: gr.HTML, ten: Quiz, beside: Compare) -> None:
    """Open what the address asks for, and show the lesson's example when asked to.

    The browser sends the address only where it asks for something, so that an ordinary visit costs no request.
    """

    def opened(screen: Screen, event: gr.EventData) -> dict:
        asked = event._data.get("query")
        given = asked if isinstance(asked, dict) else {}
        return _open(*parse({str(name): str(value) for name, value in given.items()}), screen)

    def _open(view: View, wrong: tuple[str, ...], screen: Screen) -> dict:
        case, picked = case_of(view)
        if view.attack is not None and view.attack not in methods(engine.reference(case.target), case):
            wrong = (*wrong, WRONG["attack"])
        message = _message(view, wrong)
        form = dict(zip(ten.outputs, quiz.values(*view.quiz), strict=True)) if view.quiz else {}
        pair = {beside.table: _pair(view, case.target), beside.revealed: False} if view.left and view.right else {}
        return {bench: message, **form, **pair, **_values(walk, case, picked, screen)}

    every = list(dict.fromkeys((bench, *ten.outputs, beside.table, beside.revealed, *_outputs(walk))))
    bench.select(opened, walk.screen, every, **QUIET)
    tour.select(lambda screen: _open(View(), (), screen), walk.screen, every, **QUIET)


def _message(view: View, wrong: tuple[str, ...]) -> str:
    """What is sent to the browser, as JSON; the time tells it from the same message sent before."""
    found = {**asdict(view), "settings": dict(view.settings)}
    return json.dumps({"open": found, "wrong": " ".join(wrong), "lacking": WRONG_SETTING, "at": time.time_ns()})


def _pair(view: View, target: str) -> Table:
    """The two columns of a comparison that a link asks for. target: the model it opens with."""
    pair = (view.left, view.right)
    sides = tuple(bundled_side(bundled.family_of(model), index, model) for model, index in pair)
    return Table(family_in_view(target), sides)


def _outputs(walk: Walk) -> list[gr.blocks.Block]:
    """Everything a link changes on the page, in the order of `_values`."""
    step = walk.choose
    chosen = [walk.picked, *step.of_picture, step.guess, step.status, walk.asked, walk.case]
    return [step.family, *step.of_family, *chosen, *walk.idle, *walk.steps.outputs, *walk.evidence]


def _values(walk: Walk, case: Case, picked: Picked, screen: Screen) -> dict:
    """Values for `_outputs`; an analysis that is running ends first, its evidence has no place there."""
    screen.turn_to("")
    screen.family = picked.family
    chosen = [picked, *choose.of_picture(picked), None, status(), picked, case]
    idle = [status(), gr.Button(interactive=True), gr.Button(interactive=False)]
    of_family = choose.of_family(case.target)
    values = [picked.family, *of_family, *chosen, *idle, *steps.values(picked.family), *evidence_values(case)]
    return dict(zip(_outputs(walk), values, strict=True))
