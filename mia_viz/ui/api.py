"""What other programs can call on a running app, by names that stay (docs/python.md has a client's example)."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mia_viz import engine
from mia_viz.pictures.volume import Volume
from mia_viz.subjects import subject
from mia_viz.targets import bundled
from mia_viz.ui import pick
from mia_viz.ui.asking import MODEL

QUEUE = {"concurrency_limit": MODEL["concurrency_limit"], "concurrency_id": MODEL["concurrency_id"]}
"""Programs wait in the same line as visitors: one analysis at a time."""


def models() -> list[dict[str, Any]]:
    """The bundled models: name, title, the (C, H, W) of their pictures, and whether they take a caption."""
    found = [subject(name) for name in bundled.bundled_names()]
    return [
        {"name": s.name, "title": s.title, "shape": list(s.picture_shape), "caption": s.takes == "caption"}
        for s in found
    ]


def verdict(picture: gr.FileData, model: str, prepare: str = "exact", caption: str = "") -> dict[str, Any]:
    """Ask a bundled model about one picture: the statement's words and numbers, and every method's score.

    picture: a file (PNG, JPEG, TIFF, WebP, or a scan), removed as soon as it is read. model: a name of `models`.
    prepare: "exact", "crop" or "fit", for pictures of another size. The answer has the keys answer, zone, sentences,
    caveats, p_value, likelihood_ratio (null where there is none), methods. Raises gr.Error with one sentence.
    """
    try:
        if model not in bundled.bundled_names():
            raise ValueError(f"There is no bundled model of that name; there are {', '.join(bundled.bundled_names())}.")
        if prepare not in ("exact", "crop", "fit"):
            raise ValueError("A picture can be prepared in these ways: exact, crop, fit.")
        found = pick.read_upload(picture["path"])
        found = found.picture() if isinstance(found, Volume) else found
        picked = pick.pick_upload(found, prepare, model)
        return asked(model, picked, caption)
    except ValueError as error:
        raise gr.Error(str(error)) from error


def asked(model: str, picked: pick.Picked, caption: str) -> dict[str, Any]:
    """The statement about a picture as plain values."""
    from mia_viz.probe import Progress

    told = caption.strip()
    case = engine.examine_named(model, picked.prepared, "picture", None, Progress(), lambda case: None, told)
    found = engine.statement_named(model, case)
    rank, strength = found.verdict, found.strength
    return {
        "answer": found.answer,
        "zone": found.zone,
        "sentences": list(found.sentences),
        "caveats": list(found.caveats),
        "p_value": None if rank is None else rank.p_value,
        "likelihood_ratio": None if strength is None else strength.lr,
        "methods": [
            {"attack": f.attack, "title": f.title, "score": f.score, "evaluations": f.nfe}
            | {"p_value": None if f.verdict is None else f.verdict.p_value}
            for f in case.findings
        ],
    }


def build() -> None:
    """Offer both functions under their names."""
    gr.api(models, api_name="models")
    gr.api(verdict, api_name="verdict", **QUEUE)
