"""What visitors of the whole app do, over HTTP: give a picture, open a model, ask, compare; and what is kept of it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from mia_viz.case import Case
from mia_viz.own_models import SHELF
from mia_viz.ui.gate import Gate
from mia_viz.ui.housekeeping import Housekeeping
from mia_viz.ui.letting_go import is_personal
from tests.serving.visit import Visit, file_data

ANALYSE = ("analyse", "click")


def housekeeping_of(blocks) -> Housekeeping:
    """The housekeeping of an app that was asked at least once."""
    part = blocks.app.middleware_stack
    while not isinstance(part, Gate):
        part = part.app
    return part.housekeeping


def picture(seed: int, size: int = 64) -> bytes:
    values = np.random.default_rng(seed).integers(0, 255, (size, size), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "png")
    return file.getvalue()


def given(visit: Visit, name: str = "scan.png", seed: int = 1, size: int = 64, target: str = "brain-a") -> None:
    """Upload a picture of one's own on the first step."""
    path = visit.upload(name, picture(seed, size)).json()[0]
    shown = visit.answers(visit.event("upload", "upload"), [file_data(path), "exact", target])
    assert name in str(shown), shown


def held(blocks, visit: Visit) -> list[object]:
    """What the server keeps of a page that is the visitor's own."""
    return [v for v in blocks.state_holder.session_data[visit.session].state_data.values() if is_personal(v)]


def opened(visit: Visit, model: str) -> str:
    """Open a model of one's own; returns its name."""
    shown = visit.answers(visit.event("own-open", "click"), [model, "", "auto"])
    assert "Opened and checked" in str(shown), shown
    return next(name for name, own in reversed(SHELF._known.items()) if SHELF._places[name].owner == visit.session)


def chosen(visit: Visit) -> str:
    """Take the own model into the walk; what the page says then."""
    return str(visit.answers(visit.event("own-go", "click"), [None, "exact", None]))


def asked(visit: Visit, target: str) -> str:
    """Press Analyse; what the page says in the end."""
    return str(visit.answers(visit.event(*ANALYSE), [None, target, "", None]))


def compared(visit: Visit, target: str) -> str:
    """Open the page that compares; what it says then."""
    given = [None, None, None, None, "all", 1, target, None, None, None, None, "exact", ""]
    return str(visit.answers(visit.event("tab-compare", "select", 0), given))


def as_it_stands(visit: Visit, name: str, kind: str) -> str:
    """An event with the values that the page's controls have at first; what the page says then."""
    event, parts = visit.event(name, kind), {part["id"]: part for part in visit.config["components"]}
    given = [None if parts[i]["type"] == "state" else parts[i]["props"].get("value") for i in event["inputs"]]
    return str(visit.answers(event, given))


def answers(blocks, visit: Visit) -> list[Case]:
    """What the page that compares keeps of a visit."""
    states = blocks.state_holder.session_data[visit.session].state_data.values()
    return [case for value in states if isinstance(value, tuple) for case in value if isinstance(case, Case)]
