"""Findings, evidence and reports as plain values for other programs: numbers, texts, and pictures as PNG data URLs."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mia_viz import engine
from mia_viz.bands import ring_edges
from mia_viz.case import Case, Finding
from mia_viz.figures import images
from mia_viz.laboratory.subject import TITLES, grid_size, methods, query_energy, residual
from mia_viz.pictures.picture import Picture
from mia_viz.subjects import subject
from mia_viz.ui import tasks
from mia_viz.ui.lab_data import RINGS, known_spectra

if TYPE_CHECKING:
    from mia_viz.statement import Statement
    from mia_viz.ui.pick import Picked


def picture(given: Picture, picked: Picked) -> dict[str, Any]:
    """What was given and what the model saw of it.

    size (width, height) and bits of the file; seen: (C, H, W), lowest and highest value in [-1, 1], as a PNG; notes:
    what was done in between; enlarged: new pixels per old one, below 1 shrunk, 1 where it was not resampled.
    """
    values = picked.prepared.values
    height, width = given.pixels.shape[:2]
    seen = {"shape": list(values.shape), "low": float(values.min()), "high": float(values.max())}
    return {
        "size": [width, height],
        "bits": given.bits,
        "seen": {**seen, "png": images.uri(images.grey(values))},
        "notes": list(dict.fromkeys([*given.notes, *picked.prepared.notes])),
        "enlarged": picked.prepared.stretch,
    }


def statement(case: Case, found: Statement) -> dict[str, Any]:
    """The statement about a picture, and every method's finding."""
    rank, strength = found.verdict, found.strength
    return {
        "answer": found.answer,
        "zone": found.zone,
        "sentences": list(found.sentences),
        "caveats": list(found.caveats),
        "p_value": None if rank is None else rank.p_value,
        "likelihood_ratio": None if strength is None else strength.lr,
        "methods": [finding(one) for one in case.findings],
    }


def finding(found: Finding) -> dict[str, Any]:
    """One method's number, and what it says where the reference holds such scores of known pictures."""
    rank = found.verdict
    return {
        "attack": found.attack,
        "title": found.title,
        "score": found.score,
        "evaluations": found.nfe,
        "p_value": None if rank is None else rank.p_value,
        "zone": None if rank is None else rank.zone,
        "frequency": None if rank is None else rank.frequency,
    }


def evidence(case: Case) -> dict[str, Any]:
    """What the model did with a picture.

    restorations: per task, what the model was given and what it made of it, and their likeness in [-1, 1]. guess: the
    picture under noise at a timestep and the model's guess of it, or null. spectra: see `spectra`.
    """
    part, guess = case.restoration, case.rebuilt
    pairs = [] if part is None else [_restoration(case, k) for k in range(len(part.labels))]
    return {
        "restorations": pairs,
        "guess": None
        if guess is None
        else {"timestep": guess.timestep, "noised": _png(guess.noised), "guess": _png(guess.rebuilt)},
        "spectra": spectra(case),
    }


def spectra(case: Case) -> dict[str, Any]:
    """Energy per ring of frequencies, coarse to fine, of every error that can be filtered: together, its squared size.

    edges: RINGS + 1 shares of Nyquist of the grid (height, width) that the errors live on, the pixels or a model's
    compressed picture. methods: per method its error's energy (RINGS,), and the medians over known pictures of either
    kind, null where there are none. picture: the picture's own energy on the grid of its pixels, with its own edges.
    """
    size = grid_size(case, subject(case.target).shape)
    own = query_energy(case.values[np.newaxis], RINGS)
    return {
        "grid": list(size),
        "edges": ring_edges(*size, RINGS).tolist(),
        "methods": [found for key in _keys(case) if (found := _spectrum(case, key)) is not None],
        "picture": {"edges": ring_edges(*case.values.shape[-2:], RINGS).tolist(), "energy": own.tolist()},
    }


def report(model: str, case: Case, given: Picture, how: str, language: str) -> dict[str, Any]:
    """The report as a self-contained page and as its values; the files it is made through are removed."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("GRADIO_TEMP_DIR")) as folder:
        files = engine.report_named(model, case, Path(folder), given, None, how, language)
        return {"html": files.html.read_text("utf-8"), "json": json.loads(files.json.read_text("utf-8"))}


def _keys(case: Case) -> list[str]:
    """Columns of errors that can be filtered; without a reference, those that were kept of this picture."""
    chosen: Mapping[str, str] = methods(engine.reference(case.target), case)
    return [*chosen] or [*(() if case.residuals is None else case.residuals.keys)]


def _spectrum(case: Case, key: str) -> dict[str, Any] | None:
    maps = residual(case, key)
    if maps is None:
        return None
    known, medians = known_spectra(case, key), {"training": None, "never_seen": None}
    if known is not None:
        groups = {"training": known.group(True, False), "never_seen": known.group(False, False)}
        medians = {name: np.median(known.energy[group], axis=0).tolist() for name, group in groups.items()}
    title = TITLES.get(key.split()[0], key)
    return {"key": key, "title": title, "energy": query_energy(maps, RINGS).tolist(), **medians}


def _restoration(case: Case, which: int) -> dict[str, Any]:
    part = case.restoration
    return {
        "task": part.labels[which],
        "words": tasks.TASKS[part.labels[which]].short,
        "given": images.uri(tasks.shown(case, which)),
        "restored": _png(part.restored[which]),
        "likeness": float(part.likeness[which]),
    }


def _png(values: np.ndarray) -> str:
    """A picture (C, H, W) in [-1, 1] as a PNG data URL."""
    return images.uri(images.grey(values))
