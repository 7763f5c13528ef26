"""`targets`: the bundled models and what is known about them; `targets check MODEL`: one of your own."""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass

from mia_viz.commands import target_check
from mia_viz.commands.common import open_target, table


@dataclass(frozen=True)
class TargetFacts:
    """One bundled target; members: pictures trained on; reference: attacks with a bundled reference."""

    name: str
    title: str
    description: str
    trained_on: str
    parameters: int
    epoch: int | None
    shape: tuple[int, int, int]
    members: int
    twin: str | None
    reference: tuple[str, ...]
    weights_sha256: str


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("targets", help="list the bundled models, or check your own", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)
    target_check.add(parser.add_subparsers(metavar="check"))


def run(arguments: argparse.Namespace) -> None:
    from mia_viz.targets.bundled import bundled_names

    found = [facts(name) for name in bundled_names()]
    if arguments.json:
        print(json.dumps([dataclasses.asdict(target) for target in found], indent=1))
        return
    rows = []
    for t in found:
        shape, reference = "x".join(map(str, t.shape)), ", ".join(t.reference)
        counts = (f"{t.parameters:,}", str(t.epoch or "-"), str(t.members))
        rows.append([t.name, t.title, shape, *counts, t.twin or "-", reference or "-"])
    header = ("name", "title", "shape", "parameters", "epoch", "members", "twin", "reference")
    print(table(header, rows, left=2) if rows else "No models are bundled with this copy.")


def facts(name: str) -> TargetFacts:
    """What a bundled target's folder tells. Raises ValueError when it is damaged."""
    from mia_viz.reference import load
    from mia_viz.targets.bundled import reference_file, twin_of

    target = open_target(name, "cpu")
    card, file = target.card, reference_file(name)
    return TargetFacts(
        name,
        card.title,
        card.description,
        card.trained_on,
        card.parameters,
        card.epoch,
        target.shape,
        len(card.members),
        twin_of(name),
        tuple(load(file).columns) if file.is_file() else (),
        target.weights_sha256,
    )
