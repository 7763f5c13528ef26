"""Parquet and Arrow files read in a process apart (see `mia_viz.pictures.apart`): their library is native code, which a
damaged file can end, and with it the program that uses it.

What `tables` would give is asked for in words: names of the next pictures, more at a time the longer none is read, and
one picture by its number among these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from mia_viz.audit.reading import Answer, Reader
from mia_viz.audit.walk import Found, kind_of
from mia_viz.pictures.apart import CrashedError, Helpers, Process, TooLongError
from mia_viz.pictures.picture import PictureError

if TYPE_CHECKING:
    from mia_viz.audit.source import Source

SECONDS = 600.0
"""That one answer may take; storage far away can be slow."""
FEW, MOST_NAMES = 16, 1024
"""Names asked for at a time: where pictures are read, and at most."""
BROKE = "{} crashed the program that tried to read it; take this file out of the pictures and start again."
TOOK_LONG = "Reading {} took longer than {} seconds; take this file out of the pictures and start again."


@lru_cache(maxsize=1)
def helpers() -> Helpers:
    """The processes that read tables; one of them stays for the next file. What they may hold is checked elsewhere."""
    return Helpers(1, memory=None)


def pictures(found: Found, source: Source) -> Iterator[tuple[str, Reader]]:
    """What `tables.of_parquet` or `tables.of_arrow` gives, its readers for use before the next picture only.

    Raises what they raise, and PictureError where the file ends its process: pictures after it have no number then.
    """
    process = helpers().take()
    try:
        _asked(process, found, _open, found, replace(source, captions=None))
        most = FEW

        def reader(number: int) -> Reader:
            def read() -> Answer:
                nonlocal most
                most = FEW
                return _asked(process, found, _read, number)

            return read

        while names := _asked(process, found, _names, most):
            most = min(2 * most, MOST_NAMES)
            for number, name in enumerate(names):
                yield name, reader(number)
    finally:
        with suppress(PictureError):
            if process.sound:
                _asked(process, found, _close)
        helpers().give(process)


def _asked(process: Process, found: Found, *asked: object) -> object:
    try:
        return process.ask(*asked, seconds=SECONDS)
    except CrashedError as error:
        raise PictureError(BROKE.format(found.name)) from error
    except TooLongError as error:
        raise PictureError(TOOK_LONG.format(found.name, round(SECONDS))) from error


@dataclass(eq=False)
class _Table:
    """In the process apart: the file that is being read, and the pictures that were named last."""

    rest: Iterator[tuple[str, Reader]] = field(default_factory=lambda: iter(()))
    named: list[Reader | None] = field(default_factory=list)
    open: ExitStack = field(default_factory=ExitStack)


_table = _Table()
"""In the process apart; of no use elsewhere."""


def _open(found: Found, source: Source) -> None:
    from mia_viz.audit import tables

    _close()
    file = _table.open.enter_context(source.open(found.path))
    _table.rest = (tables.of_parquet if kind_of(found.name) == "parquet" else tables.of_arrow)(file, found, source)


def _names(most: int) -> list[str]:
    """The names of the next pictures; none at the end."""
    _table.named.clear()
    names = []
    for name, reader in _table.rest:
        names.append(name)
        _table.named.append(reader)
        if len(names) == most:
            break
    return names


def _read(number: int) -> Answer:
    """A picture among those named last; those before it are let go with all that they hold."""
    _table.named[:number] = [None] * number
    return _table.named[number]()


def _close() -> None:
    _table.rest = iter(())
    _table.named.clear()
    _table.open.close()
