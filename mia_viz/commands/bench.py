"""`bench`: what every attack costs on this machine, and how much of that is not the network itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.commands.common import (
    PRECISIONS,
    add_attacks,
    add_target,
    check_writable,
    choose,
    open_target,
    reporter,
    whole_number,
    write_file,
    write_json,
)

if TYPE_CHECKING:
    import numpy as np
    import torch

    from mia_viz.bench import Job
    from mia_viz.commands.bench_report import BenchRow
    from mia_viz.targets.target import Target

PICTURES = 64
BATCH = 4


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("bench", help="measure what the attacks cost", description=__doc__)
    add_target(parser)
    add_attacks(parser, "all")
    parser.add_argument(
        "--batch",
        type=whole_number(1),
        metavar="N",
        help=f"pictures (default: {BATCH}; with --compare 16, as published)",
    )
    parser.add_argument("--threads", type=whole_number(1), default=1, help="of the CPU (default: 1)")
    parser.add_argument("--repeats", type=whole_number(1), default=5, help="of the medians (default: 5)")
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="FILE",
        help="scores.json of the parity case: run its entries at their settings and put their CPU time beside ours",
    )
    parser.add_argument(
        "--precisions",
        type=precisions,
        metavar="LIST",
        help="such as float32,bfloat16: measure each, and whether ranks and AUC stay those of the first",
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR|NPZ",
        help="pictures to rank with --precisions (default: test pictures of a bundled model)",
    )
    parser.add_argument(
        "--pictures", type=whole_number(2), default=PICTURES, help=f"ranked at most (default: {PICTURES})"
    )
    parser.add_argument(
        "--laboratory",
        action="store_true",
        help="only time one move of the frequency laboratory's band on the server, with no model",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write bench.json and bench.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and circumstances")
    parser.set_defaults(run=run)


def precisions(text: str) -> tuple[str, ...]:
    """("float32", "bfloat16") from "float32,bfloat16"."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    known = [name for name in PRECISIONS if name != "auto"]
    if not found or any(name not in known for name in found) or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"needs some of {', '.join(known)}, each once, not {text!r}")
    return found


def run(arguments: argparse.Namespace) -> None:
    from mia_viz.commands import bench_report as report

    check_writable(arguments.json)
    if arguments.laboratory:
        return laboratory(arguments)
    if arguments.out is not None and arguments.out.exists() and not arguments.out.is_dir():
        raise ValueError(f"{arguments.out} is a file; --out needs a folder.")
    arguments.batch = arguments.batch or (BATCH if arguments.compare is None else 16)
    rows, target, remarks = measured(arguments)
    found = report.Bench(target.name, report.circumstances(arguments, target), tuple(rows), tuple(remarks))
    if arguments.json is not None:
        write_json(arguments.json, report.as_json(found))
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_json(arguments.out / "bench.json", report.as_json(found))
        write_file(arguments.out / "bench.md", report.markdown(found) + "\n")
    print(report.render(found))


def laboratory(arguments: argparse.Namespace) -> None:
    """Time a move of the laboratory's band."""
    from mia_viz.laboratory import timing

    found = timing.moves()
    if arguments.json is not None:
        write_json(arguments.json, found.as_json())
    print(found)


def measured(arguments: argparse.Namespace) -> tuple[list[BenchRow], Target, list[str]]:
    """A row per job and precision, the target in the first precision, and remarks."""
    from mia_viz import bench, precision
    from mia_viz.commands.bench_report import BenchRow

    wanted = arguments.precisions or (arguments.precision,)
    first = opened(arguments, wanted[0])
    jobs, published, remarks = jobs_of(arguments, first)
    known = ranked_pictures(arguments, first) if len(wanted) > 1 else None
    if len(wanted) > 1 and known is None:
        remarks.append("Ranks were not compared: give pictures with --images.")
    rows, reference = [], None
    for name in wanted:
        target = first if name == wanted[0] else opened(arguments, name)
        costs = bench.measure(target, jobs, arguments.batch, arguments.repeats, report=reporter(f"bench {name}"))
        kept: list = [None] * len(jobs)
        if known is not None:
            found = precision.scores(target, jobs, known[0], reporter(f"ranks {name}"))
            reference = found if reference is None else reference
            kept = [precision.compare(a, b, known[1]) for a, b in zip(reference, found, strict=True)]
        named = getattr(target, "precision", name)
        rows += [BenchRow(c, named, published.get(c.attack), k) for c, k in zip(costs, kept, strict=True)]
    return rows, first, remarks


def opened(arguments: argparse.Namespace, precision: str) -> Target:
    """The target in one precision, with the threads of the flags."""
    import torch

    target = open_target(arguments.target, arguments.device, precision, arguments.lora, arguments.guidance)
    torch.set_num_threads(arguments.threads)  # opening sets them too
    return target


def jobs_of(arguments: argparse.Namespace, target: Target) -> tuple[list[Job], dict[str, float], list[str]]:
    """What is timed, the published CPU seconds by job, and a sentence on each attack left out."""
    from mia_viz import bench
    from mia_viz.published import ENTRIES, seconds

    if arguments.compare is None:
        choice = choose(arguments.attack, arguments.set, arguments.filter, target)
        return bench.jobs_of(choice.plans), {}, list(choice.skipped)
    if arguments.set or arguments.filter != "none":
        raise ValueError("--compare runs every entry at its published settings; leave --set and --filter out.")
    published = seconds(arguments.compare)
    wanted = [name.strip() for name in arguments.attack.split(",")]
    jobs = [
        bench.Job(name, entry.plans())
        for name, entry in ENTRIES.items()
        if name in published and ("all" in wanted or entry.attack in wanted)
    ]
    if not jobs:
        raise ValueError(f"{arguments.compare.name} has no entry of these attacks.")
    return jobs, published, []


def ranked_pictures(arguments: argparse.Namespace, target: Target) -> tuple[torch.Tensor, np.ndarray | None] | None:
    """Pictures to rank and which of them are members (None where unknown); None where there are no pictures."""
    from mia_viz.targets import bundled

    if arguments.images is not None:
        return given_pictures(arguments.images, target)[: arguments.pictures], None
    if bundled.population_of(target.name) is None:
        return None
    return bundled_test_pictures(target, arguments.pictures)


def bundled_test_pictures(target: Target, count: int) -> tuple[torch.Tensor, np.ndarray]:
    """Up to `count` test pictures of a bundled target, half of them members, the others seen by no model."""
    import numpy as np

    from mia_viz.commands.known import bundled_pictures

    known = bundled_pictures(target, ("test",))
    half = [np.flatnonzero(group)[: count // 2] for group in (known.member, ~known.member & ~known.of_twin)]
    return known.pictures[np.concatenate(half)], np.repeat([True, False], [len(group) for group in half])


def given_pictures(place: Path, target: Target) -> torch.Tensor:
    """Pictures of a folder, or the uint8 array "images" (N, H, W, C) of an .npz, as (N, C, H, W) in [-1, 1]."""
    import numpy as np
    import torch

    from mia_viz.analysis import to_pictures
    from mia_viz.commands.known import picture_files
    from mia_viz.commands.score import prepare_file

    if place.suffix != ".npz":
        return to_pictures([prepare_file(file, target, "exact") for file in picture_files(place)])
    try:
        with np.load(place, allow_pickle=False) as opened_file:
            images = opened_file["images"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f'{place.name} holds no array "images".') from error
    if images.dtype != np.uint8 or images.ndim != 4 or (images.shape[3], *images.shape[1:3]) != target.picture_shape:
        raise ValueError(f"{place.name} holds no 8-bit pictures of this model's size.")
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 * 2 - 1
