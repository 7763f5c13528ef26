"""The gate in front of gradio: who may ask for what. ASGI middleware, the same for one's own use and for serving.

Only routes that the page needs go through. Every page ("session") and every upload belongs to the browser that made
it; another one is refused even if it knows or guesses a name. gradio would fetch addresses that a request names; here
no request makes the server ask another machine for anything.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mia_viz.serving.visitors import Visitor
from mia_viz.ui.gate_answer import Answer, Rules
from mia_viz.ui.gate_queue import busy, event_session, named
from mia_viz.ui.gate_request import (
    API,
    FILE,
    RELOAD,
    Refused,
    cookie_of,
    named_files,
    own_file,
    remove_own,
    replayed,
    whole_body,
)
from mia_viz.ui.gate_sign_in import SignIn
from mia_viz.ui.gate_upload import take_upload
from mia_viz.ui.housekeeping import Housekeeping
from mia_viz.ui.letting_go import ASKING, HEADER, LET_GO

if TYPE_CHECKING:
    import gradio as gr

OPEN = ("/assets/", "/static/", "/svelte/")
OPEN_EXACT = {"/theme.css", f"{API}theme.css", "/favicon.ico", "/robots.txt", "/manifest.json", f"{API}startup-events"}
PAGES = {"/", "/config", "/config/"}
PLAIN = {f"{API}info", f"{API}info/", f"{API}user", f"{API}user/", f"{API}app_id", f"{API}app_id/"}
HEARTBEAT = f"{API}heartbeat/"
NAMED_IN_BODY = {f"{API}queue/join", f"{API}queue/join/", f"{API}cancel", f"{API}reset", f"{API}reset/"}
TOLD = "mia-viz.told"
"""Of a scope: the page whose request asks what was let go."""
ELSEWHERE = "This request comes from another page, or from another name for this machine, and was not answered."
SIGN_IN = "Please sign in again."
NOT_YOURS = "This does not belong to your visit."
OVER = "Your visit has ended and everything of it was removed; please reload the page."
BUSY = "An analysis of yours is still running; please wait for it or cancel it."


class Gate:
    """The middleware; see the module."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self.app, self.rules, self.visitors = app, rules, rules.visitors
        self.sign_in = None if rules.users is None else SignIn(rules.users, self.visitors)
        self.housekeeping = Housekeeping(self.visitors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        if scope["type"] != "http":
            return
        answer = Answer(scope, send, self.rules, self.visitors)
        try:
            await self._answer(scope, receive, answer)
        except Refused as refused:
            await JSONResponse({"detail": refused.sentence}, refused.status)(scope, receive, answer)

    async def _answer(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        path, headers = scope["path"], Headers(scope=scope)
        self._check_origin(headers)
        if path.startswith(OPEN) or path in OPEN_EXACT:
            return await self.app(scope, receive, answer)
        visitor = answer.visitor = self.visitors.known(cookie_of(headers, self.visitors.cookie))
        if self.sign_in is not None and path in ("/sign-in", "/sign-out"):
            return await self.sign_in(scope, receive, answer)
        if visitor is None:
            if path in PAGES and self.sign_in is None:
                visitor = answer.visitor = answer.welcomed = self.visitors.welcome()
            elif path == "/" and self.sign_in is not None:
                return await Response(status_code=303, headers={"location": "/sign-in"})(scope, receive, answer)
            else:
                raise Refused(401, SIGN_IN) if self.sign_in else Refused(403, RELOAD)
        self.housekeeping.start(scope["app"].get_blocks())
        await self._let_through(visitor, path, scope, receive, answer)

    def _check_origin(self, headers: Headers) -> None:
        """Pages of other sites may not ask in a visitor's name, nor call this machine by a name of their own."""
        host, origin = headers.get("host", ""), headers.get("origin")
        named = (urlsplit(f"//{host}").hostname or "") if host else ""
        if self.rules.hosts is not None and named not in self.rules.hosts:
            raise Refused(403, ELSEWHERE)
        if origin is not None and urlsplit(origin).netloc != host:
            raise Refused(403, ELSEWHERE)

    async def _let_through(self, visitor: Visitor, path: str, scope: Scope, receive: Receive, answer: Answer) -> None:
        """Pass a visitor's request on to gradio, if it is about what is the visitor's own. Raises Refused."""
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        if path in PAGES or path in PLAIN:
            scope = {**scope, "query_string": b""} if "deep_link" in query else scope
            await self.app(scope, receive, answer)
        elif path.startswith(FILE):
            self._check_file(visitor, path.removeprefix(FILE))
            await self.app(scope, receive, answer)
        elif path.startswith(HEARTBEAT):
            session = path.removeprefix(HEARTBEAT)
            self._check_session(visitor, session)
            with self.housekeeping.watching(session):
                await self.app(scope, receive, answer)
        elif path == f"{API}queue/data":
            self._check_session(visitor, query.get("session_hash", ""))
            await self.app(scope, receive, answer)
        elif path == f"{API}upload":
            await (await take_upload(scope, receive, visitor, self.visitors.left(visitor)))(scope, receive, answer)
        elif path == f"{API}upload_progress":
            mine = f"upload_id={visitor.folder.name}-{query.get('upload_id', '')}"
            await self.app({**scope, "query_string": mine.encode("latin-1", "replace")}, receive, answer)
        elif path in NAMED_IN_BODY and scope["method"] == "POST":
            body = await whole_body(receive)
            try:
                scope = await self._check_body(visitor, path, body, scope)
                await self.app(scope, replayed(body, receive), answer)
                if TOLD in scope:
                    self.housekeeping.told(scope[TOLD])
            finally:
                if path.startswith(f"{API}queue/join") and answer.status != 200:
                    remove_own(body, visitor.folder.resolve())
        else:
            raise Refused(404, "There is nothing here.")

    def _check_session(self, visitor: Visitor, session: str) -> None:
        if not session or len(session) > 100:
            raise Refused(400, RELOAD)
        if self.visitors.ended(session):
            raise Refused(410, OVER)
        if not self.visitors.owns(visitor, session):
            raise Refused(403, NOT_YOURS)
        self.housekeeping.seen(session)

    def _check_file(self, visitor: Visitor, named: str) -> None:
        try:
            file = Path(os.path.realpath(named))
        except ValueError:  # a null byte
            raise Refused(403, NOT_YOURS) from None
        if ":/" in named or not (
            any(file.is_relative_to(folder) for folder in self.rules.shared) or self.visitors.may_read(visitor, file)
        ):
            raise Refused(403, NOT_YOURS)

    async def _check_body(self, visitor: Visitor, path: str, body: bytes, scope: Scope) -> Scope:
        """The scope to pass on. Raises Refused."""
        try:
            content = json.loads(body)
            session = content["session_hash"] if "reset" not in path else ""
        except (ValueError, LookupError, TypeError, RecursionError):
            raise Refused(400, RELOAD) from None
        if "reset" in path:
            return scope
        self._check_session(visitor, session if isinstance(session, str) else "")
        blocks = scope["app"].get_blocks()
        if path.endswith("cancel"):
            owner = event_session(blocks, content.get("event_id"))
            if owner is not None and not self.visitors.owns(visitor, owner):
                raise Refused(403, NOT_YOURS)
            return scope
        folder = visitor.folder.resolve()
        if not all(own_file(file, folder) for file in named_files(content.get("data"))):
            raise Refused(403, NOT_YOURS)
        if self.rules.one_each:
            await self._wait_for_turn(blocks, content.get("fn_index"), visitor)
        return self._with_what_was_let_go(session, content, blocks, scope)

    async def _wait_for_turn(self, blocks: gr.Blocks, function: object, visitor: Visitor) -> None:
        for _ in range(30):  # one that was cancelled just now needs a moment to end
            if not busy(blocks, function, visitor.sessions):
                return
            await asyncio.sleep(0.1)
        raise Refused(503, BUSY)

    def _with_what_was_let_go(self, session: str, content: dict, blocks: gr.Blocks, scope: Scope) -> Scope:
        """A page that asks is told in a header what was let go; any other request of it has to wait until then."""
        house, header = self.housekeeping, HEADER.encode()
        if not named(blocks, content.get("fn_index"), ASKING):
            if not house.use(blocks, session):
                raise Refused(409, LET_GO)
            return scope
        gone, event = house.gone(blocks, session), content.get("event_data")
        if not gone and isinstance(event, dict) and event.get("touched") is True:
            house.used(session)
        said = (header, ",".join(map(str, sorted(gone))).encode())
        others = [(name, value) for name, value in scope["headers"] if name != header]
        return {**scope, "headers": [*others, said], TOLD: session}
