"""Whole sentences in other languages, from one catalogue per language; the browser follows the same rules.

Everything is written in English. WORDS/LANGUAGE.json says each sentence in another language, where # stands for any
number, {a} for any words, which are looked up in their turn, {A} for words that stay as they are and <>...</> for what
is set off in a sentence. What is not found as a whole is looked up sentence by sentence. The report is put in another
language here, the app's page by ui/static/language.js; a test holds the two to the same answers. Free of torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

Say = Callable[[str], str]
WORDS = Path(__file__).parent / "ui" / "words"
NAMES = {"en": "English", "de": "Deutsch"}
"""What every language calls itself."""
SEPARATORS = {"de": (".", ",")}
"""Between thousands, and before the decimals."""
NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
LETTERS = re.compile(r"[^\W\d_]{2}")
SENTENCE = re.compile(r'.+?[.!?](?:</>|["”)])*(?=\s|\Z)|.+\Z', re.DOTALL)
PLACE = re.compile(r"(\{[A-Za-z0-9_]\}|#)")
TITLE = re.compile(r"(<>)?([^<>]*?)([.:]?(?:</>)?)")


class Verbatim(str):
    """A text that stays as it is in every language: a hash, a command, a file's name, somebody's own words."""

    __slots__ = ()


@dataclass(frozen=True)
class Answer:
    """A text in another language. gaps: what of it is in no catalogue and stayed in English."""

    text: str
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Form:
    """An entry with places for words. order: what every group of the pattern fills, "#" for a number."""

    pattern: re.Pattern[str]
    order: tuple[str, ...]
    target: str
    length: int


@dataclass(frozen=True, eq=False)
class Lexicon:
    """A catalogue ready to be asked: exact entries, forms from the most particular on, and separators of numbers."""

    exact: Mapping[str, str]
    forms: tuple[Form, ...]
    marks: Mapping[str, str]


def languages() -> list[str]:
    """English and every language that has a catalogue."""
    return ["en", *sorted(file.stem for file in WORDS.glob("*.json"))]


@lru_cache(maxsize=8)
def catalogue(language: str) -> dict[str, str]:
    """English sentence to the other language's. Raises KeyError for a language that has no catalogue."""
    if language not in languages() or language == "en":
        raise KeyError(language)
    return json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))


def speaker(language: str) -> Say:
    """What puts a text in a language; English stays as it is. Raises KeyError for one that has no catalogue."""
    if language == "en":
        return as_it_is
    lexicon(language)
    return partial(say, language)


def as_it_is(text: str) -> str:
    """English."""
    return text


def say(language: str, text: str) -> str:
    """A text in a language, as far as the catalogue has it."""
    return text if isinstance(text, Verbatim) else answer(language, text).text


@lru_cache(maxsize=8)
def lexicon(language: str) -> Lexicon:
    """A language's catalogue, ready to be asked. Raises KeyError where there is none."""
    entries = catalogue(language)
    exact = {source: text for source, text in entries.items() if not re.search(r"\{[A-Za-z0-9_]\}", source)}
    for source, text in list(exact.items()):  # the glossary's marks come and go
        exact.setdefault(_unmarked(source), _unmarked(text))
    forms = [_form(source, text) for source, text in entries.items() if source not in exact]
    thousands, decimals = SEPARATORS[language]
    return Lexicon(exact, tuple(sorted(forms, key=lambda form: -form.length)), {",": thousands, ".": decimals})


def _form(source: str, target: str) -> Form:
    parts = PLACE.split(source)
    order = tuple(part if part == "#" else part[1] for part in parts[1::2])
    groups = {"#": "([0-9]+(?:[.,][0-9]+)*)"}
    body = "".join(groups.get(p, "([^<>]+?)") if k % 2 else re.escape(p) for k, p in enumerate(parts))
    length = len(re.sub(r"\{[A-Za-z0-9_]\}", "", source))
    return Form(re.compile(body), order, target, length)


def _unmarked(text: str) -> str:
    return re.sub(r"</?>", "", text)


def answer(language: str, text: str) -> Answer:
    """A text in another language, and what of it is in no catalogue. Raises KeyError for an unknown language."""
    known = lexicon(language)
    if not LETTERS.search(text):
        return Answer(figures(text, known.marks))
    source = " ".join(text.split())
    found = _whole(language, source) or _piecewise(language, source)
    before, after = (re.search(rule, text)[0] for rule in (r"^\s*", r"\s*$"))
    return Answer(before + found.text + after, found.gaps)


def figures(text: str, marks: Mapping[str, str]) -> str:
    """A text with its numbers as the language writes them."""
    apart = re.sub(r"([0-9]\.[0-9]+), (?=[-+0-9])", r"\1; ", text) if marks["."] == "," else text
    return NUMBER.sub(lambda match: _numeral(match[0], marks), apart)


def _numeral(digits: str, marks: Mapping[str, str]) -> str:
    """A number; one with several full stops is a version and stays."""
    return digits if digits.count(".") > 1 else re.sub("[.,]", lambda match: marks[match[0]], digits)


def _written(target: str, numbers: list[str], marks: Mapping[str, str]) -> str:
    """The numbers in their order; #2 is the second, and # after it the third."""
    last = 0

    def fill(match: re.Match[str]) -> str:
        nonlocal last
        last = int(match[1]) if match[1] else last + 1
        return _numeral(numbers[last - 1], marks) if 0 < last <= len(numbers) else ""

    return re.sub("#([0-9])?", fill, target)


def _whole(language: str, text: str) -> Answer | None:
    """What one entry says for a text; None where there is none, or where more than half would stay in English."""
    known = lexicon(language)
    if text in known.exact:
        return Answer(known.exact[text])
    numbers = NUMBER.findall(text)
    plain = known.exact.get(NUMBER.sub("#", text)) if numbers else None
    if plain is not None:
        return Answer(_written(plain, numbers, known.marks))
    titled = _titled(text, known.exact)
    if titled is not None:
        return Answer(titled)
    best = None
    for form in known.forms:
        match = form.pattern.fullmatch(text)
        if match is None:
            continue
        found = _filled(language, form, match)
        if not found.gaps:
            return found
        if best is None and len("".join(found.gaps)) < len(text) / 2:
            best = found
    return best


def _titled(text: str, exact: Mapping[str, str]) -> str | None:
    """A title that is set off or ends in a full stop, from its entry without either."""
    match = TITLE.fullmatch(text)
    if match is None or match[2] == text or match[2] not in exact or bool(match[1]) != match[3].endswith(">"):
        return None
    return (match[1] or "") + exact[match[2]] + match[3]


def _filled(language: str, form: Form, match: re.Match[str]) -> Answer:
    """A form with what a text has in its places, which is looked up in its turn."""
    groups = list(zip(form.order, match.groups(), strict=True))
    words = {name: found for name, found in groups if name != "#"}
    digits = [found for name, found in groups if name == "#"]
    gaps: list[str] = []

    def fill(place: re.Match[str]) -> str:
        name = place[1]
        if name < "a":
            return words[name]
        inner = answer(language, words[name])
        gaps.extend(inner.gaps)
        return inner.text

    written = _written(form.target, digits, lexicon(language).marks)
    return Answer(re.sub(r"\{([A-Za-z0-9_])\}", fill, written), tuple(gaps))


def sentences(text: str) -> list[str]:
    """A text cut after full stops, but never between a mark and its end."""
    parts, opened = [], ""
    for part in SENTENCE.findall(text):
        opened += part
        if opened.count("<>") == opened.count("</>"):
            parts.append(opened.strip())
            opened = ""
    return [*parts, opened.strip()] if opened else parts


def _piecewise(language: str, text: str) -> Answer:
    """The longest runs of sentences that are known, the rest in English; all in English where none is."""
    parts, said, gaps, i, known = sentences(text), [], [], 0, False
    while i < len(parts):
        for end in range(len(parts), i, -1):
            found = _run(language, " ".join(parts[i:end]))
            if found is not None:
                break
        known = known or found is not None
        said.append(parts[i] if found is None else found.text)
        gaps += [parts[i]] if found is None else found.gaps
        i = i + 1 if found is None else end
    return Answer(" ".join(said), tuple(gaps)) if len(parts) > 1 and known else Answer(text, (text,))


def _run(language: str, text: str) -> Answer | None:
    return _whole(language, text) if LETTERS.search(text) else Answer(figures(text, lexicon(language).marks))
