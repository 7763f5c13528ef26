"""Check a report: that it is unchanged, that it is about these files, and that its scores come out again.

Without the picture, the answer is worked out again from the scores written down; with it, the scores too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz import parametrisation
from mia_viz.report.content import FORMAT, as_content
from mia_viz.report.hashes import OF_CONTENT, OF_RESULT, of_content, of_file, of_result, of_source

if TYPE_CHECKING:
    from mia_viz.reference import Reference
    from mia_viz.report.make import Made
    from mia_viz.targets.target import Target

COMPARED = ("propositions", "answer", "findings", "checks", "asked", "changes", "notes", "limits", "settings", "nfe")
WORDS = ("propositions", "asked", "notes", "limits", "sentence", "sentences", "cap", "words", "rule", "warning")
"""Parts that hold nothing but wording, which another version of the program may put differently."""
NEWER = ("beside_twin", "blind")
"""Parts that older reports do not have; a report without them is not held to them."""
PROGRAM = "program's files"
TOLERANCE = 1e-4
"""Relative difference up to which numbers agree: other processors round differently."""


@dataclass(frozen=True)
class Check:
    """One comparison. agrees: None where it could not be made. words: what was compared, and what was found."""

    agrees: bool | None
    words: str


def read(file: Path) -> dict[str, Any]:
    """A report's JSON. Raises ValueError with a sentence."""
    if not file.is_file():
        raise ValueError(f"There is no file {file}.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        known = content["kind"] == "MIA-Viz report" and content["format"] == FORMAT
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{file.name} is not the JSON of a MIA-Viz report.") from error
    if not known:
        raise ValueError(f"{file.name} is not the JSON of a MIA-Viz report of this version.")
    return content


def page_beside(content: Mapping[str, Any], file: Path) -> list[Check]:
    """Whether the page that lies beside a report's JSON is of the same report: a kill between writing them parts them.

    The page prints the JSON's hash. Nothing where there is no page of that name.
    """
    page = file.with_suffix(".html")
    if not page.is_file():
        return []
    same = str(content.get(OF_CONTENT)) in page.read_text(encoding="utf-8", errors="replace")
    return [
        Check(same, f"{page.name} is of the same report." if same else f"{page.name} beside it is of another report.")
    ]


def seals(content: Mapping[str, Any]) -> list[Check]:
    """Whether the file still has the content that its hashes were taken of."""
    whole = of_content(content) == content.get(OF_CONTENT)
    result = of_result(content) == content.get(OF_RESULT)
    return [
        Check(whole, "The report's hash is that of its content." if whole else "The report was changed afterwards."),
        Check(result, "The result's hash is that of the result." if result else "The result was changed afterwards."),
    ]


def identity(content: Mapping[str, Any], reference: Path | None, image: Path | None) -> list[Check]:
    """Whether the files at hand are those of the report; None for what is not at hand."""
    held = content["reference"]
    stored = None if reference is None or not reference.is_file() else of_file(reference)
    pairs = [
        ("picture file", content["picture"].get("file_sha256"), None if image is None else of_file(image)),
        ("reference", None if held is None else held["file_sha256"], stored),
        (PROGRAM, content["program"]["source_sha256"], of_source()),
    ]
    return [_same(name, written, found) for name, written, found in pairs if written or found]


def weights(content: Mapping[str, Any], target: Target | None) -> list[Check]:
    """Whether the model at hand has the report's weights; nothing where neither has a hash."""
    written, found = content["target"]["weights_sha256"], None if target is None else target.weights_sha256
    return [_same("model's weights", written, found)] if written or found else []


def same_way(content: Mapping[str, Any], target: Target | None, reference: Reference | None) -> list[Check]:
    """Whether model and reference at hand are asked as in the report: schedule, prediction, range of the pictures."""
    written, checks = content["target"].get("parametrisation", {}), []
    pairs = [("model", None if target is None else target.parametrisation)]
    pairs += [] if reference is None else [("reference", reference.parametrisation)]
    for name, found in pairs:
        if found and not written:
            checks.append(Check(None, f"Not in the report, so not compared: the noise schedule of the {name}."))
        elif found:
            apart = parametrisation.difference(written, found)
            words = f"{apart} than the report" if apart else "the report's noise schedule and kind of prediction"
            checks.append(Check(not apart, f"The {name} at hand has {words}."))
    return checks


def _same(name: str, written: str | None, found: str | None) -> Check:
    if not written or not found:
        return Check(None, f"Not {'at hand' if written else 'in the report'}, so not compared: the {name}.")
    same = written == found
    if name == PROGRAM and not same:  # another version may well give the same numbers
        return Check(None, "The program is another version than the one that made the report, so words may differ.")
    return Check(same, f"The SHA-256 of the {name} is {'' if same else 'not '}that of the report.")


def answer_again(content: Mapping[str, Any], reference: Reference) -> list[Check]:
    """Work the combined answer out again from the scores in the report and the reference, without the model."""
    from mia_viz.together import of_scores

    combined = content["answer"]["combined"]
    if combined is None:
        return []
    scores = {f["key"]: f["score"] for f in content["findings"] if f["key"] in combined["methods"]}
    missing = [key for key in combined["methods"] if key not in reference.columns or key not in scores]
    if missing:
        return [Check(False, f"The reference does not hold {', '.join(missing)}.")]
    without = (content["picture"]["pixels_sha256"],)
    groups = [{key: reference.scores(key, member, without=without) for key in scores} for member in (False, True)]
    found = of_scores(scores, *groups)
    ratio = content["answer"]["likelihood_ratio"]
    checks = [
        _numbers("combined score", combined["score"], found.score),
        _numbers("p-value", content["answer"]["rank"]["p_value"], found.verdict.p_value),
    ]
    if ratio is not None:
        checks.append(_numbers("likelihood ratio", ratio["lr"], found.strength.lr if found.strength else math.nan))
    return checks


def _numbers(name: str, written: float, found: float) -> Check:
    agrees = math.isclose(written, found, rel_tol=TOLERANCE, abs_tol=1e-9)
    if agrees:
        return Check(True, f"The {name} comes out again: {written:.6g}.")
    return Check(False, f"The {name} does not come out again: {written:.6g} in the report, {found:.6g} now.")


def scores_again(content: Mapping[str, Any], made: Made) -> list[Check]:
    """Compare a report with one that was just made from the picture."""
    fresh = as_content(made.case, made.statement, made.facts)
    pixels = content["picture"]["pixels_sha256"] == fresh["picture"]["pixels_sha256"]
    checks = [Check(pixels, f"The decoded pixels are {'' if pixels else 'not '}those of the report.")]
    now = {finding["key"]: finding for finding in fresh["findings"]}
    for finding in content["findings"]:
        if finding["key"] in now:
            checks.append(_numbers(f"score of {finding['title']}", finding["score"], now[finding["key"]]["score"]))
    same = content["answer"]["sentence"] == fresh["answer"]["sentence"]
    now_words = f"The answer is now: {fresh['answer']['sentence']}"
    checks.append(Check(same, "The answer comes out again." if same else now_words))
    spared = () if content["program"]["source_sha256"] == of_source() else WORDS
    parts = [part for part in COMPARED if part not in spared]
    apart = [path for part in parts for path in differences(content[part], fresh[part], part, spared)]
    if apart:
        more = f" and {len(apart) - 5} more" if len(apart) > 5 else ""
        checks.append(Check(False, f"These parts differ: {', '.join(apart[:5])}{more}."))
    elif content[OF_RESULT] == fresh[OF_RESULT]:
        checks.append(Check(True, "The whole result is the same to the last digit."))
    else:
        checks.append(Check(True, "The whole result is the same but for rounding, options or the program's version."))
    return checks


def differences(written: Any, found: Any, path: str, spared: Sequence[str] = ()) -> Iterator[str]:
    """Where two plain values differ by more than rounding, as paths such as "answer.rank.p_value".

    spared: names that are not looked at.
    """
    if isinstance(written, dict) and isinstance(found, dict):
        found = {name: value for name, value in found.items() if name in written or name not in NEWER}
    if isinstance(written, dict) and isinstance(found, dict) and written.keys() == found.keys():
        for name in sorted(written.keys() - set(spared)):
            yield from differences(written[name], found[name], f"{path}.{name}", spared)
    elif isinstance(written, list) and isinstance(found, list) and len(written) == len(found):
        for i, (one, other) in enumerate(zip(written, found, strict=True)):
            yield from differences(one, other, f"{path}.{i + 1}", spared)
    elif type(written) is float and isinstance(found, float | int):
        if not math.isclose(written, found, rel_tol=TOLERANCE, abs_tol=1e-9):
            yield path
    elif written != found:
        yield path
