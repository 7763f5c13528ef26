"""`data check`: whether members and hold-outs of your own may be compared at all, before any model is asked."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.commands.common import check_writable, short, table, write_json

if TYPE_CHECKING:
    from mia_viz.own_data import DataCheck
    from mia_viz.pictures.picture import Picture

SHOWN = 10


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("data", help="check pictures of your own", description=__doc__)
    parser.set_defaults(run=lambda _: parser.error("say what to do with the data, such as: data check"))
    check = parser.add_subparsers(metavar="check").add_parser(
        "check", help="compare a folder of members with a folder of hold-outs", description=__doc__
    )
    check.add_argument("--members", type=Path, required=True, metavar="DIR", help="pictures the model was trained on")
    check.add_argument("--holdouts", type=Path, required=True, metavar="DIR", help="pictures it never saw")
    check.add_argument("--json", type=Path, metavar="FILE", help="write what was found")
    check.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from mia_viz.own_data import check_data

    check_writable(arguments.json)
    groups = [opened(folder) for folder in (arguments.members, arguments.holdouts)]
    found = check_data(*groups)
    if arguments.json is not None:
        extra = {"separated": found.separated, "usable": found.usable, "sentence": found.sentence}
        write_json(arguments.json, asdict(found) | extra)
    print(render(found))


def opened(folder: Path) -> list[Picture]:
    """The pictures of a folder, of scans the middle slice. Raises PictureError that begins with the file's name."""
    from mia_viz.commands.known import picture_files
    from mia_viz.pictures.picture import PictureError
    from mia_viz.pictures.uploads import load_upload

    found = []
    for file in picture_files(folder):
        try:
            found.append(load_upload(file))
        except PictureError as error:
            raise PictureError(f"{file.name}: {error}") from error
    return found


def render(found: DataCheck) -> str:
    """The report for people."""
    lines = [f"{found.members} members and {found.holdouts} hold-outs.", ""]
    if found.pairs:
        lines.append(f"In both groups ({len(found.pairs)}):")
        for pair in found.pairs[:SHOWN]:
            how = "the same picture" if pair.exact else f"nearly the same, correlation {pair.correlation:.2f}"
            lines.append(f"  {pair.member} and {pair.holdout}: {how}.")
        if len(found.pairs) > SHOWN:
            lines.append(f"  and {len(found.pairs) - SHOWN} more.")
    else:
        lines.append("No picture is in both groups, exactly or nearly.")
    rows = [
        [s.measure, short(s.members), short(s.holdouts), f"{s.share:.2f}", short(s.p_value, 2), "*" * s.shifted]
        for s in found.shifts
    ]
    lines += ["", table(("median of", "members", "hold-outs", "larger", "p", ""), rows)]
    lines.append("larger: share of pairs in which the member's is the larger one, 0.50 where there is no shift; ")
    lines[-1] += "* a shift that chance hardly makes."
    if len(found.formats) > 1:
        lines += ["", table(("stored as", "members", "hold-outs"), [[n, str(a), str(b)] for n, a, b in found.formats])]
    lines += ["", found.sentence]
    if found.separated:
        lines.append(f"What gives them away most: {', '.join(found.weights)}.")
    return "\n".join(lines)
