"""`bench`: what every attack costs on this machine, and how much of that is not the network itself."""

from __future__ import annotations

import argparse
import dataclasses
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz import __version__
from mia_viz.commands.common import (
    add_attacks,
    add_target,
    check_writable,
    choose,
    open_target,
    reporter,
    short,
    table,
    whole_number,
    write_json,
)

if TYPE_CHECKING:
    from mia_viz.bench import Cost
    from mia_viz.targets.target import Target


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("bench", help="measure what the attacks cost", description=__doc__)
    add_target(parser)
    add_attacks(parser, "all")
    parser.add_argument("--batch", type=whole_number(1), default=4, metavar="N", help="pictures (default: 4)")
    parser.add_argument("--threads", type=whole_number(1), default=1, help="of the CPU (default: 1)")
    parser.add_argument("--repeats", type=whole_number(1), default=5, help="of the medians (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and circumstances")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    import torch

    from mia_viz.bench import measure

    check_writable(arguments.json)
    target = open_target(arguments.target, arguments.device, arguments.precision)
    torch.set_num_threads(arguments.threads)
    choice = choose(arguments.attack, arguments.set, arguments.filter, target)
    costs = measure(target, choice.plans, arguments.batch, arguments.repeats, report=reporter("bench"))
    if arguments.json is not None:
        write_json(arguments.json, as_json(arguments, target, costs))
    print(render(costs))
    for line in choice.skipped:
        print(line)


def as_json(arguments: argparse.Namespace, target: Target, costs: list[Cost]) -> dict:
    """The figures with the circumstances they hold under."""
    import torch

    cuda = target.device.type == "cuda"
    return {
        "target": target.name,
        "device": torch.cuda.get_device_name(target.device) if cuda else platform.processor() or "cpu",
        "precision": arguments.precision,
        "threads": arguments.threads,
        "batch": arguments.batch,
        "repeats": arguments.repeats,
        "torch": torch.__version__,
        "version": __version__,
        "costs": [dataclasses.asdict(cost) for cost in costs],
    }


def render(costs: list[Cost]) -> str:
    """The table for people; times in milliseconds per picture."""
    rows = [
        [cost.attack, short(cost.nfe)]
        + [short(1000 * seconds, 4) for seconds in (cost.wall, cost.cpu, cost.bare)]
        + [f"{100 * cost.overhead:.1f} %"]
        for cost in costs
    ]
    return table(("attack", "NFE", "wall ms", "CPU ms", "network ms", "overhead"), rows)
