"""`audit`: ask a model about very many pictures, wherever they lie; a run that was stopped goes on where it was."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.commands.audit_paper import add_plan, assumptions_of, render
from mia_viz.commands.captions import NONE, add_captions, read_captions, refuse_unless_taken
from mia_viz.commands.common import add_attacks, add_target, choose, target_of, whole_number
from mia_viz.commands.views import add_view, view_of

if TYPE_CHECKING:
    from mia_viz.audit.run import Tally
    from mia_viz.audit.source import Source
    from mia_viz.targets.target import Target

DEFAULT_ATTACKS = "loss"
SECONDS = {True: 0.5, False: 30.0}
"""Between two progress lines, on a terminal and elsewhere."""


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "audit",
        help="score very many pictures, resumable",
        usage="%(prog)s --images SOURCE --out DIR [options]",
        description="Ask a model about very many pictures, wherever they lie, and write one table. It can be stopped "
        "at any time; the same command goes on where it was. Every option is explained in docs/audit.md.",
    )
    _add_pictures(parser.add_argument_group("the pictures"))
    add_target(parser.add_argument_group("the model"))
    asked = parser.add_argument_group("what is asked")
    add_attacks(asked, DEFAULT_ATTACKS)
    asked.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="of the noise (default: 0)")
    asked.add_argument("--reference", type=Path, metavar="FILE", help="a reference you built, for p-values")
    _add_table(parser.add_argument_group("what is written"))
    _add_how(parser.add_argument_group("how it runs"))
    _add_engine(parser.add_argument_group("on a cluster (needs Ray: requirements-ray.txt)"))
    add_plan(parser)
    parser.set_defaults(run=run)


def _add_pictures(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--images",
        metavar="SOURCE",
        help="folder, zip, tar (WebDataset), Parquet or Arrow, here or at an address such as s3://bucket/folder",
    )
    group.add_argument(
        "--prepare",
        choices=("exact", "crop", "fit"),
        default="exact",
        help="pictures of another size than the model's: exact leaves them out and says so, crop takes the middle and "
        "fit the whole, both resampled (default: %(default)s)",
    )
    add_view(group)
    add_captions(group)
    group.add_argument(
        "--image-column", metavar="NAME", help="of Parquet and Arrow files (default: image, or the only one)"
    )
    group.add_argument("--caption-column", metavar="NAME", help="of the same files (default: caption, text or prompt)")
    group.add_argument("--retry", action="store_true", help="try unreadable pictures of an earlier run again")


def _add_table(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--out", type=Path, metavar="DIR", help="for the table and the summary page; made if missing")
    group.add_argument(
        "--part", type=whole_number(1), default=512, metavar="N", help="pictures per file of the table (default: 512)"
    )
    group.add_argument("--no-spectra", action="store_true", help="leave the energy per frequency ring out")
    group.add_argument("--thumbnails", action="store_true", help="show pictures on the summary page")


def _add_how(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--batch", type=whole_number(1), metavar="N", help="pictures asked about together (default: 16, on a GPU 64)"
    )
    group.add_argument(
        "--workers",
        type=whole_number(1),
        metavar="N",
        help="processes that decode pictures (default: 1, beside a GPU half of the cores, at most 8)",
    )
    group.add_argument(
        "--shard",
        type=shard,
        default=(1, 1),
        metavar="I/N",
        help="do every N-th part only, from the I-th on, such as 2/8; for batch systems",
    )


def _add_engine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--engine", choices=("local", "ray"), default="local", help="default: %(default)s")
    group.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="of a running cluster, such as 10.0.0.1:6379, or auto (default: one is started on this machine)",
    )
    group.add_argument(
        "--actors", type=whole_number(1), metavar="N", help="models at work at once (default: as many as fit)"
    )


def shard(text: str) -> tuple[int, int]:
    """(2, 8) from "2/8"."""
    try:
        place, of = (int(part) for part in text.split("/"))
    except ValueError:
        place, of = 0, 0
    if not 1 <= place <= of:
        raise argparse.ArgumentTypeError(f"needs i/n with i from 1 to n, such as 2/8, not {text!r}")
    return place, of


def run(arguments: argparse.Namespace) -> None:
    if arguments.plan is not None:
        return on_paper(arguments)
    missing = [flag for flag, given in (("--images", arguments.images), ("--out", arguments.out)) if given is None]
    if missing:
        raise ValueError(f"An audit needs {' and '.join(missing)}.")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise ValueError(f"{arguments.out} is a file; --out needs a folder.")
    if arguments.engine == "local":
        if arguments.ray_address or arguments.actors:
            raise ValueError("--ray-address and --actors need --engine ray.")
        from mia_viz.audit.run import audit

        return audited(arguments, target_of(arguments), audit)
    from mia_viz.audit import cluster

    opener = cluster.opener_of(arguments.target, arguments.precision, arguments.lora, arguments.guidance)
    with cluster.connected(arguments.ray_address, arguments.device) as machines:
        work = partial(cluster.audit, opener, machines, actors=arguments.actors)
        audited(arguments, cluster.planned(opener, machines), work)


def audited(arguments: argparse.Namespace, target: Target, work: Callable[..., Tally]) -> None:
    """Run an audit of the flags with an engine (`mia_viz.audit.run.audit` or its like), and say what came of it."""
    from mia_viz.audit.run import Options
    from mia_viz.commands.score import known_pictures

    source = source_of(arguments, target)
    told = [""] if arguments.captions == NONE else ["one"]  # whether each has one shows only picture by picture
    choice = choose(arguments.attack, arguments.set, arguments.filter, target, told)
    known = known_pictures(argparse.Namespace(**vars(arguments), noise_key="content"), target)
    options = Options(
        arguments.prepare,
        arguments.seed,
        arguments.batch,
        arguments.part,
        arguments.shard,
        arguments.workers,
        not arguments.no_spectra,
        arguments.retry,
        view_of(arguments),
    )
    end = work(target, source, choice.plans, arguments.out, options, known.reference, progress())
    lines = [*choice.skipped, *finished(end)]
    if known.reference is None:
        lines.append(f"No p-values: {known.reason}.")
    print("\n".join([*lines, *summarised(arguments, source, target, choice.plans, known.reference)]))


def on_paper(arguments: argparse.Namespace) -> None:
    """What an audit of --plan pictures would take; no model is asked and nothing is written."""
    from mia_viz.audit import paper

    plans = paper.plans_of(arguments.attack, arguments.set, arguments.filter)
    assumed = assumptions_of(arguments)
    passes = 1 if arguments.guidance == 1 else 2
    found = paper.estimate(arguments.plan, plans, assumed, passes, not arguments.no_spectra)
    print(render(found, plans, assumed))


def source_of(arguments: argparse.Namespace, target: Target) -> Source:
    """The source of the flags. Raises ValueError with a sentence."""
    from mia_viz.audit.source import Columns, Source

    captions = None
    if arguments.captions is not None or arguments.caption_column is not None:
        refuse_unless_taken(target)
    if arguments.captions not in (None, NONE):
        captions = read_captions(Path(arguments.captions))
    told = bool(target.takes) and arguments.captions != NONE
    return Source(arguments.images, Columns(arguments.image_column, arguments.caption_column), captions, told)


def summarised(arguments: argparse.Namespace, source: Source, target: Target, plans, reference) -> list[str]:
    """Write the summary page, unless this was one shard of several; lines to print."""
    if arguments.shard[1] > 1:
        return ["When all shards are done, the same command without --shard writes the summary page."]
    from mia_viz.audit.ahead import Form
    from mia_viz.audit.digest import digest
    from mia_viz.audit.page import write

    passed = source.passed_words()
    found = digest(arguments.out, plans, reference, target, passed)
    form = Form(target.picture_shape, arguments.prepare, view_of(arguments))
    page = write(found, arguments.out, target, source if arguments.thumbnails else None, form)
    return [found.answer, *found.left_out, f"The table is in {arguments.out / 'parts'}, the summary page is {page}."]


def progress() -> Callable[[Tally], None]:
    """A callback that shows rate and time left: on one line of a terminal, else now and then on a new one."""
    terminal, last = sys.stderr.isatty(), [time.monotonic()]

    def report(tally: Tally) -> None:
        if time.monotonic() - last[0] < SECONDS[terminal]:
            return
        last[0] = time.monotonic()
        print(f"\x1b[2K{line(tally)}" if terminal else line(tally), end="\r" if terminal else "\n", file=sys.stderr)
        sys.stderr.flush()

    return report


def line(tally: Tally) -> str:
    """ "1,200 of 10,000 pictures, 35 per second, 4 min left, network busy 96 % of the time"."""
    number = tally.before + tally.done
    of = "" if tally.total is None else f" of {tally.total:,}"
    left = "" if tally.left is None else f", {duration(tally.left)} left"
    busy = f"network busy {100 * tally.busy_share:.0f} % of the time"
    return f"{number:,}{of} pictures, {tally.rate:.3g} per second{left}, {busy}"


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def finished(tally: Tally) -> list[str]:
    """What is said at the end of a run."""
    before = f" {tally.before:,} were there already." if tally.before else ""
    if not tally.done:
        return [f"Nothing was left to do.{before}"]
    return [
        f"{tally.done:,} pictures in {duration(tally.seconds)}, {tally.rate:.3g} per second.{before}",
        f"The network was busy {100 * tally.busy_share:.0f} % of the time and waited for pictures "
        f"{100 * tally.waited_share:.0f} %.",
        *([f"{tally.actors} models took part; shares of time are means over them."] if tally.actors > 1 else []),
    ]
