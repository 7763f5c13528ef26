"""Captions on the command line: typed, read from a file, or none. Free of torch.

A file is JSON, an object of captions by picture name, or text with a name, a tab and a caption on each line. Names are
those of the files, with their folder before them ("members/0001.png") where two folders hold the same name. For models
that are told a class instead, the class takes the caption's place.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mia_viz.commands.known import KnownPictures
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target

NONE = "none"
LARGEST = 50_000_000


def add_captions(parser: argparse.ArgumentParser) -> None:
    """--captions."""
    parser.add_argument(
        "--captions",
        metavar="FILE|none",
        help="JSON or lines of name, tab, caption, for text-to-image models; none for empty ones",
    )


def read_captions(file: Path) -> dict[str, str]:
    """Captions by picture name. Raises ValueError with a sentence when the file is missing or not understood."""
    if not file.is_file() or file.stat().st_size > LARGEST:
        raise ValueError(f"There is no file of captions {file}, or it is far too large.")
    try:
        text = file.read_text(encoding="utf-8-sig")
        found = json.loads(text) if text.lstrip().startswith("{") else _from_lines(text)
    except (ValueError, RecursionError) as error:  # also of bytes that are no UTF-8
        raise ValueError(f"{file.name} is neither JSON nor lines of name, tab, caption.") from error
    if not all(isinstance(caption, str) for caption in found.values()):
        raise ValueError(f"{file.name} must give every picture's caption as text.")
    return found


def _from_lines(text: str) -> dict[str, str]:
    rows = [line.partition("\t") for line in text.splitlines() if line.strip()]
    if not all(tab for _, tab, _ in rows):
        raise ValueError("a line without a tab")
    return {name.strip(): caption.strip() for name, _, caption in rows}


def asked_for(text: str | None, target: Target) -> Mapping[str, str] | None:
    """What --captions gave: captions by name, empty for "none", None without the flag. Raises ValueError."""
    if text is None:
        return None
    refuse_unless_taken(target)
    return {} if text == NONE else read_captions(Path(text))


def refuse_unless_taken(target: Target) -> None:
    """Raise ValueError for a model that is told nothing beside the picture."""
    if not target.takes:
        raise ValueError("This model takes no captions; leave --caption and --captions out.")


def of_files(files: Sequence[Path], known: Mapping[str, str]) -> tuple[str, ...]:
    """The captions of some files; all empty where none are known. Raises ValueError naming a file without one."""
    if not known:
        return ("",) * len(files)
    names = [(f"{file.absolute().parent.name}/{file.name}", file.name) for file in files]
    found = [known.get(long, known.get(short)) for long, short in names]
    for file, caption in zip(files, found, strict=True):
        if caption is None:
            raise ValueError(f"There is no caption of {file.name} in the file given; an empty one must be stated too.")
    return tuple(found)


def of_score(typed: Sequence[str], text: str | None, files: Sequence[Path], target: Target) -> tuple[str, ...]:
    """The captions of `score`, one per file: those typed (one for all, or one each), from a file, or empty."""
    if typed and text is not None:
        raise ValueError("Give captions by --caption or by --captions, not by both.")
    if typed:
        refuse_unless_taken(target)
        if len(typed) not in (1, len(files)):
            raise ValueError(
                f"{len(typed)} captions were given for {len(files)} pictures; give one for all or one each."
            )
        plain = ["" if caption == NONE else caption for caption in typed]
        return tuple(plain * len(files) if len(plain) == 1 else plain)
    return of_files(files, asked_for(text, target) or {})


def of_population(pictures: KnownPictures, text: str | None, target: Target) -> tuple[str, ...] | None:
    """The captions of a bundled population: its own, or empty ones for "none". Raises ValueError for a file."""
    if text is None:
        return pictures.captions
    if asked_for(text, target):
        raise ValueError("Bundled pictures have captions of their own; --captions takes only none here.")
    return ("",) * len(pictures.names)


def captions_of(table: Reference) -> str:
    """The kind of captions the scores were computed with (see `reference.captions_kind`)."""
    return next((column.told for column in table.columns.values()), "")


def caption_remarks(table: Reference) -> tuple[str, ...]:
    """What the model was told, in a sentence; nothing for a model that is told nothing."""
    words = {
        "given": "Every picture was shown with its caption.",
        "empty": "Every picture was shown with an empty caption.",
        "mixed": "Some pictures were shown with a caption and some without.",
    }
    told = captions_of(table)
    return (words[told],) if told in words else ()
