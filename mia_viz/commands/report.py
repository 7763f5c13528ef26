"""`report`: one picture under one model, as a page to read, a PDF to file and a JSON to check."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mia_viz.commands.asked import add_asked, asked_of
from mia_viz.language import languages


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("report", help="a report on one picture: HTML, PDF and JSON", description=__doc__)
    parser.add_argument("image", metavar="IMAGE", type=Path, help="PNG, JPEG, TIFF, WebP, BMP, or a scan")
    add_asked(parser)
    parser.add_argument(
        "--language",
        choices=languages(),
        default="en",
        help="of the page and the PDF (default: en); the JSON is in English",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the three files")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from mia_viz import report
    from mia_viz.report.make import make

    if arguments.out.exists() and not arguments.out.is_dir():
        raise ValueError(f"{arguments.out} is not a folder.")
    asked = asked_of(arguments, arguments.image)
    made = make(asked, _tell)
    spoken = arguments.language
    files = report.write(made.case, made.statement, asked.reference, made.facts, arguments.out, asked.gallery, spoken)
    print("\n".join([made.statement.answer, *made.statement.sentences, *made.statement.notes, ""]))
    print("\n".join(f"{file}" for file in (files.html, files.pdf, files.json)))


def _tell(sentence: str) -> None:
    if sys.stderr.isatty():
        print(sentence, file=sys.stderr, flush=True)
