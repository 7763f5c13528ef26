"""`reference`: score pictures of known membership once, so that later scores can be placed among them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.commands.captions import add_captions, asked_for
from mia_viz.commands.common import (
    add_attacks,
    add_target,
    check_writable,
    choose,
    open_target,
    reporter,
    target_of,
)

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.commands.known import KnownPictures
    from mia_viz.probe import Progress
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target

BUNDLED_ATTACKS = "loss,drc,fcre,noise_aggregation,sima,pia,pian,secmi,pfami,rediffuse"
REVEALS = (
    "The reference file holds no pictures: of each picture it holds scores, spectra, thirteen numbers on brightness "
    "and detail, and a SHA-256. Whoever has one of the pictures can still find out from it that it is among them, and "
    "on which side."
)


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("reference", help="compute what scores are compared with", description=__doc__)
    kinds = parser.add_subparsers(title="kinds", metavar="KIND", required=True)
    _add_build(kinds.add_parser("build", help="for a model and pictures of your own"))
    features = kinds.add_parser("features", help="add to bundled references what needs no model: detail and brightness")
    features.add_argument("names", nargs="*", metavar="NAME", help="default: every bundled model with a reference")
    features.set_defaults(run=run_features)
    bundled = kinds.add_parser("bundled", help="for the bundled models, from their populations")
    bundled.add_argument("names", nargs="*", metavar="NAME", help="default: every bundled model")
    bundled.add_argument("--attack", default="", metavar="LIST", help="default: every attack")
    bundled.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto", help="default: auto")
    bundled.add_argument("--fresh", action="store_true", help="compute also what the file already holds")
    bundled.set_defaults(run=run_bundled)


def _add_build(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    add_attacks(parser, BUNDLED_ATTACKS)
    parser.add_argument(
        "--members", type=Path, metavar="DIR", help="what it was trained on, needed for likelihood ratios"
    )
    parser.add_argument("--holdouts", type=Path, metavar="DIR", help="what it never saw, needed for p-values")
    add_captions(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .safetensors file to write")
    parser.add_argument("--prepare", choices=("exact", "crop", "fit"), default="exact", help="default: exact")
    parser.add_argument("--test-share", type=share, default=0.0, help="kept for `evaluate` (default: 0)")
    parser.add_argument("--fresh", action="store_true", help="compute also what the file already holds")
    parser.add_argument("--keep-names", action="store_true", help="write the pictures' file names into the file")
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
    target = target_of(arguments)
    captions = asked_for(arguments.captions, target)
    folders = (arguments.members, arguments.holdouts)
    pictures = own_pictures(target, *folders, arguments.prepare, arguments.test_share, captions)
    if not arguments.keep_names:
        pictures = pictures.unnamed()
    choice = choose(arguments.attack, arguments.set, arguments.filter, target, pictures.captions)
    plans = choice.plans
    if not arguments.set and arguments.filter == "none":
        plans = with_walk(plans)
    found = build(target, pictures, plans, arguments.out, arguments.fresh, provenance(target, arguments.prepare))
    members, holdouts = (int((found.member == kind).sum()) for kind in (True, False))
    lines = [*choice.skipped, f"The reference of {members} members and {holdouts} hold-outs is in {arguments.out}."]
    print("\n".join([*lines, *missing(found), REVEALS]))


def missing(found: Reference) -> list[str]:
    """What a reference cannot give, in sentences; none where it has members and hold-outs."""
    words = {
        True: "Without members it gives p-values but no likelihood ratio.",
        False: "Without hold-outs it gives no p-values and no verdict.",
    }
    return [words[kind] for kind in (True, False) if not (found.member == kind).any()]


def with_walk(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """The plans, and the walk's, which reports are made with, where their attacks are among them in another setting."""
    from mia_viz.plans import walk_plans

    names, keys = {p.attack.name for p in plans}, {p.key for p in plans}
    return (*plans, *(p for p in walk_plans() if p.attack.name in names and p.key not in keys))


def provenance(target: Target, prepare: str) -> dict[str, str]:
    """How a reference comes about, beside its settings and counts."""
    from mia_viz.report.facts import versions

    return {
        **{f"version of {name}": number for name, number in versions().items()},
        "utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "device": target.device.type,
        "precision": target.precision,
        "prepare": prepare,
        "seed": "0",
        "reveals": REVEALS,
    }


def run_features(arguments: argparse.Namespace) -> None:
    from mia_viz import reference
    from mia_viz.commands.known import bundled_pictures
    from mia_viz.targets import bundled

    names = arguments.names or [n for n in bundled.bundled_names() if bundled.reference_file(n).is_file()]
    for name in names:
        found = reference.load(bundled.reference_file(name))
        pictures = bundled_pictures(open_target(name, "cpu"))
        if pictures.sha256 != found.image_sha256:
            raise ValueError(f"The reference of {name} is of other pictures than the bundled ones; build it again.")
        reference.save(reference.with_features(found, pictures.pictures.numpy()), bundled.reference_file(name))
        print(f"{name}: features of {len(pictures.names)} pictures", flush=True)


def run_bundled(arguments: argparse.Namespace) -> None:
    from mia_viz.attacks.attack import refusal
    from mia_viz.commands.known import bundled_pictures
    from mia_viz.plans import bundled_plans
    from mia_viz.targets import bundled

    names = arguments.names or bundled.bundled_names()
    attacks = tuple(filter(None, arguments.attack.split(",")))
    for name in names:
        target = open_target(name, arguments.device)
        pictures = bundled_pictures(target)
        plans = [p for p in bundled_plans(attacks, name) if not refusal(p.attack, target, pictures.captions or [""])]
        build(target, pictures, plans, bundled.reference_file(name), arguments.fresh)


def build(
    target: Target,
    pictures: KnownPictures,
    plans: Sequence[Plan],
    file: Path,
    fresh: bool,
    how: dict[str, str] | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: print(line, flush=True),
) -> Reference:
    """Fill a reference attack by attack and write it after each: an interrupted run loses one at most.

    how: its provenance. progress: counts the questions still to be asked, and can stop the work
    (`mia_viz.probe.Cancelled`). say: hears a line per attack. Attacks share no answers here: every column's NFE is what
    the attack costs by itself.
    """
    from mia_viz import reference
    from mia_viz.analysis import by_evidence

    found, told = pictures.blank_reference(target), reference.captions_kind(target, pictures.captions)
    found = replace(found, provenance=how or {})
    if not fresh:
        found = replace(found, columns=kept_columns(found, file))
    groups = {" | ".join(chosen.key for chosen in group): group for group in by_evidence(plans)}
    kept = [name for name, group in groups.items() if all(found.complete(chosen, told) for chosen in group)]
    if progress is not None:
        fresh_groups = [group for name, group in groups.items() if name not in kept]
        progress.expected = len(pictures.names) * sum(group[0].evaluations for group in fresh_groups)
    for name, group in groups.items():
        if name in kept:
            say(f"{target.name} {name}: kept")
            continue
        start = time.perf_counter()
        line = reporter(f"{target.name} {name}")
        found = reference.build(target, pictures.pictures, group, found, line, pictures.captions, progress)
        reference.save(found, file)
        say(f"{target.name} {name}: {len(pictures.names)} pictures in {time.perf_counter() - start:.0f} s")
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
