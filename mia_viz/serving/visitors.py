"""Which visits, files and running jobs belong to which visitor, so that nobody gets at another's by guessing.

A visitor is a browser: it holds a secret in a cookie. gradio names every open page (a "session") with a number that the
page makes up; the first browser that uses one owns it. Uploads lie in a folder of the visitor's own.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MOST_VISITORS = 10_000
MOST_SESSIONS = 200
"""Of one visitor; beyond that the oldest ones count as ended."""
MOST_ENDED = 100_000
MOST_AT_ONCE, MOST_TOGETHER = 2_000_000_000, 20_000_000_000
"""Bytes on the disk at a time: of one user's files in all browsers (of one browser where nobody signs in), and of all
visitors' together."""
UPLOADS = "visitors"
"""Folder, in the app's private one, that holds the visitors' folders."""
UPLOAD_SECONDS = 840
"""After which a file that nobody took is removed; with the pause between two rounds less than 15 minutes."""
SIGNED_IN_SECONDS = 12 * 3600.0


@dataclass(eq=False)
class Visitor:
    """One browser. user: who signed in, None where nobody has to. issued: files of the app that were sent to it."""

    secret: str
    user: str | None
    since: float
    folder: Path
    sessions: OrderedDict[str, None] = field(default_factory=OrderedDict)
    issued: set[str] = field(default_factory=set)


class Visitors:
    """All visitors of one running app. root: the app's private folder. clock: seconds that only rise."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.root, self.clock = root, clock
        self.cookie = f"mia-viz-{secrets.token_hex(4)}"  # cookies know no ports: every running app has its own
        self._lock = threading.Lock()
        self._by_secret: OrderedDict[str, Visitor] = OrderedDict()
        self._owners: dict[str, Visitor] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def welcome(self, user: str | None = None) -> Visitor:
        """A new visitor with a secret of its own."""
        folder = self.root / UPLOADS / secrets.token_hex(16)
        visitor = Visitor(secrets.token_urlsafe(32), user, self.clock(), folder)
        with self._lock:
            self._by_secret[visitor.secret] = visitor
            oldest = next(iter(self._by_secret)) if len(self._by_secret) > MOST_VISITORS else None
        if oldest is not None:
            self.goodbye(self._by_secret[oldest])
        return visitor

    def known(self, secret: str | None) -> Visitor | None:
        """The visitor of a cookie; None where it belongs to nobody or the sign-in is too old."""
        with self._lock:
            visitor = self._by_secret.get(secret or "")
            if visitor is not None:
                self._by_secret.move_to_end(visitor.secret)
        if visitor is not None and visitor.user is not None and self.clock() - visitor.since > SIGNED_IN_SECONDS:
            self.goodbye(visitor)
            return None
        return visitor

    def owns(self, visitor: Visitor, session: str) -> bool:
        """Whether a page is a visitor's; one that nobody has used yet becomes so."""
        with self._lock:
            owner = self._owners.setdefault(session, visitor)
            if owner is not visitor:
                return False
            visitor.sessions[session] = None
            oldest = next(iter(visitor.sessions)) if len(visitor.sessions) > MOST_SESSIONS else None
        if oldest is not None:
            self.end(oldest)
        return True

    def end(self, session: str) -> None:
        """A page has been closed or left alone: nothing may be asked in its name any more."""
        with self._lock:
            owner = self._owners.pop(session, None)
            if owner is not None:
                owner.sessions.pop(session, None)
            self._ended[session] = None
            while len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)

    def ended(self, session: str) -> bool:
        """Whether a page's visit is over."""
        with self._lock:
            return session in self._ended

    def goodbye(self, visitor: Visitor) -> None:
        """Forget a visitor: the cookie is worth nothing any more, pages are ended, files removed."""
        with self._lock:
            self._by_secret.pop(visitor.secret, None)
        for session in [*visitor.sessions]:
            self.end(session)
        shutil.rmtree(visitor.folder, ignore_errors=True)

    def left(self, visitor: Visitor) -> int:
        """Bytes that a visitor's files may still take on the disk; below 0 where they take too many already."""
        with self._lock:
            everybody = [*self._by_secret.values()]
        taken = {other.secret: used(other.folder) for other in everybody}
        same = (v for v in everybody if v is visitor or (v.user is not None and v.user == visitor.user))
        return min(MOST_AT_ONCE - sum(taken[v.secret] for v in same), MOST_TOGETHER - sum(taken.values()))

    def may_read(self, visitor: Visitor | None, file: Path) -> bool:
        """Whether a visitor may fetch a file of the app's private folder: its own upload, or one it was sent."""
        if visitor is None:
            return False
        return file.is_relative_to(visitor.folder.resolve()) or str(file) in visitor.issued


def room(visitor: Visitor) -> Path:
    """A visitor's folder of uploads, which only the owner of the app can open. Raises OSError."""
    visitor.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return visitor.folder


def used(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(about.st_size for _, about in _files(folder))


def tidy(root: Path, now: float, most: float = UPLOAD_SECONDS) -> None:
    """Remove visitors' files that are older than `most` seconds, and folders that have nothing in them any more.

    now: seconds since 1970.
    """
    for file, about in _files(root / UPLOADS):
        if now - about.st_mtime > most:
            file.unlink(missing_ok=True)
    for folder, _, _ in os.walk(root / UPLOADS, topdown=False):
        try:
            if now - os.stat(folder).st_mtime > most:
                os.rmdir(folder)
        except OSError:
            continue  # something is in it, or it has gone in between


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for place, _, names in os.walk(folder):
        for name in names:
            file = Path(place, name)
            try:
                about = file.lstat()
            except OSError:
                continue  # removed in between
            yield file, about
