"""What a gate lets through, and what it adds to every answer: security headers, and the cookie of a new visitor."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope, Send

from mia_viz.serving.headers import script_hashes, security_headers
from mia_viz.serving.passwords import Hashed
from mia_viz.serving.visitors import Visitor, Visitors

PRIVATE_PATH = re.compile(rb'"path":\s?("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True)
class Rules:
    """What a gate lets through.

    users: who may sign in; None where nobody has to. hosts: names by which the app may be called; None for any.
    framed_by: frame-ancestors. one_each: one analysis per visitor at a time. shared: folders anybody let in may read.
    embedded: in a frame of another site, so that cookies must be allowed to travel there.
    """

    visitors: Visitors
    users: Mapping[str, Hashed] | None = None
    hosts: frozenset[str] | None = None
    framed_by: str = "'none'"
    one_each: bool = False
    shared: tuple[Path, ...] = ()
    embedded: bool = False


class Answer:
    """`send` with the headers that every answer has; learns which files are sent to the visitor."""

    def __init__(self, scope: Scope, send: Send, rules: Rules, visitors: Visitors) -> None:
        self.send, self.rules, self.visitors, self.path = send, rules, visitors, scope["path"]
        self.secure = scope.get("scheme") == "https" or Headers(scope=scope).get("x-forwarded-proto") == "https"
        self.visitor: Visitor | None = None
        self.welcomed: Visitor | None = None
        self.status: int | None = None
        self._held: Message | None = None
        self._page = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.path == "/" and Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
                self._held = message  # until its scripts are known
                return
            await self._start(message, ())
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            self._learn(body)
            if self._held is not None:
                self._page += body
                if message.get("more_body"):
                    return
                await self._start(self._held, script_hashes(self._page))
                message = {**message, "body": self._page}
            await self.send(message)
        else:
            await self.send(message)

    async def _start(self, message: Message, hashes: tuple[str, ...]) -> None:
        headers = MutableHeaders(raw=message["headers"])
        for name, value in security_headers(self.path, hashes, self.rules.framed_by).items():
            headers[name] = value
        if self.welcomed is not None:
            headers.append("set-cookie", cookie(self.visitors.cookie, self.welcomed.secret, self.secure, self.rules))
        await self.send({**message, "headers": headers.raw})

    def _learn(self, body: bytes) -> None:
        """Remember files of the app's private folder whose names go to this visitor: those may be fetched."""
        if self.visitor is None or b'"path"' not in body:
            return
        for text in PRIVATE_PATH.findall(body):
            try:
                file = os.path.realpath(json.loads(text))
            except ValueError:
                continue
            if Path(file).is_relative_to(self.visitors.root):
                self.visitor.issued.add(file)


def cookie(name: str, value: str, secure: bool, rules: Rules) -> str:
    """The Set-Cookie header of a visitor: unreadable for scripts, not sent along by other sites."""
    if rules.embedded:
        return f"{name}={value}; Path=/; HttpOnly; SameSite=None; Secure; Partitioned"
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
