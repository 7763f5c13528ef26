"""`users add NAME`: let someone sign in where the app is served to others (`serve`); the password is asked for."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from mia_viz.serving import passwords
from mia_viz.serving.passwords import UsersError

DEFAULT_FILE = Path("mia-viz-users")


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("users", help="who may sign in where the app is served", description=__doc__)
    what = parser.add_subparsers(metavar="add", required=True)
    adding = what.add_parser("add", help="add a user, or give one a new password", description=__doc__)
    adding.add_argument("name", metavar="NAME", help="1 to 64 characters, no spaces or colons")
    adding.add_argument(
        "--file", type=Path, default=DEFAULT_FILE, metavar="FILE", help="of names and hashes (default: %(default)s)"
    )
    adding.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    if not passwords.NAME.fullmatch(arguments.name):
        raise UsersError(passwords.NAME_RULE)
    password = ask(f"Password for {arguments.name}: ")
    passwords.check_password_rules(password)
    if sys.stdin.isatty() and ask("The same again: ") != password:
        raise UsersError("The two passwords differ; nothing was changed.")
    known = passwords.add_user(arguments.file, arguments.name, password)
    print(f"{arguments.name} has a new password." if known else f"{arguments.name} can sign in now.")


def ask(prompt: str) -> str:
    """A password that is typed without being shown, or the next line of what is piped in."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
