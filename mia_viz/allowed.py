"""Which files of this machine a visitor may name: all that the person at it can read, or what one folder holds.

Used by oneself, MIA-Viz opens whatever its user can read. Served to others, MIA_VIZ_MODELS_ROOT names the one folder
below which models and pictures lie; then links are followed before they are judged, everything that belongs to a model
must lie below that folder as well, nothing is downloaded for a visitor, and no visitor decides where a file is written.
Refusals are the same whether or not there is such a file, so nobody learns what else is on the machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

ROOT_VARIABLE = "MIA_VIZ_MODELS_ROOT"
OUTSIDE = "Only what lies in the folder listed by this server can be opened; there is nothing of that name in it."
LARGEST_MANIFEST = 1_000_000
MOST_FILES = 200_000


class NotAllowed(ValueError):
    """A visitor named what may not be opened, or what is not there; the message is one sentence."""


def root() -> Path | None:
    """The one folder that may be opened, links followed; None where everything readable may. Raises NotAllowed."""
    named = os.environ.get(ROOT_VARIABLE, "").strip()
    if not named:
        return None
    folder = Path(named).resolve()
    if not folder.is_dir():
        raise NotAllowed("The folder of models that this server lists does not exist.")
    return folder


def allow_only_below(folder: Path | None, private: Path) -> None:
    """From now on visitors may open only what lies below a folder; nothing at all where none is named.

    private: the app's private folder, in which an empty one is made for that. Raises ValueError for one that is not
    there. A folder that MIA_VIZ_MODELS_ROOT names already stays where none is given.
    """
    if folder is not None:
        if not folder.is_dir():
            raise ValueError(f"There is no folder {folder}.")
        os.environ[ROOT_VARIABLE] = str(folder.resolve())
    elif not os.environ.get(ROOT_VARIABLE, "").strip():
        empty = private / "no-models"
        empty.mkdir(mode=0o700, exist_ok=True)
        os.environ[ROOT_VARIABLE] = str(empty)


def allowed_model(text: str) -> str:
    """What a visitor named as a model, in the form that `open_target` takes: a path, or a hub's id as it is.

    Raises NotAllowed: for an empty name, a path that is not there, and, under a root, for anything that is not below
    it or has a part elsewhere.
    """
    named = text.strip()
    if not named:
        raise NotAllowed("Please name a model: a folder, a file, or a hub's id such as owner/name.")
    path, below = _path(named), root()
    if below is not None:
        return str(_below(path, below))
    if path.exists():
        return str(path)
    if named.count("/") == 1 and not path.parent.exists() and not named.startswith((".", "~", "/")):
        return named
    raise NotAllowed("There is no file or folder of that name, and it is no hub's id such as owner/name.")


def allowed_file(text: str, what: str) -> Path:
    """A file that a visitor named. what: in the sentence, "reference" for one. Raises NotAllowed."""
    return _named(text, what, "file", Path.is_file)


def allowed_folder(text: str, what: str) -> Path:
    """A folder of pictures that a visitor named; none of its files may lead elsewhere. Raises NotAllowed."""
    return _named(text, what, "folder", Path.is_dir)


def allowed_output(text: str) -> Path | None:
    """Where a visitor wants a file written; None where the server decides: left empty, or under a root.

    Raises NotAllowed where its folder is missing or the name does not end in .safetensors.
    """
    if not text.strip() or root() is not None:
        return None
    file = _path(text.strip())
    if file.suffix.lower() != ".safetensors":
        raise NotAllowed("A reference is a .safetensors file; please give it a name that ends so.")
    if file.is_dir() or not file.parent.is_dir():
        raise NotAllowed("The reference cannot be written there: it is a folder, or its folder does not exist.")
    return file


def _named(text: str, what: str, kind: str, is_kind) -> Path:
    below = root()
    path = _path(text.strip())
    if below is not None:
        path = _below(path, below)
    if not text.strip() or not is_kind(path):
        raise NotAllowed(f"There is no {kind} of that name ({what}).")
    return path


def _path(text: str) -> Path:
    """The path a text names; a relative one counts from the root where there is one. Raises NotAllowed."""
    below = root()
    try:
        path = Path(text) if below is not None else Path(text).expanduser()
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # said later, in the same words whether or not it is there
    except (OSError, ValueError, RuntimeError) as error:  # a null byte, a name that is far too long, ~nobody
        raise NotAllowed("This is not the name of a file or folder.") from error
    return path if below is None or path.is_absolute() else below / path


def _below(path: Path, below: Path) -> Path:
    """The path with links followed, if it and everything that belongs to it lies below a folder. Raises NotAllowed."""
    try:
        found = path.resolve(strict=True)
        parts = [found, *_companions(found)]
        inside = found != below and all(_inside(part, below) for part in parts)
    except (OSError, RuntimeError) as error:
        raise NotAllowed(OUTSIDE) from error
    if not inside:
        raise NotAllowed(OUTSIDE)
    return found


def _inside(path: Path, below: Path) -> bool:
    """Whether a path, and every file and link under it, leads below a folder; links to folders are followed as well."""
    waiting, seen = [path], set()
    while waiting:
        found = waiting.pop().resolve()
        if not found.is_relative_to(below):
            return False
        if found in seen:
            continue
        seen.add(found)
        if len(seen) > MOST_FILES:
            raise NotAllowed("This folder holds far too many files.")
        if found.is_dir():
            waiting += found.iterdir()
    return True


def _companions(path: Path) -> Iterator[Path]:
    """What is opened along with a model: its description beside it, and the folder that its manifest shares with."""
    if path.is_file():
        beside = (path.with_suffix(""), path.with_suffix(".json"), path.with_name("flagfile.txt"))
        yield from (part for part in beside if part != path and (part.exists() or part.is_symlink()))
        return
    manifest = path / "manifest.json"
    if not manifest.is_file() or manifest.stat().st_size > LARGEST_MANIFEST:
        return
    try:
        shared = json.loads(manifest.read_text(encoding="utf-8")).get("shares")
    except (ValueError, AttributeError, RecursionError):
        return
    if isinstance(shared, str) and shared and Path(shared).name == shared:
        yield path.parent / shared
