"""The sentences in the sources that people can meet in the app, to hold a catalogue against. Needs no browser."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "mia_viz"
MODULES = (
    *(
        "beyond",
        "combined",
        "difficulty",
        "duplicates",
        "engine",
        "examine",
        "exchangeability",
        "health",
        "noises",
        "own_data",
    ),
    *("notes", "own_described", "own_models", "own_reference", "sensitivity", "set_audit", "sets", "statement"),
    *("strength", "subjects"),
    *("parametrisation", "together", "verdict"),
)
SOURCES = (
    "ui/*.py",
    "figures/*.py",
    "pictures/*.py",
    "laboratory/*.py",
    "report/[!v]*.py",
    *(f"{name}.py" for name in MODULES),
)
DATA = ("ui/*.json",)
UNSEEN = re.compile(r"data:|mv-|--|https?://|=>|function|querySelector|rgba?\(")
"""Scripts, styles and addresses that look like sentences."""
TAG = re.compile(r"<(/?)([a-z0-9]+)[^<>]*>")
LINK = re.compile(r"\[([^\]]+)\]\([a-z-]+\)")
"""A word of the glossary in the lesson's texts."""
INLINE = {"b", "i", "em", "strong", "code", "sub", "sup", "a", "span", "small", "abbr"}
WORD = re.compile(r"[^\W\d_]{2,}")
HOLE = "\0"
FILLED = re.compile(r"\{\w+\}|#\d?|\d+(?:[.,]\d+)*|\0")
SENTENCE = re.compile(r".+?[.!?](?:</>|[\"”)])*(?=\s|$)|.+$")


def texts(source: str) -> Iterator[str]:
    """String literals of a module that are not its docstrings; what is filled in as HOLE."""
    tree = ast.parse(source)
    quiet = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            quiet.update(id(part) for part in ast.walk(node) if isinstance(part, ast.Constant))
            yield "".join(part.value if isinstance(part, ast.Constant) else HOLE for part in node.values)
            for part in node.values:
                yield from _inner(part)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
            yield node.value


def _inner(part: ast.expr) -> Iterator[str]:
    """Words that an expression in an f-string chooses from."""
    if isinstance(part, ast.FormattedValue):
        yield from (n.value for n in ast.walk(part.value) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def values(content: object) -> Iterator[str]:
    """Strings of a JSON file, whatever they are called by."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from values(value)
    elif isinstance(content, list):
        for value in content:
            yield from values(value)


def units(text: str) -> Iterator[str]:
    """The runs of text in a piece of HTML, inline marks as <> and </>."""

    def mark(match: re.Match) -> str:
        return f"<{match[1]}>" if match[2] in INLINE else "\n\n"

    for unit in re.split(r"\n\n", LINK.sub(r"<>\1</>", TAG.sub(mark, text))):
        yield re.sub(r"\s+", " ", unescape(unit)).strip()


def plain(text: str) -> str:
    """A text with every number and everything filled in as #."""
    return FILLED.sub("#", text).strip()


def sentences() -> Iterator[str]:
    """Every sentence of three words or more, with HOLE where something is filled in."""
    found = [text for glob in SOURCES for file in sorted(PACKAGE.glob(glob)) for text in texts(file.read_text("utf-8"))]
    for glob in DATA:
        found += [text for file in sorted(PACKAGE.glob(glob)) for text in values(json.loads(file.read_text("utf-8")))]
    for unit in dict.fromkeys(unit for text in found if not UNSEEN.search(TAG.sub("", text)) for unit in units(text)):
        if re.search(r"[.?!:]$", unit) and len(WORD.findall(unit)) >= 3:
            yield unit


def lacking(entries: Mapping[str, str]) -> list[str]:
    """Sentences of the sources that a catalogue has neither whole nor in parts, what is filled in as {a}."""
    known = "\n".join(plain(key) for key in entries)
    missing = []
    for unit in sentences():
        pieces = [piece.strip() for piece in SENTENCE.findall(unit)]
        while pieces:
            ends = (end for end in range(len(pieces), 0, -1) if _has(known, " ".join(pieces[:end])))
            end = next(ends, 0)
            missing += [] if end or not WORD.search(pieces[0]) else pieces[:1]
            pieces = pieces[end or 1 :]
    return [piece.replace(HOLE, "{a}") for piece in dict.fromkeys(missing)]


def _has(known: str, text: str) -> bool:
    """Whether one of the lines is this text, with anything or nothing where something is filled in."""
    parts = [re.escape(plain(part)) for part in re.split(rf"\s*(?:{HOLE}|\{{\w*\}})\s*", text)]
    rest = ".*" if text.endswith(":") else ""
    return not any(parts) or re.search(f"^{'.*'.join(parts)}{rest}$", known, re.MULTILINE) is not None
