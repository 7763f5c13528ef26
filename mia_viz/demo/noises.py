"""Ask bundled targets about calibration pictures at several noise levels, for the app's Noise step.

python -m mia_viz.demo.noises [TARGET ...]      default: both finished twins of every family

What is stored: the answers about 4 members and 4 hold-outs, the plane of 48 + 48, and how other injection strengths
and numbers of answers would tell 24 + 24 apart. Pictures are drawn by a fixed seed before anything is asked.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mia_viz import engine
from mia_viz.analysis import Result, plan, run
from mia_viz.case import Case, Noises
from mia_viz.commands.known import KnownPictures, bundled_pictures
from mia_viz.evaluation import Scores, auc_interval
from mia_viz.frequency import FREMIA, NONE
from mia_viz.noises import (
    KnownNoises,
    KnownPicture,
    Plane,
    SettingsGrid,
    coarse_offsets,
    fit_plane,
    noises_file,
    save,
)
from mia_viz.probe import Probe
from mia_viz.shown import with_pictures
from mia_viz.targets import bundled
from mia_viz.targets.target import Target

SEED = 2510
SHOWN, COMPARED, FITTED = 4, 24, 48
"""Pictures of each group in the matrix, in the grid of settings and in the plane; each is part of the next."""
STRENGTHS = (40, 80, 120, 200, 300)
COUNTS = (2, 3, 4, 5, 6, 7, 8)
CHUNK = 16
FILTERS = (NONE, FREMIA)


def drawn(member: np.ndarray, count: int) -> np.ndarray:
    """`count` members, then as many hold-outs, by a fixed seed: places (2 count,) in the mask `member` (M,)."""
    rng = np.random.default_rng(SEED)
    return np.concatenate([rng.permutation(np.flatnonzero(member == kind))[:count] for kind in (True, False)])


def chunks(target: Target, pictures: KnownPictures, rows: np.ndarray) -> Iterator[Probe]:
    """Probes about some of the pictures, a few at a time, with their own captions."""
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        told = None if pictures.captions is None else [pictures.captions[i] for i in some]
        yield Probe.of(target, pictures.pictures[some], captions=told)


def known_picture(target: Target, pictures: KnownPictures, row: int) -> KnownPicture:
    """One picture with the model's answers, as the walk would show them."""
    probe = next(chunks(target, pictures, np.array([row])))
    values, sha256 = pictures.pictures[row].numpy(), pictures.sha256[row]
    case = with_pictures(Case(target.name, "", values, sha256), probe, run(probe, plan("noise_aggregation")))
    caption = "" if pictures.captions is None else pictures.captions[row]
    one = bundled.population_of(target.name).one
    name = f"{one} {pictures.names[row].removesuffix('.png')}"
    return KnownPicture(name, caption, bool(pictures.member[row]), sha256, values, case.noises)


def plane(target: Target, pictures: KnownPictures) -> Plane:
    """The plane of FITTED members and FITTED hold-outs at the attack's own settings."""
    rows = drawn(pictures.member, FITTED)
    found: list[Noises] = []
    for probe in chunks(target, pictures, rows):
        evidence = run(probe, plan("noise_aggregation")).evidence
        found += [Noises(evidence.timesteps, answers.cpu().numpy()) for answers in evidence.observed]
    offsets = np.concatenate([coarse_offsets(part).reshape(len(part.levels), -1) for part in found])
    basis, shares = fit_plane(offsets)
    sha256 = tuple(pictures.sha256[i] for i in rows)
    made = Plane(basis, shares, np.empty((0, 0, 2)), pictures.member[rows], sha256)
    return replace(made, points=np.stack([made.project(part) for part in found]))


def grid(target: Target, pictures: KnownPictures) -> SettingsGrid:
    """Scores of COMPARED members and COMPARED hold-outs under every setting that stays above level 0.

    The most answers are asked for first: fewer are the beginning of the same walk and cost nothing more.
    """
    rows = drawn(pictures.member, COMPARED)
    scores = np.full((len(FILTERS), len(STRENGTHS), len(COUNTS), len(rows)), np.nan)
    for part, probe in enumerate(chunks(target, pictures, rows)):
        place = slice(part * CHUNK, part * CHUNK + len(probe))
        for i, strength in enumerate(STRENGTHS):
            for j in range(len(COUNTS) - 1, -1, -1):
                for f, result in enumerate(_results(probe, strength, COUNTS[j])):
                    scores[f, i, j, place] = result.score
            probe.forget()
    member = pictures.member[rows]
    intervals = np.full((*scores.shape[:3], 3), np.nan)
    for at in np.ndindex(scores.shape[:3]):
        if not np.isnan(scores[at]).any():
            found = auc_interval(Scores(scores[at][member], scores[at][~member]))
            intervals[at] = found.value, found.low, found.high
    return SettingsGrid(STRENGTHS, COUNTS, scores, intervals, member, tuple(pictures.sha256[i] for i in rows))


def _results(probe: Probe, strength: int, count: int) -> list[Result]:
    """What noise aggregation finds under one setting and every filter; nothing where it cannot be walked."""
    try:
        plans = [plan("noise_aggregation", {"t": str(strength), "k": str(count)}, f) for f in FILTERS]
    except ValueError:  # the walk would pass below level 0
        return []
    return [run(probe, chosen) for chosen in plans]


def measure(target: Target, pictures: KnownPictures) -> KnownNoises:
    """Everything the Noise step shows of known pictures; `pictures` are of the calibration split."""
    shown = tuple(known_picture(target, pictures, int(row)) for row in drawn(pictures.member, SHOWN))
    return KnownNoises(target.weights_sha256, shown, plane(target, pictures), grid(target, pictures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*")
    for name in parser.parse_args().target or [n for n in bundled.bundled_names() if bundled.twin_of(n)]:
        start, target = time.perf_counter(), engine.opened(name)
        save(measure(target, bundled_pictures(target, ("calibration",))), noises_file(name))
        print(f"stored {noises_file(name).name} in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
