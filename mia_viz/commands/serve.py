"""`serve`: the app for others, who sign in. Connections are not encrypted here: put a proxy with TLS in front."""

from __future__ import annotations

import argparse
import ipaddress
import os
from pathlib import Path

from mia_viz.commands.common import whole_number

SIGN_IN_NEEDED = (
    "Serving others needs people who may sign in: name a file with --users, made by python -m mia_viz users add NAME, "
    "or set MIA_VIZ_USERS."
)


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("serve", help="serve the app, to others with sign-in", description=__doc__)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at; any but this machine's own needs users"
    )
    parser.add_argument("--port", type=whole_number(1), default=7860, help="default: %(default)s")
    parser.add_argument("--users", type=Path, metavar="FILE", help="names and hashes (else: MIA_VIZ_USERS)")
    parser.add_argument(
        "--models-root",
        type=Path,
        metavar="DIR",
        help="visitors may open models below it (default: bundled only)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from mia_viz.serving.passwords import VARIABLE, read_users

    users = read_users(arguments.users) if arguments.users or os.environ.get(VARIABLE, "").strip() else {}
    own = is_loopback(arguments.host)
    if not own and not users:
        raise ValueError(SIGN_IN_NEEDED)
    if arguments.port > 65535:
        raise ValueError("--port must be at most 65535.")
    from mia_viz.allowed import allow_only_below
    from mia_viz.private import private_folder
    from mia_viz.ui import launch

    if users or arguments.models_root is not None:
        allow_only_below(arguments.models_root, private_folder())
    try:
        launch.serve(launch.build(bool(users)), arguments.host, arguments.port, users or None)
    except OSError as error:
        raise ValueError(
            f"Nothing can listen at {arguments.host}, port {arguments.port}; it may be taken, or not be this machine's."
        ) from error


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
