"""Links that open a state of the page: which model, picture, step, method, band and page of the lesson.

The state lives in the address, so nothing is stored anywhere. A picture of one's own, its name and typed captions are
never part of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import gradio as gr

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.laboratory.sieve import HIGHEST, SHAPES
from mia_viz.laboratory.subject import methods
from mia_viz.own_models import is_own
from mia_viz.targets import bundled
from mia_viz.ui import choose, lesson, pick, quiz, steps
from mia_viz.ui.lab import static
from mia_viz.ui.lab_data import presets
from mia_viz.ui.parts import model_now, status
from mia_viz.ui.pick import Picked
from mia_viz.ui.walk import Screen, Walk, evidence_values

if TYPE_CHECKING:
    from mia_viz.ui.quiz import Quiz

TABS = (*(name.lower() for name in steps.STEPS), "methods", "many", "compare", "own", "quiz")
"""Names of the tabs in a link; the tab of a name has the element id `tab-` and the name."""
QUIET = {"show_progress": "hidden", "api_visibility": "private"}
WRONG = {
    "target": "This link names a model that is not here; the first example is shown instead.",
    "picture": "This link names a picture that is not among the known ones; another is shown instead.",
    "step": "This link names a page that is not here; the first one is shown.",
    "attack": "This link names a method that the laboratory does not have for this model; the first one is chosen.",
    "band": "This link names a band that cannot be read; everything counts.",
    "shape": "This link names a kind of edge that is not here; edges are sharp.",
    "lesson": "This link names a page that the lesson does not have.",
    "quiz": "This link names ten pictures that are not here; others are shown.",
}


@dataclass(frozen=True)
class View:
    """What a link asks for; None where it says nothing.

    picture: index in its population. preset: of the laboratory; lo, hi: shares of Nyquist, given where preset is not.
    lesson: its page, from 1 (gradio reads the name `page` for itself). quiz: the seed of ten pictures.
    """

    target: str | None = None
    picture: int | None = None
    step: str | None = None
    attack: str | None = None
    preset: str | None = None
    lo: float | None = None
    hi: float | None = None
    shape: str | None = None
    lesson: int | None = None
    quiz: int | None = None


def parse(query: Mapping[str, str]) -> tuple[View, tuple[str, ...]]:
    """What an address asks for, and a sentence for everything in it that cannot be had. Other names are ignored."""
    given = {name: value for name, value in query.items() if name in WRONG}
    found, wrong = {}, []
    default = pick.opening_case(lesson.FAMILY)[0].target
    found["target"] = given.get("target") if given.get("target") in bundled.bundled_names() else None
    target = found["target"] or default
    readers = {
        "picture": lambda text: {"picture": _picture(text, target)},
        "step": lambda text: {"step": text if text in _tabs(target) else None},
        "attack": lambda text: {"attack": text if text in _columns(target) else None},
        "band": _band,
        "shape": lambda text: {"shape": text if text in SHAPES else None},
        "lesson": lambda text: {"lesson": _whole(text, len(lesson.texts()["pages"]))},
        "quiz": lambda text: {"quiz": _whole(text, quiz.LAST_SEED)},
    }
    for name, read in readers.items():
        if name in given:
            found.update(read(given[name]))
    for name in given:
        told = ("preset", "hi") if name == "band" else (name,)
        if all(found.get(part) is None for part in told):
            wrong.append(WRONG[name])
    return View(**found), tuple(wrong)


def _tabs(target: str) -> tuple[str, ...]:
    """The tabs that a target's family has."""
    missing = set(steps.STEPS) - set(steps.of_family(bundled.family_of(target)))
    return tuple(name for name in TABS if name not in {step.lower() for step in missing})


def _columns(target: str) -> tuple[str, ...]:
    """The methods that the laboratory can have for a target."""
    known = engine.reference(target)
    return () if known is None else tuple(known.columns)


def _picture(text: str, target: str) -> int | None:
    """An index, or the name of a file of the target's population, as an index."""
    files = bundled.population(bundled.family_of(target)).files
    if text in files:
        return files.index(text)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 and int(text) < len(files) else None


def _band(text: str) -> dict:
    """A preset's name, or two edges as shares of Nyquist: "0.05-0.3"."""
    if text in [preset[0] for preset in presets(64)]:
        return {"preset": text}
    try:
        lo, hi = (float(part) for part in text.split("-"))
    except ValueError:
        return {}
    return {"lo": lo, "hi": min(hi, HIGHEST)} if 0 <= lo < min(hi, HIGHEST) else {}


def _whole(text: str, last: int) -> int | None:
    """A whole number from 1 to last."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 and 1 <= int(text) <= last else None


def case_of(view: View) -> tuple[Case, Picked]:
    """The case a link opens: the stored one where it is about that picture and model, else one nobody has asked yet."""
    family = bundled.family_of(view.target) if view.target else lesson.FAMILY
    case, picked = pick.opening_case(family)
    target = view.target or case.target
    if view.picture is not None and view.picture != _index(picked):
        picked = pick.pick_bundled(family, view.picture)
    if (target, picked.name) == (case.target, case.name):
        return case, picked
    return pick.blank_case(picked, target), picked


def _index(picked: Picked) -> int | None:
    """A bundled picture's index; None for one's own."""
    return int(picked.name.split()[-1]) if picked.group in ("A", "B", "C") else None


def state(picked: Picked, target: str, case: Case) -> dict:
    """What is chosen and what the evidence is about, as the browser needs it for links and for the lesson."""
    known = None if is_own(target) else target
    return {"target": known, "picture": _index(picked), "asked": case.target, "finished": engine.finished(case)}


def build(start: Case, first: Picked) -> gr.HTML:
    """Lay out the button that copies a link, and the line that says what became of one."""
    return gr.HTML(
        _message(state(first, start.target, start)),
        html_template=static("links.html"),
        css_template=static("links.css"),
        js_on_load="\n".join(static(name) for name in ("tabs.js", "links.js")),
        apply_default_css=False,
        elem_id="links",
    )


def wire(bench: gr.HTML, walk: Walk, tour: gr.HTML, ten: Quiz) -> None:
    """Open what the address asks for, tell the browser what is chosen, and show the lesson's example when asked to.

    The browser sends the address only where it asks for something, so that an ordinary visit costs no request.
    """
    shown = [walk.picked, walk.choose.target, walk.case]

    def opened(screen: Screen, event: gr.EventData) -> dict:
        asked = event._data.get("query")
        given = asked if isinstance(asked, dict) else {}
        return _open(*parse({str(name): str(value) for name, value in given.items()}), screen)

    def _open(view: View, wrong: tuple[str, ...], screen: Screen) -> dict:
        case, picked = case_of(view)
        if view.attack is not None and view.attack not in methods(engine.reference(case.target), case):
            wrong = (*wrong, WRONG["attack"])
        message = _message(state(picked, case.target, case), view, wrong)
        form = {ten.bench: quiz.form(view.quiz)} if view.quiz else {}
        return {bench: message, **form, **_values(walk, case, picked, screen)}

    every = list(dict.fromkeys((bench, ten.bench, *_outputs(walk))))
    bench.select(opened, walk.screen, every, **QUIET)
    tour.select(lambda screen: _open(View(), (), screen), walk.screen, every, **QUIET)
    for event in (walk.choose.chosen.change, walk.choose.target.change, walk.subject.change):
        event(lambda *now: _message(state(*now)), shown, bench, js=model_now(1), **QUIET)


def _message(now: dict, view: View | None = None, wrong: tuple[str, ...] = ()) -> str:
    """What is sent to the browser, as JSON; `open` only when a link was followed."""
    return json.dumps({"state": now, "open": None if view is None else asdict(view), "wrong": " ".join(wrong)})


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
