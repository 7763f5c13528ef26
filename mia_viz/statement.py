"""The statement: everything that can be said about one case, and nothing that cannot.

One answer comes from the combined score's rank among never-trained pictures and from its capped likelihood ratio.
Around it stand the checks that can take it back: whether the reference covers the picture at all, whether the picture
is merely easy, whether a twin says the same, whether a known picture is nearly the same. Free of torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mia_viz.beyond import Beyond, beyond
from mia_viz.case import Case, Finding
from mia_viz.notes import notes
from mia_viz.reference import Reference
from mia_viz.sensitivity import Change, changes
from mia_viz.targets.bundled import title
from mia_viz.together import Together, together
from mia_viz.verdict import SENTENCES, Verdict

if TYPE_CHECKING:
    from mia_viz.duplicates import Matches
    from mia_viz.exchangeability import Coverage
    from mia_viz.strength import Strength

PROPOSITIONS = (
    "The picture, or one nearly the same, was among those that the model was trained on.",
    "The picture was not among those that the model was trained on, and is otherwise like those of the reference.",
)
NOT_COVERED = "The reference does not cover this picture."
NO_REFERENCE = "There is evidence, but no verdict: there is no reference for this model and these settings."
SAME_TO_BOTH = "The evidence is inconclusive: at such scores, trained and never-trained pictures are about as frequent."
OPEN = (
    "An answer is given only where two measures agree. Here the ratio leans to one side, and the picture's rank among "
    "never-trained pictures does not bear it out, so neither should be quoted alone."
)
TELLING = np.log10(2)
"""log10 of the likelihood ratio from which the verbal scale speaks of support for a side."""
LIMITS = (
    "This describes how the model behaves. It does not say who trained it, how the picture came there, or whether that "
    "was allowed.",
    "The error rates hold for pictures like those of the reference: the same kind, source and preparation.",
    "A near-copy of a training picture scores high too, so the finding may be about such a copy.",
    "One model was asked. Other models, other versions of it, and what was done to its training pictures beforehand "
    "(cropping, mirroring, captions) were not tested.",
)


@dataclass(frozen=True, eq=False)
class Gallery:
    """Known pictures themselves: values (M, C, H, W) in [-1, 1], what each is called, membership (M,), SHA-256.

    public: whether a report may show them.
    """

    values: np.ndarray
    names: tuple[str, ...]
    member: np.ndarray
    sha256: tuple[str, ...]
    public: bool = False


@dataclass(frozen=True)
class Twin:
    """What a second model, trained in the same way on other pictures, says of the same picture.

    own: the zone of the model in question. title: what the twin is called.
    """

    target: str
    verdict: Verdict
    strength: Strength | None
    own: str
    title: str

    @property
    def sentence(self) -> str:
        """The finding in words, beside that of the model in question."""
        place = f"Its twin, {self.title}, trained the same way on other pictures,"
        if self.own != "stands out":
            zone = {"stands out": "finds that it stands out", "ordinary": "finds it ordinary"}
            return f"{place} {zone.get(self.verdict.zone, 'is undecided about this picture')}."
        if self.verdict.zone == "stands out":
            return f"{place} reacts to this picture in the same way, so it may just be an easy picture for such models."
        return f"{place} does not react to this picture in this way, so it is not just easy for all such models."


@dataclass(frozen=True, eq=False)
class Statement:
    """What can be said about a case.

    zone: one of verdict.ZONES, "not covered" or "no reference". answer: the one sentence. together: the combined score
    behind it. findings: the attacks one by one. twin, beyond, coverage, matches: the checks, None where they could not
    be made. nearest: SHA-256 of the reference's hold-outs most like the picture. asked: on multiple testing. changes:
    what would change the answer, none for a picture that is not covered. notes: what could not be checked. caveats:
    what the statement does not say.
    """

    zone: str
    answer: str
    together: Together | None
    findings: tuple[Finding, ...]
    twin: Twin | None
    beyond: Beyond | None
    coverage: Coverage | None
    nearest: tuple[str, ...]
    matches: Matches | None
    asked: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    caveats: tuple[str, ...]

    @property
    def verdict(self) -> Verdict | None:
        """The combined score's rank; it carries no known error rate where the reference does not cover the picture."""
        return None if self.together is None else self.together.verdict

    @property
    def strength(self) -> Strength | None:
        """The likelihood ratio to report: none without members, none for a picture that is not covered."""
        return None if self.together is None or self.zone == "not covered" else self.together.strength

    @property
    def sentences(self) -> tuple[str, ...]:
        """What follows the answer, in the order in which it should be read."""
        if self.together is None:
            return ()
        if self.zone == "not covered":
            why = self.coverage.sentence.removeprefix(NOT_COVERED.removesuffix(".") + ": ")
            others = [self.matches.sentence] if self.matches else []
            return (why[:1].upper() + why[1:], "So no likelihood ratio is given.", *others)
        strength = self.strength
        without = "No likelihood ratio can be given: it needs at least 10 known training pictures and 10 others."
        words = (without,) if strength is None else (strength.sentence, strength.cap)
        if strength is not None and self.zone == "inconclusive" and abs(strength.log10) >= TELLING * (1 - 1e-9):
            words = (OPEN, *words)
        beside = self.beyond and self.beyond.beside
        checks = [c.sentence for c in (self.coverage, self.beyond, beside, self.twin, self.matches) if c]
        return (*words, self.together.verdict.frequency, *checks)


def statement(
    case: Case,
    reference: Reference | None,
    gallery: Gallery | None = None,
    twin: tuple[Case, Reference | None] | None = None,
) -> Statement:
    """The statement about a finished case. The picture is left out of the reference and of the gallery first.

    gallery: the known pictures themselves, for near-duplicates; None where they are not at hand. twin: the same
    picture's case under the twin with the twin's reference.
    """
    whole = together(case.findings, reference, case.sha256)
    covered, nearest = _coverage(case, reference) if whole else (None, ())
    matches = _matches(case, gallery)
    zone, answer = _answer(whole, covered)
    heard = _heard(twin)
    left = beyond(case, reference, whole, heard) if whole else None
    second = _twin(twin, heard, whole) if whole else None
    judged = whole is not None and zone != "not covered"
    return Statement(
        zone,
        answer,
        whole,
        case.findings,
        second,
        left,
        covered,
        nearest,
        matches,
        _asked(whole, len(case.findings)),
        changes(case, reference) if judged else (),
        notes(case, reference, gallery is not None, whole, covered, left),
        LIMITS,
    )


def _answer(whole: Together | None, covered: Coverage | None) -> tuple[str, str]:
    """Zone and sentence. A high or low rank counts only if the likelihood ratio, where there is one, says the same."""
    if whole is None:
        return "no reference", NO_REFERENCE
    if covered is not None and covered.covered is False:
        return "not covered", NOT_COVERED
    zone = whole.verdict.zone
    if whole.strength is None or zone == "inconclusive":
        return zone, SENTENCES[zone]
    towards = whole.strength.log10 if zone == "stands out" else -whole.strength.log10
    return (zone, SENTENCES[zone]) if towards >= TELLING * (1 - 1e-9) else ("inconclusive", SAME_TO_BOTH)


def _asked(whole: Together | None, methods: int) -> str:
    if whole is None:
        return f"{methods} methods were asked; without a reference their scores have no scale." if methods else ""
    from mia_viz.combined import asked

    return asked(len(whole.methods), methods)


def _coverage(case: Case, reference: Reference) -> tuple[Coverage | None, tuple[str, ...]]:
    if reference.description is None:
        return None, ()
    from mia_viz.exchangeability import compared, coverage

    rows = np.flatnonzero(reference.choose(False, "calibration", (case.sha256,)))
    if len(rows) < 2:
        return None, ()
    own = None if case.blind is None else np.array([case.blind])
    table, known, blind = compared(case.values[None], own, reference.description, reference.blind)
    found = coverage(table[0], known[rows], blind=blind)
    return found, tuple(reference.image_sha256[rows[k]] for k in found.nearest)


def _heard(twin: tuple[Case, Reference | None] | None) -> tuple[Together, Reference, str] | None:
    """The twin's combined score, its reference, and what it is called."""
    if twin is None:
        return None
    case, reference = twin
    found = together(case.findings, reference, case.sha256)
    return None if found is None else (found, reference, title(case.target))


def _twin(
    twin: tuple[Case, Reference | None] | None, heard: tuple[Together, Reference, str] | None, whole: Together
) -> Twin | None:
    if twin is None or heard is None:
        return None
    found, _, called = heard
    return Twin(twin[0].target, found.verdict, found.strength, whole.verdict.zone, called)


def _matches(case: Case, gallery: Gallery | None) -> Matches | None:
    if gallery is None:
        return None
    from mia_viz.duplicates import near_duplicates

    kept = np.array([sha256 != case.sha256 for sha256 in gallery.sha256], dtype=bool)
    names = [name for name, keep in zip(gallery.names, kept, strict=True) if keep]
    return near_duplicates(case.values, gallery.values[kept], names, gallery.member[kept])
