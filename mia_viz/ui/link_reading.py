"""What an address asks for: model, picture, step, settings of the step, a pair to compare, and a page of the lesson.

Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mia_viz import engine
from mia_viz.laboratory.sieve import HIGHEST, SHAPES
from mia_viz.targets import bundled
from mia_viz.ui import compare_cases, lesson, pick, quiz, steps
from mia_viz.ui.lab_data import presets

TABS = (*(name.lower() for name in steps.STEPS), "methods", "many", "compare", "own", "quiz")
"""Names of the tabs in a link; the tab of a name has the element id `tab-` and the name."""
SETTINGS = ("task", "level", "view", "counting", "known", "strength", "answers", "detail", "method")
"""Controls of a step (static/links.js): the place of a choice, counted from 1, or a slider's value."""
WRONG_SETTING = "This link names a setting that is not here; the usual one is shown."
WRONG_PAIR = "This link names a pair that is not here; another one is shown."
WRONG = {
    "target": "This link names a model that is not here; the first example is shown instead.",
    "picture": "This link names a picture that is not among the known ones; another is shown instead.",
    "step": "This link names a page that is not here; the first one is shown.",
    "attack": "This link names a method that the laboratory does not have for this model; the first one is chosen.",
    "band": "This link names a band that cannot be read; everything counts.",
    "shape": "This link names a kind of edge that is not here; edges are sharp.",
    "left": WRONG_PAIR,
    "right": WRONG_PAIR,
    "age": WRONG_SETTING,
    **dict.fromkeys(SETTINGS, WRONG_SETTING),
    "lesson": "This link names a page that the lesson does not have.",
    "quiz": "This link names ten pictures that are not here; others are shown.",
}


@dataclass(frozen=True)
class View:
    """What a link asks for; None where it says nothing.

    picture: index in its population. preset: of the laboratory; lo, hi: shares of Nyquist, given where preset is not;
    rest: what lies outside counts so much, 0 to 1.
    left, right: columns of the comparison as (target, picture). age: passes through the training pictures. settings:
    (name, value) of other controls, see SETTINGS. lesson: its page, from 1 (gradio reads the name `page` for itself).
    quiz: ten pictures as (family, seed).
    """

    target: str | None = None
    picture: int | None = None
    step: str | None = None
    attack: str | None = None
    preset: str | None = None
    lo: float | None = None
    hi: float | None = None
    rest: float = 0.0
    shape: str | None = None
    left: tuple[str, int] | None = None
    right: tuple[str, int] | None = None
    age: int | None = None
    settings: tuple[tuple[str, int], ...] = ()
    lesson: int | None = None
    quiz: tuple[str, int] | None = None


def parse(query: Mapping[str, str]) -> tuple[View, tuple[str, ...]]:
    """What an address asks for, and a sentence for everything in it that cannot be had. Other names are ignored."""
    given = {name: value for name, value in query.items() if name in WRONG}
    known = given.get("target") if given.get("target") in bundled.bundled_names() else None
    found = {"target": known}
    for name, read in _readers(known or pick.opening_case(lesson.FAMILY)[0].target).items():
        if name in given:
            found[name] = read(given[name])
    band = found.pop("band", None)
    chosen = tuple((name, found.pop(name)) for name in SETTINGS if found.get(name) is not None)
    had = {name for name, value in found.items() if value is not None} | {name for name, _ in chosen}
    had |= {"band"} if band else set()
    wrong = dict.fromkeys(WRONG[name] for name in given if name not in had)
    named = {name: value for name, value in found.items() if name not in SETTINGS}
    return View(**named, **(band or {}), settings=chosen), tuple(wrong)


def _readers(target: str) -> dict[str, Callable[[str], object]]:
    """What reads the value of every name but the target's; they give None for what cannot be had."""
    family = compare_cases.family_in_view(target)
    passes = [compare_cases.passes(name) for name in compare_cases.ages(family)]
    return {
        "picture": lambda text: _picture(text, bundled.family_of(target)),
        "step": lambda text: text if text in _tabs(target) else None,
        "attack": lambda text: text if text in _columns(target) else None,
        "band": _band,
        "shape": lambda text: text if text in SHAPES else None,
        "left": _column,
        "right": _column,
        "age": lambda text: _whole(text, max(passes)) if text in map(str, passes) and len(passes) > 1 else None,
        **dict.fromkeys(SETTINGS, lambda text: _whole(text, 999, 0)),
        "lesson": lambda text: _whole(text, len(lesson.texts()["pages"])),
        "quiz": _quiz,
    }


def _tabs(target: str) -> tuple[str, ...]:
    """The tabs that a target's family has."""
    missing = set(steps.STEPS) - set(steps.of_family(bundled.family_of(target)))
    return tuple(name for name in TABS if name not in {step.lower() for step in missing})


def _columns(target: str) -> tuple[str, ...]:
    """The methods that the laboratory can have for a target."""
    known = engine.reference(target)
    return () if known is None else tuple(known.columns)


def _picture(text: str, family: str) -> int | None:
    """An index, or the name of a file of the family's population, as an index."""
    files = bundled.population(family).files
    return files.index(text) if text in files else _whole(text, len(files) - 1, 0)


def _column(text: str) -> tuple[str, int] | None:
    """A bundled model and a picture of its family's population: "brain-a:112"."""
    target, _, place = text.partition(":")
    if target not in bundled.bundled_names():
        return None
    index = _picture(place, bundled.family_of(target))
    return None if index is None else (target, index)


def _quiz(text: str) -> tuple[str, int] | None:
    """Ten pictures by their seed, those of another family than the lesson's with its name: "12", "digits:12"."""
    family, _, seed = text.rpartition(":")
    family, number = family or lesson.FAMILY, _whole(seed, quiz.LAST_SEED)
    return None if number is None or text.startswith(":") or family not in quiz.families() else (family, number)


def _band(text: str) -> dict | None:
    """A preset's name, or two edges as shares of Nyquist, and what the rest counts: "0.05-0.3" or "0-0.15-0.2"."""
    if text in [preset[0] for preset in presets(64)]:
        return {"preset": text}
    try:
        lo, hi, rest = (float(part) for part in (text if text.count("-") > 1 else f"{text}-0").split("-"))
    except ValueError:
        return None
    hi = min(hi, HIGHEST)
    return {"lo": lo, "hi": hi, "rest": rest} if 0 <= lo < hi and 0 <= rest < 1 else None


def _whole(text: str, last: int, first: int = 1) -> int | None:
    """A whole number from first to last."""
    plain = text.isascii() and text.isdigit() and len(text) < 7
    return int(text) if plain and first <= int(text) <= last else None
