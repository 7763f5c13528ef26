"""Flags that choose what of a scan is looked at, and what resampling does to the frequencies in use."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mia_viz.commands.common import whole_number

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.pictures.volume import View
    from mia_viz.targets.target import Target


def add_view(parser: argparse.ArgumentParser) -> None:
    """--slice, --axis and --window."""
    parser.add_argument(
        "--slice", type=whole_number(0), metavar="N", help="of a scan, counted from 0 (default: the middle one)"
    )
    parser.add_argument("--axis", metavar="NAME", help="of a NIfTI scan: sagittal, coronal or axial (default: axial)")
    parser.add_argument(
        "--window",
        metavar="NAME|LEVEL,WIDTH",
        help='which values of a scan are black and white: brain, "soft tissue", lung or bone (of CT), file (the '
        """file's own), "file 2", "file 3" (its next ones, where it brings several), or two numbers such as 40,80 """
        "(default: the file's first own; without one the full range, of NIfTI percentiles 0.5 to 99.5)",
    )


def view_of(arguments: argparse.Namespace) -> View:
    """The view of the flags."""
    from mia_viz.pictures.volume import View

    return View(arguments.slice, arguments.axis, arguments.window)


def resampling_notes(chosen: Plan, target: Target, stretch: float) -> tuple[str, ...]:
    """What resampling did to the frequencies a plan looks at; nothing for latent models, whose own are others."""
    from mia_viz.pictures.resampling import band_note

    note = band_note(stretch, *band_in_use(chosen, target.shape[1:])) if target.space == "pixel" else ""
    return (note,) if note else ()


def band_in_use(chosen: Plan, size: tuple[int, ...]) -> tuple[float, float]:
    """Lowest and highest frequency a plan's score depends on, shares of Nyquist, for pictures of (H, W) pixels."""
    settings = chosen.params.as_dict()
    lo, hi = (settings["lo"], settings["hi"]) if settings.get("variant") == "v3" else (0.0, 1.5)
    if chosen.filter.kind == "band":
        lo, hi = max(lo, chosen.filter.lo), min(hi, chosen.filter.hi)
    elif chosen.filter.kind == "lowpass" and chosen.filter.s == 0:
        hi = min(hi, 2 * chosen.filter.r / min(size))
    return lo, hi
