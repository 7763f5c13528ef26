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
    unusable,
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

EARLIER = "computed earlier"
"""Under this name provenance lists columns that an earlier run computed."""


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("reference", help="compute what scores are compared with", description=__doc__)
    kinds = parser.add_subparsers(title="kinds", metavar="KIND", required=True)
    _add_build(kinds.add_parser("build", help="for a model and pictures of your own"))
    features = kinds.add_parser("features", help="add to bundled references what asks no model: detail, blind scores")
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
        plans = with_walk(plans, target)
    found = build(target, pictures, plans, arguments.out, arguments.fresh, provenance(target, arguments.prepare))
    members, holdouts = (int((found.member == kind).sum()) for kind in (True, False))
    lines = [*choice.skipped, f"The reference of {members} members and {holdouts} hold-outs is in {arguments.out}."]
    print("\n".join([*lines, *pictures.remarks, *missing(found), REVEALS]))


def missing(found: Reference) -> list[str]:
    """What a reference cannot give, in sentences; none where it has enough members and hold-outs to judge by."""
    from mia_viz.strength import FEWEST
    from mia_viz.verdict import NEEDED, too_few

    members, holdouts = (int(found.choose(kind, "calibration").sum()) for kind in (True, False))
    said = []
    if members == 0:
        said.append("Without members it gives p-values but no likelihood ratio.")
    if holdouts == 0:
        said.append("Without hold-outs it gives no p-values and no verdict.")
    elif holdouts < NEEDED:
        said.append(too_few(holdouts))
    if members and holdouts and min(members, holdouts) < FEWEST:
        said.append(f"For a likelihood ratio it needs {FEWEST} members and {FEWEST} hold-outs at least.")
    return said


def with_walk(plans: Sequence[Plan], target: Target) -> tuple[Plan, ...]:
    """The plans, and the walk's, which reports are made with, where their attacks are among them in another setting."""
    from mia_viz.plans import walk_plans

    names, keys = {p.attack.name for p in plans}, {p.key for p in plans}
    walk = [p for p in walk_plans("", target.schedule) if p.attack.name in names and p.key not in keys]
    return (*plans, *(p for p in walk if not unusable(p, target, [""])))


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
        target = open_target(name, "cpu")
        pictures = bundled_pictures(target)
        if pictures.sha256 != found.image_sha256:
            raise ValueError(f"The reference of {name} is of other pictures than the bundled ones; build it again.")
        found = reference.with_features(found, pictures.pictures.numpy(), target)
        reference.save(found, bundled.reference_file(name))
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
        how = provenance(target, "exact")
        build(target, pictures, plans, bundled.reference_file(name), arguments.fresh, how, certain=True)


def build(
    target: Target,
    pictures: KnownPictures,
    plans: Sequence[Plan],
    file: Path,
    fresh: bool,
    how: dict[str, str],
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: print(line, flush=True),
    certain: bool = False,
) -> Reference:
    """Fill a reference attack by attack and write it after each: an interrupted run loses one at most.

    how: its provenance. progress: counts the questions still to be asked, and can stop the work
    (`mia_viz.probe.Cancelled`). say: hears a line per attack. certain: whether an earlier file that does not tell how
    the model was asked was computed with this very model, as those of bundled models were. Attacks share no answers
    here: every column's NFE is what the attack costs by itself.
    """
    from mia_viz import reference
    from mia_viz.analysis import by_evidence

    blank = replace(pictures.blank_reference(target), provenance=how)
    earlier = None if fresh else earlier_build(blank, file)
    told = reference.captions_kind(target, pictures.captions)
    groups = {" | ".join(chosen.key for chosen in group): group for group in by_evidence(plans)}
    kept = [n for n, group in groups.items() if earlier and all(earlier.complete(chosen, told) for chosen in group)]
    wanting = [group for name, group in groups.items() if name not in kept]
    found = blank if earlier is None else continued(blank, earlier, [p.key for g in wanting for p in g], certain)
    if progress is not None:
        progress.expected = len(pictures.names) * sum(group[0].evaluations for group in wanting)
    for name, group in groups.items():
        if name in kept:
            say(f"{target.name} {name}: kept")
            continue
        start = time.perf_counter()
        line = reporter(f"{target.name} {name}")
        found = reference.build(target, pictures.pictures, group, found, line, pictures.captions, progress)
        reference.save(found, file)
        say(f"{target.name} {name}: {len(pictures.names)} pictures in {time.perf_counter() - start:.0f} s")
    if not wanting:  # features and provenance may be new where no column is
        reference.save(found, file)
    return found


def earlier_build(blank: Reference, file: Path) -> Reference | None:
    """An earlier file of the same model, asked in the same way about the same pictures; None where there is none."""
    from mia_viz import parametrisation, reference

    try:
        stored = reference.load(file)
    except reference.ReferenceFileError:
        return None
    used, now = (r.provenance.get("precision", "") for r in (stored, blank))
    same = (
        stored.weights_sha256 == blank.weights_sha256
        and not parametrisation.difference(stored.parametrisation, blank.parametrisation)
        and (not used or used == now)
        and stored.image_sha256 == blank.image_sha256
        and stored.member.tolist() == blank.member.tolist()
        and stored.split.tolist() == blank.split.tolist()
    )
    return stored if same else None


def continued(blank: Reference, earlier: Reference, fresh: Sequence[str], certain: bool) -> Reference:
    """The columns of an earlier file with what is known of how they came about.

    fresh: keys that are computed now; without any, the file keeps its own provenance. Else the new one lists what was
    computed before it, which its versions and its time do not speak of. certain: see `build`.
    """
    asked = earlier.parametrisation or (blank.parametrisation if certain else {})
    how, kept = blank.provenance, [key for key in earlier.columns if key not in fresh]
    if kept and earlier.provenance and not fresh:
        how = earlier.provenance
    elif kept:
        when = f"not after {earlier.provenance['utc']}" if "utc" in earlier.provenance else "when is not known"
        how = {**how, EARLIER: f"{', '.join(kept) if fresh else 'all columns'} ({when})"}
    return replace(blank, columns=earlier.columns, parametrisation=asked, provenance=how)
