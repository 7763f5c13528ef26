"""What the laboratory's page needs, as one JSON text: pictures, spectra of the known pictures, words and colours.

Numbers travel as base64 of little-endian float32. Needs neither gradio nor torch.
"""

from __future__ import annotations

import base64
import json
import math
from functools import lru_cache

import numpy as np

from mia_viz import engine, subjects
from mia_viz.bands import ring_edges
from mia_viz.case import Case
from mia_viz.figures.images import DIVERGING, SEQUENTIAL
from mia_viz.figures.palette import HOLDOUT, MEMBER
from mia_viz.laboratory.reading import FALSE_ALARMS, Spectra, auc_map, spectra
from mia_viz.laboratory.sieve import FCRE, FREMIA_REST, HIGHEST, fremia, ring_of
from mia_viz.laboratory.subject import grid_size, methods, query_energy, residual
from mia_viz.verdict import ORDINARY, SENTENCES, STANDS_OUT, judge

RINGS = 32
MOST_SENTENCES = 2000
"""Hold-outs up to which a sentence for every possible rank is sent along."""
LEAST_STRETCH = 1.005
"""As in `mia_viz.pictures.resampling`: less is rounding of sizes to whole pixels."""
SPECTRUM_LIMITS = (-6.0, 2.0)
ERROR_LIMIT = 0.3
WORDS = {
    "axis": "fineness (100 %: the finest level stripes; beyond: slanting ones)",
    "axisShort": "fineness of detail \N{RIGHTWARDS ARROW}",
    "errorAxis": "squared error per step of fineness",
    "powerAxis": "power per step of fineness",
    "makes": "What {method} makes of it",
    "open": "the finest",
    "live": "AUC {auc}, on pictures kept aside {test}.",
    "band": "Counts: detail from {lo} to {hi}.",
    "rest": " What lies outside counts {rest}.",
    "contrast": "contrast doubled",
    "members": "in training",
    "holdouts": "never seen",
    "scores": "smaller error, more like a training picture \N{RIGHTWARDS ARROW}",
    "bar": "5 % of the others reach this",
    "barShort": "5 % line",
    "mapLow": "\N{UPWARDS ARROW} band begins at",
    "mapHigh": "band ends at \N{RIGHTWARDS ARROW}",
    "interval": "95 % interval {low} to {high}",
    "none": "no such pictures",
    "kept": "on pictures kept aside the same line finds {found} and wrongly accuses {accused}",
    "guessing": "With this band the method cannot tell training pictures from others, so its answer about this picture "
    "means nothing.",
    "wrongWay": "With this band the method points the wrong way: training pictures score lower than others, so its "
    "answer about this picture means nothing.",
    "because": "AUC {auc}, 95 % interval {low} to {high}; 0.5 is guessing.",
    "unasked": "This method has not been asked about this picture.",
    "rank": "{k} of the {n} never-trained pictures we tried scored this high.",
    "mistakes": "Misses {missed} of {members} training pictures, wrongly accuses {accused} of {holdouts} others.",
    "simple": "simple pictures",
    "detailed": "detailed pictures",
    "emptied": "This picture was enlarged {times} times and has hardly any true detail finer than {end}, so the band "
    "chosen is nearly empty: what it shows comes from the enlarging.",
    "partly": "This picture was enlarged {times} times and has hardly any true detail finer than {end}, so the band "
    "chosen is nearly empty above that.",
    "curveAlt": "Error per fineness of training pictures, never-seen pictures and this picture; detail from {lo} to "
    "{hi} counts.",
    "scoresAlt": "Scores of training pictures and never-seen pictures under this band, AUC {auc}; the diamond is this "
    "picture.",
    "mapAlt": "AUC of every band; yours from {lo} to {hi} has {auc}.",
}


def payload(case: Case, key: str = "") -> str:
    """The JSON text for a case under one method (a reference's column; the first where it has no such), or "null"."""
    if case.rebuilt is None and case.residuals is None:
        return "null"
    known = engine.reference(case.target)
    choices = methods(known, case)
    chosen = chosen_method(case, key)
    size = grid_size(case, subjects.subject(case.target).shape)
    maps = residual(case, chosen)
    found = known_spectra(case, chosen) if choices else None
    query = None if maps is None else query_energy(maps, RINGS)
    edges = ring_edges(*size, RINGS)
    content = {
        "key": chosen,
        "methods": list(choices.items()),
        "picture": _picture(case.values),
        "guess": None if case.rebuilt is None else _picture(case.rebuilt.rebuilt),
        "residual": None if maps is None else _picture(maps[0]),
        "residualLimit": None if maps is None else residual_limit(maps[0], found),
        "query": None if query is None else _floats(query),
        "grid": size,
        "bands": RINGS,
        "edges": edges.tolist(),
        "counts": ring_of(*size, RINGS)[1].tolist(),
        "highest": HIGHEST,
        "known": None if found is None else _known(found, case, chosen),
        "presets": presets(min(size)),
        "stretch": stretch(case, size),
        "note": note(case, chosen, size, None if maps is None else len(maps)),
        "words": WORDS,
        "look": _look(),
    }
    return json.dumps(content, allow_nan=False)


def chosen_method(case: Case, key: str) -> str:
    """The reference's column a key stands for: itself, else the first of the menu, else the loss attack's."""
    choices = methods(engine.reference(case.target), case)
    return key if key in choices else next(iter(choices), "loss")


def known_spectra(case: Case, key: str) -> Spectra | None:
    """The known pictures of a case's model under a method, the case's own left out; None where there are too few."""
    known = engine.reference(case.target)
    if known is None or key not in methods(known, case):
        return None
    size = grid_size(case, subjects.subject(case.target).shape)
    found = spectra(known, key, size, (case.sha256,))
    return found if all(found.group(member, False).any() for member in (True, False)) else None


def presets(side: int) -> list[tuple]:
    """Ready-made bands as (id, label, low, high, what passes outside, hint); side: of the residual's grid."""
    low_pass = fremia(side)
    return [
        ("all", "Everything", 0.0, HIGHEST, 0.0, "all frequencies"),
        ("low", "Coarse", 0.0, 0.1, 0.0, "up to 10 % of Nyquist"),
        ("mid", "Middling", 0.1, 0.4, 0.0, "10 to 40 % of Nyquist"),
        ("high", "Fine", 0.4, HIGHEST, 0.0, "from 40 % of Nyquist"),
        ("fremia", "FreMIA", 0.0, low_pass.hi, FREMIA_REST, "low-pass: 5 cycles per picture, the rest counts 20 %"),
        ("fcre", "FCRE", FCRE.lo, FCRE.hi, 0.0, "middle band: 15 to 85 % of Nyquist"),
    ]


def note(case: Case, key: str, size: tuple[int, int], pairs: int | None) -> str:
    """What must be said about this method's error and its grid."""
    parts = []
    if size != case.values.shape[-2:]:
        parts.append(
            f"This model works on a compressed picture of {size[0]} x {size[1]} cells; the error and its fineness are "
            "measured there, while the pictures below are filtered as pixels."
        )
    if key.startswith("fcre"):
        parts.append("FCRE judges only patches that are neither flat nor busiest; this is the error inside them.")
    if key.startswith("noise"):
        parts.append(f"The error is how far {pairs or 'several'} answers lie from their centre; the first is shown.")
    if key.startswith("pia"):
        parts.append("PIA publishes a fourth power of this error; here its square is judged, as for every method.")
    return " ".join(parts)


def stretch(case: Case, size: tuple[int, int]) -> float:
    """How many times the picture was enlarged, where that leaves bands of the error's grid empty; else 1.

    size: (H, W) of that grid. On a compressed picture fineness is another thing than on pixels.
    """
    return case.stretch if case.stretch > LEAST_STRETCH and size == case.values.shape[-2:] else 1.0


def residual_limit(residual: np.ndarray, known: Spectra | None) -> float:
    """The end of the judged error's colour scale, three times its root mean square; residual: (C, H, W).

    Where there are known pictures it is that of their median, so that one method has one scale for every picture.
    """
    cells = residual.size
    squared = (residual**2).sum() if known is None else np.median(known.energy[~known.test].sum(axis=1))
    return round_up(3 * math.sqrt(float(squared) / cells))


def round_up(value: float) -> float:
    """The next number with one digit, 0.0123 -> 0.02: the end of a colour scale."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.1g}")


def _known(found: Spectra, case: Case, key: str) -> dict:
    without = case.sha256 if case.sha256 in engine.reference(case.target).image_sha256 else ""
    count = int(found.group(False, False).sum())
    quartiles = {}
    for name, member in (("member", True), ("holdout", False)):
        quartiles[name] = np.percentile(found.energy[found.group(member, False)], (25, 50, 75), axis=0).tolist()
    return {
        "energy": _floats(found.energy),
        "member": "".join("1" if m else "0" for m in found.member),
        "test": "".join("1" if t else "0" for t in found.test),
        "detail": None if found.detail is None else _floats(found.detail),
        "map": _floats(_map(case.target, key, (found.height, found.width), without)),
        "quartiles": quartiles,
        "falseAlarms": FALSE_ALARMS,
        "standsOut": STANDS_OUT,
        "ordinary": ORDINARY,
        "zones": SENTENCES,
        "frequencies": frequencies(count) if count <= MOST_SENTENCES else [],
    }


@lru_cache(maxsize=64)
def _map(target: str, key: str, size: tuple[int, int], without: str) -> np.ndarray:
    """The AUC map of a method; without: the picture's SHA-256 where it is among the known ones, else "".

    So all other pictures share one map.
    """
    return auc_map(spectra(engine.reference(target), key, size, (without,)))


@lru_cache(maxsize=8)
def frequencies(holdouts: int) -> list[str]:
    """`Verdict.frequency` for a score that 0, 1, ... all of this many hold-outs reach."""
    ranks = np.arange(holdouts, dtype=np.float64)
    return [judge(holdouts - k - 0.5, ranks).frequency for k in range(holdouts + 1)]


def _look() -> dict:
    return {
        "member": MEMBER,
        "holdout": HOLDOUT,
        "diverging": DIVERGING.tolist(),
        "sequential": SEQUENTIAL.tolist(),
        "auc": DIVERGING[::-1].tolist(),  # blue tells apart, as members are blue; orange is the wrong way round
        "errorLimit": ERROR_LIMIT,
        "spectrum": SPECTRUM_LIMITS,
    }


def _picture(values: np.ndarray) -> dict:
    channels, height, width = values.shape
    return {"c": channels, "h": height, "w": width, "data": _floats(values)}


def _floats(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()
