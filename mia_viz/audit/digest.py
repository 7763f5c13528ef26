"""What an audit's table says, gathered in one pass whose memory does not grow with the table."""

from __future__ import annotations

import heapq
import re
from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mia_viz.audit.table import Parts, schema
from mia_viz.combined import Weigher, fit_weigher
from mia_viz.reference import Reference
from mia_viz.sets import CAVEAT, SetTest, compare_sets
from mia_viz.strength import FEWEST
from mia_viz.verdict import STANDS_OUT

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.targets.target import Target

TOGETHER = "all methods together"
SHOWN = 12
SAMPLE = 5_000
ERRORS = 200
SLICE = re.compile(r"\bSlice \d+ of 0 to \d+")  # the note of one slice of several, see mia_viz.pictures.volume


@dataclass(frozen=True, order=True)
class Ranked:
    """A picture in a list of the most or least member-like."""

    score: float
    place: int
    id: str = field(compare=False)
    sha256: str = field(compare=False)
    p_value: float | None = field(compare=False)


@dataclass(eq=False)
class Scores:
    """One method's scores: how many, how many of them have a p-value and stand out, and both ends of the list.

    Copies of a picture stand in the lists once. members, holdouts: the reference's, empty without one.
    """

    key: str
    title: str
    members: np.ndarray
    holdouts: np.ndarray
    count: int = 0
    judged: int = 0
    outstanding: int = 0
    most: list[Ranked] = field(default_factory=list)
    least: list[Ranked] = field(default_factory=list)

    def add(self, one: Ranked) -> None:
        self.count += 1
        self.judged += one.p_value is not None
        self.outstanding += one.p_value is not None and one.p_value <= STANDS_OUT
        _keep(self.most, one, lambda r: (-r.score, r.place))
        _keep(self.least, one, lambda r: (r.score, r.place))


def _keep(best: list[Ranked], one: Ranked, order: Any) -> None:
    if (len(best) == SHOWN and order(one) >= order(best[-1])) or any(r.sha256 == one.sha256 for r in best):
        return
    insort(best, one, key=order)
    del best[SHOWN:]


@dataclass(eq=False)
class Digest:
    """The whole table in short.

    statuses: rows by status. errors: the first ERRORS failures as (id, sentence); kinds: how often each sentence.
    methods: by key, the combined one first where there is one. sample: scores (n,) by key of at most SAMPLE different
    pictures, chosen by their hash, hence at random. known: rows whose picture is in the
    reference. set_test: the sample against its unseen pictures. passed: what else the source holds, in a sentence.
    cut: rows that are one slice of several.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[str, str]] = field(default_factory=list)
    methods: dict[str, Scores] = field(default_factory=dict)
    sample: dict[str, np.ndarray] = field(default_factory=dict)
    known: int = 0
    set_test: SetTest | None = None
    no_set_test: str = ""
    passed: str = ""
    cut: int = 0

    @property
    def rows(self) -> int:
        return self.statuses.total()

    @property
    def first(self) -> Scores:
        """The method that speaks for all: the combined score, or the first that has p-values, or the first."""
        judged = [scores for scores in self.methods.values() if scores.judged]
        return judged[0] if judged else next(iter(self.methods.values()))

    @property
    def answer(self) -> str:
        """One sentence."""
        found = self.first
        if not found.count:
            return "No picture could be scored."
        if not found.judged:
            return f"{found.count:,} pictures were scored; without a reference nobody can say which scores are high."
        chance = STANDS_OUT * found.judged
        often = f"about {chance:,.0f}" if chance >= 1 else "fewer than one"
        return (
            f"{found.outstanding:,} of {found.judged:,} pictures stand out; of as many pictures the model never saw, "
            f"{often} would by chance."
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """What follows, in the order in which it should be read."""
        words = [f"This is the finding of {self.first.title}." if len(self.methods) > 1 else ""]
        if self.known:
            words.append(
                f"{self.known:,} of the pictures are among those of the reference. Each is left out of its own "
                "p-value, but the rule that combines methods may have learned from it."
            )
        words += [self.set_test.sentence, CAVEAT] if self.set_test is not None else [self.no_set_test]
        return tuple(word for word in words if word)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the audit did not look at, in sentences."""
        cut = (f"Scans of which only one slice was looked at: {self.cut:,}.",) if self.cut else ()
        return ((self.passed,) if self.passed else ()) + cut

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "answer": self.answer,
            "sentences": list(self.sentences),
            "pictures": self.rows,
            "statuses": dict(self.statuses),
            "left out": list(self.left_out),
            "failures": dict(self.kinds.most_common(50)),
            "methods": {
                key: {
                    "scored": s.count,
                    "with p-value": s.judged,
                    "stand out": s.outstanding,
                    "most": [vars(r) for r in s.most],
                    "least": [vars(r) for r in s.least],
                }
                for key, s in self.methods.items()
            },
            "set_test": None if self.set_test is None else vars(self.set_test),
        }


@dataclass(frozen=True, eq=False)
class Rule:
    """The combined score: fitted on calibration pictures, ranked among the reference's test hold-outs.

    Neither these nor the audited pictures took part in the fit, so a picture the model never saw is one of them, and
    its rank is a valid p-value.
    """

    weigher: Weigher
    unseen: np.ndarray
    members: np.ndarray
    names: tuple[str, ...]

    def p_value(self, score: float, sha256: str) -> float:
        others = self.unseen[[name != sha256 for name in self.names]] if sha256 in self.names else self.unseen
        return (1 + int((others >= score).sum())) / (len(others) + 1)


def digest(folder: Path, plans: Sequence[Plan], reference: Reference | None, target: Target, passed="") -> Digest:
    """Read an audit's table. passed: see Digest. Raises ValueError where it has no rows."""
    parts = Parts(folder, schema(plans), 1)
    told = _told(parts, target)
    known = reference if reference is not None and all(reference.fits(p, told) for p in plans) else None
    rule = _rule(known, plans)
    found = Digest(passed=passed)
    if rule is not None and len(plans) > 1:
        found.methods[TOGETHER] = Scores(TOGETHER, TOGETHER, rule.members, rule.unseen)
    for chosen in plans:
        groups = [known.scores(chosen.key, member) if known else np.empty(0) for member in (True, False)]
        found.methods[chosen.key] = Scores(chosen.key, _title(chosen), *groups)
    sample: list[tuple[int, str, tuple[float, ...]]] = []
    _pass(parts, plans, rule, known, found, sample)
    if not found.rows:
        raise ValueError(f"There was no picture to ask about{f': {passed}' if passed else '.'}")
    table = np.array([scores for *_, scores in sample]).reshape(len(sample), len(found.methods))
    found.sample = {key: table[:, i] for i, key in enumerate(found.methods)}
    _test(found, known, rule, plans, {sha256 for _, sha256, _ in sample})
    return found


def _title(chosen: Plan) -> str:
    settings = chosen.key.removeprefix(chosen.attack.name).strip()
    return f"{chosen.attack.title} ({settings})" if settings else chosen.attack.title


def _told(parts: Parts, target: Target) -> str:
    """The kind of captions of the whole audit, as `mia_viz.reference.captions_kind` has it."""
    if not target.takes:
        return ""
    kinds = {bool((row["caption"] or "").strip()) for row in parts.rows(("caption",))}
    return "mixed" if len(kinds) > 1 else "given" if True in kinds else "empty"


def _rule(known: Reference | None, plans: Sequence[Plan]) -> Rule | None:
    if known is None:
        return None
    inside, outside = ({p.key: known.scores(p.key, member) for p in plans} for member in (True, False))
    rows = known.choose(False, "test")
    if min(len(next(iter(group.values()))) for group in (inside, outside)) < FEWEST or rows.sum() < 2:
        return None
    weigher = fit_weigher(outside, inside)
    unseen = weigher.score({p.key: known.scores(p.key, False, "test") for p in plans})
    members = weigher.score({p.key: known.scores(p.key, True, "test") for p in plans})
    return Rule(weigher, unseen, members, tuple(np.array(known.image_sha256)[rows].tolist()))


def _pass(
    parts: Parts,
    plans: Sequence[Plan],
    rule: Rule | None,
    known: Reference | None,
    found: Digest,
    sample: list[tuple[int, str, tuple[float, ...]]],
) -> None:
    """One walk over the rows: fills `found`, and `sample` with (-hash, hash, scores in the order of methods)."""
    numbers = [f"{p.key}.{name}" for p in plans for name in ("score", "p_value")]
    names: set[str] = set()
    reference = set() if known is None else set(known.image_sha256)
    for row in parts.rows(("place", "id", "pixels_sha256", "status", "error", "notes", *numbers)):
        found.statuses[row["status"]] += 1
        found.known += row["pixels_sha256"] in reference
        found.cut += SLICE.search(row["notes"] or "") is not None
        if row["error"]:
            found.kinds[row["error"]] += 1
            if len(found.errors) < ERRORS:
                found.errors.append((row["id"], row["error"]))
        values = _values(row, plans, rule, TOGETHER in found.methods)
        for key, (score, p_value) in values.items():
            found.methods[key].add(Ranked(score, row["place"], row["id"], row["pixels_sha256"], p_value))
        if len(values) == len(found.methods):
            scores = tuple(values[key][0] for key in found.methods)
            _draw(sample, names, row["pixels_sha256"], scores)


def _values(
    row: Mapping[str, Any], plans: Sequence[Plan], rule: Rule | None, together: bool
) -> dict[str, tuple[float, float | None]]:
    """(score, p-value) by method of one row; methods without a number are missing."""
    scores = {p.key: row[f"{p.key}.score"] for p in plans}
    values = {key: (score, row[f"{key}.p_value"]) for key, score in scores.items() if score is not None}
    if together and len(values) == len(plans):
        score = float(rule.weigher.score({key: [value] for key, value in scores.items()})[0])
        values[TOGETHER] = (score, rule.p_value(score, row["pixels_sha256"]))
    return values


def _draw(sample: list, names: set[str], sha256: str, scores: tuple[float, ...]) -> None:
    """Keep the pictures with the smallest hashes: a random sample without copies, the same whatever the order."""
    if sha256 in names:
        return
    entry = (-int(sha256[:15], 16), sha256, scores)
    if len(sample) < SAMPLE:
        heapq.heappush(sample, entry)
        names.add(sha256)
    elif entry > sample[0]:
        names.add(sha256)
        names.discard(heapq.heapreplace(sample, entry)[1])


def _test(found: Digest, known: Reference | None, rule: Rule | None, plans: Sequence[Plan], taken: set[str]) -> None:
    """The set-level test, or why there is none."""
    key = next(iter(found.methods))
    suspects = found.sample[key]
    if known is None:
        found.no_set_test = "There is no set-level test: no reference fits this model, these settings and captions."
        return
    if key != TOGETHER and len(plans) > 1:
        found.no_set_test = "There is no set-level test: the reference has too few known pictures to combine methods."
        return
    left = np.array([name not in taken for name in np.array(known.image_sha256)[known.choose(False, "test")]])
    unseen = rule.unseen if key == TOGETHER else known.scores(key, False, "test")
    if len(suspects) < 2 or left.sum() < 2:
        found.no_set_test = "There is no set-level test: too few pictures, or too few unseen ones beside them."
        return
    found.set_test = compare_sets(suspects, unseen[left])
