"""The command line, `python -m mia_viz`: one subcommand per file of mia_viz.commands.

Exit codes: 0 done, 1 a report does not hold (`verify`) or a model does not work as a denoiser (`targets check`), 2
something given cannot be used (one sentence on the error stream), 130 interrupted.
Commands import torch only once they run, so help is shown at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from mia_viz import __version__
from mia_viz.commands import (
    attacks,
    audit,
    bench,
    data,
    evaluate,
    reference,
    report,
    score,
    serve,
    sets,
    targets,
    train,
    users,
    verify,
)
from mia_viz.memory import is_out_of_memory

USAGE, INTERRUPTED, CLOSED_PIPE = 2, 130, 141
COMMANDS = (score, report, verify, sets, audit, attacks, targets, data, train, reference, evaluate, bench, serve, users)


class UsageError(ValueError):
    """The command line itself is wrong; the message is one sentence."""


class Parser(argparse.ArgumentParser):
    """argparse without its usage block: every complaint is one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help")


def build_parser() -> Parser:
    """The parser of all subcommands."""
    parser = Parser(
        prog="mia-viz",
        description="See whether a diffusion model was trained on an image.",
        epilog="A score is evidence about how a model behaves, not proof of what its makers did.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Only --help and --version leave by SystemExit."""
    try:
        arguments = build_parser().parse_args(argv)
        code = arguments.run(arguments) or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has left; a later flush at exit must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except (ValueError, OSError) as error:
        return _complain(_sentence(error))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return _complain("There is not enough memory for this; use fewer or smaller pictures.")
    return code


def _complain(sentence: str) -> int:
    print(f"mia-viz: {sentence}", file=sys.stderr)
    return USAGE


def _sentence(error: ValueError | OSError) -> str:
    """An error's message on one line, ending in a full stop."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        text = f"{place}{error.strerror}"
    text = " ".join(text.split()) or type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."
