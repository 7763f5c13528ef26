"""Reading a request at the gate: its body once, the cookie, and everything in it that names a file."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Receive

API = "/gradio_api/"
FILE = f"{API}file="
LARGEST_BODY = 8_000_000
RELOAD = "Please reload the page."
TOO_LARGE = "This is too large to be answered."


class Refused(Exception):
    """A request that is not answered: a status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def cookie_of(headers: Headers, name: str) -> str | None:
    """The value of a cookie; None where there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return None if found is None else found.value


async def whole_body(receive: Receive, most: int = LARGEST_BODY) -> bytes:
    """The body of a request. Raises Refused beyond `most` bytes."""
    parts, total = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, RELOAD)
        parts.append(message.get("body", b""))
        total += len(parts[-1])
        if total > most:
            raise Refused(413, TOO_LARGE)
        if not message.get("more_body"):
            return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that has been read, then goes on."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def named_files(data: Any) -> list[object]:
    """Everything in a request's data that gradio could take for the name of a file."""
    found, waiting = [], [data]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            found += [item[key] for key in ("path", "url") if item.get(key) is not None and "path" in item]
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return found


def own_file(named: object, folder: Path) -> bool:
    """Whether a name is that of a file below a visitor's folder; addresses of the app itself count as names."""
    if not isinstance(named, str):
        return False
    named = named[named.index(FILE) + len(FILE) :] if FILE in named else named
    return Path(os.path.realpath(named)).is_relative_to(folder) if "\0" not in named else False


def remove_own(body: bytes, folder: Path) -> None:
    """Remove the files below a visitor's folder that a request names which was not taken: nobody will read them."""
    with suppress(ValueError, AttributeError, RecursionError, OSError):
        for named in named_files(json.loads(body).get("data")):
            if own_file(named, folder) and FILE not in named:
                Path(named).unlink(missing_ok=True)
