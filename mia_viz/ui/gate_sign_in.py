"""Signing in and out at the gate: one password check at a time, ever slower for whoever guesses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import Receive, Scope

from mia_viz.serving import passwords
from mia_viz.serving.passwords import Hashed
from mia_viz.serving.sign_in import WRONG, page, slow
from mia_viz.serving.throttle import Throttle
from mia_viz.serving.visitors import Visitors
from mia_viz.ui.gate_request import whole_body

if TYPE_CHECKING:
    from mia_viz.ui.gate_answer import Answer

LARGEST_FORM = 10_000


class SignIn:
    """The routes /sign-in and /sign-out."""

    def __init__(self, users: Mapping[str, Hashed], visitors: Visitors) -> None:
        self.users, self.visitors, self.throttle = users, visitors, Throttle()
        self._checking = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        if scope["path"] == "/sign-out" and scope["method"] == "POST":
            if answer.visitor is not None:
                self.visitors.goodbye(answer.visitor)
            return await _to("/sign-in")(scope, receive, answer)
        if scope["path"] == "/sign-in" and scope["method"] == "POST":
            return await (await self._attempt(receive, answer))(scope, receive, answer)
        if scope["path"] == "/sign-in" and answer.visitor is not None:
            return await _to("/")(scope, receive, answer)
        await _page()(scope, receive, answer)

    async def _attempt(self, receive: Receive, answer: Answer) -> Response:
        form = parse_qs((await whole_body(receive, LARGEST_FORM)).decode("utf-8", "replace"), keep_blank_values=True)
        name, password = (form.get(key, [""])[-1] for key in ("name", "password"))
        name = name.strip()
        async with self._checking:  # so that guesses at once neither slip past the count nor fill the memory
            wait = self.throttle.wait(name)
            if wait > 0:
                return _page(slow(wait), 429, {"retry-after": str(max(1, round(wait)))})
            right = await asyncio.to_thread(passwords.matches, self.users, name, password)
            if not right:
                self.throttle.failed(name)
                return _page(WRONG, 403)
            self.throttle.succeeded(name)
        if answer.visitor is not None:
            self.visitors.goodbye(answer.visitor)
        answer.visitor = answer.welcomed = self.visitors.welcome(name)
        return _to("/")


def _to(path: str) -> Response:
    return Response(status_code=303, headers={"location": path})


def _page(said: str = "", status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(page(said), status, dict(headers or {}), "text/html")
