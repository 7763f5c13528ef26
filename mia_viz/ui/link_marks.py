"""What links must know of what is shown, as marks in the HTML that shows it.

A mark arrives with what it is about: no second answer is needed that could come late, and the link that is copied
cannot speak of another picture than the page does. Read by mia_viz/ui/static/links.js.
"""

from __future__ import annotations

import json
from html import escape

from mia_viz import engine
from mia_viz.case import Case
from mia_viz.own_models import is_own
from mia_viz.ui.compare_cases import carried, place
from mia_viz.ui.pick import Picked, own_caption


def index(picked: Picked) -> int | None:
    """A bundled picture's index; None for one's own."""
    return int(picked.name.split()[-1]) if picked.group in ("A", "B", "C") else None


def of_choice(picked: Picked) -> str:
    """Attribute of the tile of the picture that is chosen: its index and its own caption."""
    return _mark({"picture": index(picked), "caption": picked.caption or ""})


def of_case(case: Case) -> str:
    """Attribute of the sentence that names what the evidence is about.

    target, picture: None for one's own. asked: the model's name in any case. finished: every method has spoken.
    carried: a link to the evidence opens with it. told: the model was told the picture's own caption. empty: nothing
    has been asked.
    """
    about = {"target": None if is_own(case.target) else case.target, "picture": place(case), "asked": case.target}
    told = case.caption is None or case.caption == (own_caption(case) or "")
    seen = {"finished": engine.finished(case), "carried": carried(case), "told": told}
    return _mark({**about, **seen, "empty": not case.findings})


def _mark(values: dict) -> str:
    return f"data-mark='{escape(json.dumps(values))}'"
