"""Store what the page "Compare" opens with: two pictures of a family under its twins and at every training age.

python -m mia_viz.demo.ages [FAMILY ...]     default: every bundled family; what is there already is kept

A file holds what that page shows and no more: of the residuals the denoising loss's, and of a latent model neither
decoded answers nor the pictures of the Structure step. The opening case of `mia_viz.demo.bundle` is not stored twice.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mia_viz import engine
from mia_viz.case import Case, Residuals, save_case
from mia_viz.targets import bundled
from mia_viz.ui.compare_cases import ages, examples, stored, stored_file
from mia_viz.ui.pick import pick_bundled, truth

RESIDUAL = "loss"


def wanted(family: str) -> Iterator[tuple[str, int]]:
    """Every (target, picture) whose case the page opens with."""
    twins = (f"{family}-a", f"{family}-b")
    for target in dict.fromkeys((*twins, *ages(family))):
        for index in examples(family):
            yield target, index


def examined(target: str, index: int) -> Case:
    """The whole walk about a bundled picture under a target, with the picture's own caption."""
    from mia_viz.probe import Progress

    picked = pick_bundled(bundled.family_of(target), index)
    known = truth(picked.group, target)
    return engine.examine_named(
        target, picked.prepared, picked.name, known, Progress(), lambda case: None, picked.caption or ""
    )


def trimmed(case: Case) -> Case:
    """The case with what the page shows."""
    kept = case.residuals
    if kept is not None and RESIDUAL in kept.keys:
        row = kept.keys.index(RESIDUAL)
        kept = Residuals((RESIDUAL,), kept.maps[row : row + 1])
    return replace(case, residuals=kept, structure=None, noises=case.noises and replace(case.noises, pictures=None))


def store(family: str) -> list[Path]:
    """Examine and store what is missing of a family; returns the new files."""
    files = []
    for target, index in wanted(family):
        if stored(target, index) is None:
            file = stored_file(target, index)
            file.parent.mkdir(parents=True, exist_ok=True)
            save_case(trimmed(examined(target, index)), file)
            files.append(file)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", nargs="*", help="default: every bundled family")
    options = parser.parse_args()
    for family in options.family or bundled.families():
        for file in store(family):
            print("stored", file)


if __name__ == "__main__":
    main()
