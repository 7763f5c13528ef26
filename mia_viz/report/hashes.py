"""Hashes that tie a report to what it is about, and to itself."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

OF_CONTENT, OF_RESULT, TIME, LANGUAGE = "content_sha256", "result_sha256", "time", "language"


def canonical(content: Any) -> bytes:
    """One text for one content: keys sorted, no spaces, shortest numbers, UTF-8. Raises ValueError for NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def of_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def of_file(file: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def of_result(content: dict[str, Any]) -> str:
    """SHA-256 of a report without time, language and hashes of itself: the same whenever the command is run again.

    The language changes no number, so a report has the same result in every language.
    """
    kept = {k: v for k, v in content.items() if k not in (OF_CONTENT, OF_RESULT, TIME, LANGUAGE)}
    if LANGUAGE in content:
        kept["command"] = kept["command"].replace(f"{flag(content[LANGUAGE])} --out", " --out")
    return of_bytes(canonical(kept))


def flag(language: str) -> str:
    """What the command of a report in this language has more than that of an English one."""
    return "" if language == "en" else f" --language {language}"


def flagged(command: str, language: str) -> str:
    """The command of an English report as it makes one in this language."""
    before, out, folder = command.rpartition(" --out")
    return f"{before}{flag(language)}{out}{folder}"


def of_content(content: dict[str, Any]) -> str:
    """SHA-256 of the whole report but this hash."""
    return of_bytes(canonical({k: v for k, v in content.items() if k != OF_CONTENT}))


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """The content with both hashes, as it comes back from a JSON file."""
    plain = json.loads(canonical(content))
    plain[OF_RESULT] = of_result(plain)
    return {**plain, OF_CONTENT: of_content(plain)}


@lru_cache(maxsize=1)
def of_source() -> str:
    """SHA-256 over this program's own Python files, names and contents, in order of their names."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
