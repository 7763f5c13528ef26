"""`reference`: score pictures of known membership once, so that later scores can be placed among them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.commands.common import (
    add_attacks,
    add_target,
    check_writable,
    choose,
    open_target,
    reporter,
)

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.commands.known import KnownPictures
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target

BUNDLED_ATTACKS = "loss,drc,fcre,noise_aggregation,sima,pia,pian,secmi,pfami,rediffuse"


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("reference", help="compute what scores are compared with", description=__doc__)
    kinds = parser.add_subparsers(title="kinds", metavar="KIND", required=True)
    _add_build(kinds.add_parser("build", help="for a model and pictures of your own"))
    bundled = kinds.add_parser("bundled", help="for the bundled models, from their populations")
    bundled.add_argument("names", nargs="*", metavar="NAME", help="default: every bundled model")
    bundled.add_argument("--attack", default="", metavar="LIST", help="default: every attack")
    bundled.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto", help="default: auto")
    bundled.add_argument("--fresh", action="store_true", help="compute also what the file already holds")
    bundled.set_defaults(run=run_bundled)


def _add_build(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    add_attacks(parser, BUNDLED_ATTACKS)
    parser.add_argument("--members", type=Path, required=True, metavar="DIR", help="what it was trained on")
    parser.add_argument("--holdouts", type=Path, metavar="DIR", help="what it never saw, needed for p-values")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .safetensors file to write")
    parser.add_argument("--prepare", choices=("exact", "crop", "fit"), default="exact", help="default: exact")
    parser.add_argument("--test-share", type=share, default=0.0, help="kept for `evaluate` (default: 0)")
    parser.add_argument("--fresh", action="store_true", help="compute also what the file already holds")
    parser.set_defaults(run=run_build)


def share(text: str) -> float:
    """A number from 0 to below 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"needs a number from 0 to below 1, not {text!r}")
    return value


def run_build(arguments: argparse.Namespace) -> None:
    from mia_viz.commands.known import own_pictures

    check_writable(arguments.out)
    target = open_target(arguments.target, arguments.device, arguments.precision)
    choice = choose(arguments.attack, arguments.set, arguments.filter, target)
    pictures = own_pictures(target, arguments.members, arguments.holdouts, arguments.prepare, arguments.test_share)
    build(target, pictures, choice.plans, arguments.out, arguments.fresh)
    print("\n".join([*choice.skipped, f"The reference is in {arguments.out}."]))


def run_bundled(arguments: argparse.Namespace) -> None:
    from mia_viz.commands.known import bundled_pictures
    from mia_viz.plans import bundled_plans
    from mia_viz.targets import bundled

    names = arguments.names or bundled.bundled_names()
    attacks = tuple(filter(None, arguments.attack.split(",")))
    for name in names:
        target = open_target(name, arguments.device)
        build(target, bundled_pictures(target), bundled_plans(attacks), bundled.reference_file(name), arguments.fresh)


def build(target: Target, pictures: KnownPictures, plans: Sequence[Plan], file: Path, fresh: bool) -> Reference:
    """Fill a reference attack by attack and write it after each: an interrupted run loses one at most.

    Attacks share no answers here: every column's NFE is what the attack costs by itself.
    """
    from mia_viz import reference
    from mia_viz.analysis import by_evidence

    found = pictures.blank_reference(target)
    if not fresh:
        found = replace(found, columns=kept_columns(found, file))
    for group in by_evidence(plans):
        name = " | ".join(chosen.key for chosen in group)
        if all(found.fits(chosen) for chosen in group):
            print(f"{target.name} {name}: kept", flush=True)
            continue
        start = time.perf_counter()
        found = reference.build(
            target, pictures.pictures, group, found, reporter(f"{target.name} {name}"), pictures.captions
        )
        reference.save(found, file)
        seconds = time.perf_counter() - start
        print(f"{target.name} {name}: {len(pictures.names)} pictures in {seconds:.0f} s", flush=True)
    return found


def kept_columns(blank: Reference, file: Path) -> dict:
    """Columns of an earlier file about the same weights and pictures; none where there is no such file."""
    from mia_viz import reference

    try:
        stored = reference.load(file)
    except reference.ReferenceFileError:
        return {}
    same = (
        stored.weights_sha256 == blank.weights_sha256
        and stored.image_sha256 == blank.image_sha256
        and stored.member.tolist() == blank.member.tolist()
        and stored.split.tolist() == blank.split.tolist()
    )
    return stored.columns if same else {}
