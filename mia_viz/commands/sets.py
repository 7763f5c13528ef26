"""`sets`: was a whole collection used? Suspect pictures against certainly unseen ones of the same kind."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.commands.captions import add_captions, asked_for, of_files
from mia_viz.commands.common import add_target, check_writable, reporter, target_of, write_json

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.targets.target import Target


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("sets", help="test a whole collection of pictures", description=__doc__)
    parser.add_argument("--suspects", type=Path, required=True, metavar="DIR", help="pictures that may have been used")
    parser.add_argument(
        "--unseen",
        type=Path,
        metavar="DIR",
        help="pictures of the same kind that were certainly not (default: stored ones of the reference)",
    )
    add_target(parser)
    parser.add_argument("--prepare", choices=("exact", "crop", "fit"), default="exact", help="default: exact")
    parser.add_argument("--attack", metavar="NAME[,NAME]", help="of the walk's attacks (default: all but restoring)")
    parser.add_argument("--reference", type=Path, metavar="FILE", help="a reference you built (default: the bundled)")
    add_captions(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the answer and every score as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from mia_viz.commands.known import picture_files
    from mia_viz.commands.score import known_pictures
    from mia_viz.pictures.limits import MOST_IN_SET
    from mia_viz.probe import Progress
    from mia_viz.set_audit import ask_set

    check_writable(arguments.out)
    files = [None if folder is None else picture_files(folder) for folder in (arguments.suspects, arguments.unseen)]
    for group in filter(None, files):
        if len(group) > MOST_IN_SET:
            raise ValueError(
                f"A set has at most {MOST_IN_SET:,} pictures, and {group[0].parent} holds {len(group):,}; `audit` is "
                "the command for more."
            )
    target = target_of(arguments)
    known = known_pictures(argparse.Namespace(**vars(arguments), seed=0, noise_key="content"), target)
    if known.reference is None and arguments.reference is not None:
        raise ValueError(f"This reference cannot be used: {known.reason}.")
    told = asked_for(arguments.captions, target)
    captions = tuple(None if group is None or not target.takes else of_files(group, told or {}) for group in files)
    groups = [None if group is None else _prepared(group, target, arguments.prepare) for group in files]
    show = reporter(target.name)
    progress = Progress(listener=lambda p: show(min(p.done, p.expected), p.expected))
    found = ask_set(target, *groups, known.reference, progress, _plans(arguments.attack, target), captions)
    if arguments.out is not None:
        write_json(arguments.out, {"target": target.name, "weights_sha256": target.weights_sha256, **found.as_json()})
    print("\n".join([found.answer, *found.sentences]))


def _prepared(files: list[Path], target: Target, how: str) -> list:
    from mia_viz.commands.score import prepare_file
    from mia_viz.pictures.limits import FEWEST_IN_SET
    from mia_viz.pictures.prepare import Prepared

    subjects = [prepare_file(file, target, how, apart=True) for file in files]
    if len({subject.pixels_sha256 for subject in subjects}) < FEWEST_IN_SET:
        raise ValueError(f"A set needs at least {FEWEST_IN_SET} different pictures; fewer say too little.")
    return [Prepared(subject.values, subject.notes, subject.pixels_sha256) for subject in subjects]


def _plans(names: str | None, target: Target) -> list[Plan] | None:
    """The walk's plans of some attacks; None for the usual ones. Raises ValueError for others."""
    if names is None:
        return None
    from mia_viz.plans import walk_plans

    usual = {chosen.attack.name: chosen for chosen in walk_plans(target.name, target.schedule)}
    asked = [name.strip() for name in names.split(",") if name.strip()]
    if not asked or set(asked) - set(usual):
        raise ValueError(f"A set can be tested with {', '.join(usual)}, one or more of them.")
    return [chosen for name, chosen in usual.items() if name in asked]
