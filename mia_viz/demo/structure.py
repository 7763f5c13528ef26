"""Measure how the structure of a text-to-image target's calibration pictures wears away, for the app's Structure step.

python -m mia_viz.demo.structure [TARGET ...]      default: every bundled target that takes captions
"""

from __future__ import annotations

import argparse

import numpy as np

from mia_viz import engine
from mia_viz.case import Structure
from mia_viz.commands.known import KnownPictures, bundled_pictures
from mia_viz.plans import walk_plans
from mia_viz.probe import Probe
from mia_viz.shown import structures
from mia_viz.structure import Example, KnownStructure, save, structure_file, typical
from mia_viz.targets import bundled
from mia_viz.targets.target import Target

CHUNK = 16


def measure(target: Target, pictures: KnownPictures) -> KnownStructure:
    """The curves of known pictures, asked about with the walk's settings and their own captions."""
    params = next(p.params for p in walk_plans(target.name) if p.attack.name == "smia")
    found: list[Structure] = []
    for start in range(0, len(pictures.pictures), CHUNK):
        rows = slice(start, start + CHUNK)
        found += structures(Probe.of(target, pictures.pictures[rows], captions=pictures.captions[rows]), params)
    levels = found[0].levels
    similarity = np.stack([part.similarity for part in found])
    examples = []
    for member in (True, False):
        rows = np.flatnonzero(pictures.member == member)
        row = rows[typical(similarity[rows, levels.index(params.total)])]
        examples.append(Example(pictures.pictures[row].numpy(), pictures.captions[row], found[row]))
    return KnownStructure(target.weights_sha256, levels, similarity, pictures.member, pictures.sha256, *examples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*")
    for name in parser.parse_args().target or bundled.captioned_names():
        target = engine.opened(name)
        save(measure(target, bundled_pictures(target, ("calibration",))), structure_file(name))
        print("stored", structure_file(name).name)


if __name__ == "__main__":
    main()
