"""A report as plain values: what goes into its JSON, and all that its HTML and PDF forms are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mia_viz.case import Case, Finding
from mia_viz.report.facts import Facts
from mia_viz.report.hashes import LANGUAGE, flagged, sealed
from mia_viz.sensitivity import WARNING, Change
from mia_viz.statement import PROPOSITIONS, Statement
from mia_viz.together import RULES, Together
from mia_viz.verdict import Verdict

if TYPE_CHECKING:
    from mia_viz.beyond import Beside
    from mia_viz.exchangeability import Coverage

FORMAT = 1


def as_content(case: Case, statement: Statement, facts: Facts, language: str = "en") -> dict[str, Any]:
    """The report's values, sealed with hashes of themselves. Whatever depends on the clock is under "time".

    language: of the page and the PDF. The values are the same in every one, and their sentences are in English.
    """
    content = {
        "format": FORMAT,
        "kind": "MIA-Viz report",
        LANGUAGE: language,
        "propositions": list(PROPOSITIONS),
        "answer": _answer(statement),
        "findings": [_finding(finding) for finding in case.findings],
        "checks": _checks(statement),
        "asked": statement.asked,
        "changes": {"warning": WARNING, "rows": [_change(change) for change in statement.changes]},
        "notes": list(statement.notes),
        "limits": list(statement.caveats),
        "picture": {**facts.picture, "pixels_sha256": case.sha256, "preparation": list(case.notes)},
        "target": dict(facts.target),
        "reference": None if facts.reference is None else dict(facts.reference),
        "settings": [dict(row) for row in facts.settings],
        "program": dict(facts.program),
        "command": flagged(facts.command, language),
        "nfe": sum(finding.nfe for finding in case.findings),
        "time": {"utc": facts.utc, "seconds": {finding.key: finding.seconds for finding in case.findings}},
    }
    return sealed(content)


def verdict_values(verdict: Verdict | None) -> dict[str, Any] | None:
    """A rank, with its sentence."""
    return None if verdict is None else {**asdict(verdict), "sentence": verdict.frequency}


def _answer(statement: Statement) -> dict[str, Any]:
    strength = statement.strength
    return {
        "zone": statement.zone,
        "sentence": statement.answer,
        "sentences": list(statement.sentences),
        "rank": verdict_values(statement.verdict),
        "likelihood_ratio": None
        if strength is None
        else {**asdict(strength), "sentence": strength.sentence, "cap": strength.cap},
        "combined": None if statement.together is None else _combined(statement.together),
    }


def _combined(whole: Together) -> dict[str, Any]:
    return {
        "score": whole.score,
        "methods": list(whole.methods),
        "rule": RULES[whole.rule],
        "weights": list(whole.weights),
        "members": len(whole.members),
        "holdouts": len(whole.holdouts),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "attack": finding.attack,
        "key": finding.key,
        "title": finding.title,
        "score": finding.score,
        "raw": finding.raw,
        "nfe": finding.nfe,
        "rank": verdict_values(finding.verdict),
    }


def _change(change: Change) -> dict[str, Any]:
    values = {"p_value": change.verdict.p_value, "zone": change.verdict.zone}
    return {"kind": change.kind, "setting": change.setting, **values}


def _coverage(cover: Coverage, nearest: Sequence[str]) -> dict[str, Any]:
    """Blind scores are named only where they were compared, so that reports without them keep their form."""
    values = asdict(cover)
    blind = values.pop("blind")
    return {**values, **({"blind": blind} if blind else {}), "nearest": list(nearest), "sentence": cover.sentence}


def _beside(beside: Beside) -> dict[str, Any]:
    rank = verdict_values(beside.verdict)
    return {"title": beside.title, "explained": beside.explained, "rank": rank, "sentence": beside.sentence}


def _checks(statement: Statement) -> dict[str, Any]:
    """The checks that were made; None for those that could not be."""
    cover, beyond, twin, matches = statement.coverage, statement.beyond, statement.twin, statement.matches
    return {
        "coverage": None if cover is None else _coverage(cover, statement.nearest),
        "difficulty": None
        if beyond is None
        else {
            "explained": beyond.explained,
            "rank": verdict_values(beyond.verdict),
            "sentence": beyond.sentence,
            **({} if beyond.beside is None else {"beside_twin": _beside(beyond.beside)}),
        },
        "twin": None
        if twin is None
        else {
            "target": twin.target,
            "rank": verdict_values(twin.verdict),
            "likelihood_ratio": None if twin.strength is None else asdict(twin.strength),
            "sentence": twin.sentence,
        },
        "near_duplicates": None if matches is None else {**asdict(matches), "sentence": matches.sentence},
    }
