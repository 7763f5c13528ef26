"""The panel of errors in a comparison: where the model's guess is wrong, from coarse to fine, under one shared band.

Needs neither gradio nor torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mia_viz import engine
from mia_viz.bands import ring_edges
from mia_viz.case import Case
from mia_viz.figures import images
from mia_viz.figures.compare import Errors, band_errors, score_strip
from mia_viz.figures.compare_svg import decades, limits
from mia_viz.laboratory.reading import Spectra, read, spectra
from mia_viz.laboratory.sieve import Sieve, ring_of
from mia_viz.laboratory.subject import query_energy, residual
from mia_viz.ui.compare_panels import ARROW, absent, round_up, row, who
from mia_viz.ui.compare_table import Column
from mia_viz.ui.lab_data import RINGS, presets

METHOD = "loss"
"""Whose error is shown: one question, and every reference holds its spectra."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A column's error: the map through the band, the spectrum, and the scores under the band.

    scores: (score, members, hold-outs), None without a reference.
    """

    errors: Errors
    seen: np.ndarray
    scores: tuple[float, np.ndarray, np.ndarray] | None


def bands() -> list[tuple[str, str]]:
    """The bands to choose from, as (words, name)."""
    return [(label, name) for name, label, *_ in presets(64)]


def sieve(name: str, side: int) -> Sieve:
    """A band by its name, on a grid of `side`."""
    low, high, rest = next((lo, hi, rest) for key, _, lo, hi, rest, _ in presets(side) if key == name)
    return Sieve(low, high, "ideal", rest)


def known_spectra(case: Case) -> Spectra | None:
    """Ring energies of the known pictures of a case's model, its own left out; None without a reference."""
    reference, maps = engine.reference(case.target), residual(case, METHOD)
    if reference is None or maps is None or METHOD not in reference.columns:
        return None
    return spectra(reference, METHOD, maps.shape[-2:], (case.sha256,))


def measured(case: Case, band: str) -> Reading | None:
    """A case's error under a band; None where the model was not asked."""
    maps = residual(case, METHOD)
    if maps is None:
        return None
    height, width = maps.shape[-2:]
    chosen, query = sieve(band, min(height, width)), query_energy(maps, RINGS)
    found, counts = known_spectra(case), ring_of(height, width, RINGS)[1]
    held, share = counts > 0, np.maximum(counts, 1) * maps.shape[1]
    edges = ring_edges(height, width, RINGS)
    groups = [np.empty((0, int(held.sum())))] * 2
    scores = None
    if found is not None:
        groups = [(found.energy[found.group(member, False)] / share)[:, held] for member in (True, False)]
        reading = read(found, chosen, query)
        scores = (reading.query, *(reading.scores[found.group(member, False)] for member in (True, False)))
    errors = Errors(((edges[:-1] + edges[1:]) / 2)[held], (query / share)[held], *groups)
    return Reading(errors, chosen.apply(maps[0]), scores)


def errors(columns: Sequence[Column], band: str, sharing: Sequence[Case] = ()) -> str:
    """Error maps, error curves and scores of both columns under one band.

    sharing: further cases that the scales have to serve, so that a scrubber does not move them.
    """
    found = {id(c): measured(c.case, band) for c in columns}
    every = [r for r in (*found.values(), *(measured(case, band) for case in sharing)) if r is not None]
    top = round_up(3 * max((float(np.sqrt((r.seen**2).mean())) for r in every), default=0.1))
    curve_limits = decades([group for r in every for group in r.errors.shown])
    score_limits = limits([np.atleast_1d(g) for r in every if r.scores is not None for g in r.scores])

    def cell(column: Column) -> str:
        reading = found[id(column)]
        if reading is None:
            return absent(column)
        chosen = sieve(band, min(reading.seen.shape[-2:]))
        size = float(np.sqrt((reading.seen**2).mean()))
        words = "The error, this detail only"
        shown = images.tile(images.signed(reading.seen, top), words, f"error map, {size:.3f}", f"size {size:.3f}")
        curve = band_errors(reading.errors, curve_limits, (chosen.lo, chosen.hi), who(column))
        return f'<div class="cmp-error"><div>{shown}</div><div>{curve}</div></div>{_placed(reading, column)}'

    def _placed(reading: Reading, column: Column) -> str:
        if reading.scores is None:
            return ""
        score, members, holdouts = reading.scores
        count = int((holdouts >= score).sum())
        place = f"{count} of {len(holdouts)} never-seen pictures have an error as small as this, or smaller."
        strip = score_strip(score, members, holdouts, score_limits, who(column))
        return f'{strip}<p class="mv-note">smaller error, {ARROW}</p><p>{place}</p>'

    words = "error of the guessed noise, one scale for both"
    scale = images.scale_bar(images.DIVERGING, f"-{top:g}", words, f"+{top:g}")
    return row(columns, cell, "cmp-wide") + scale
