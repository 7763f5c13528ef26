"""Ask a model about a whole collection: suspect pictures against certainly unseen ones (see `mia_viz.sets`).

Every picture gets one score by a rule fixed beforehand. Suspect and unseen pictures took no part in making the rule,
so if the model saw neither, both are treated alike and the test's error rate holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mia_viz.pictures.prepare import Prepared
from mia_viz.reference import Reference
from mia_viz.sets import ALPHA, CAVEAT, WANTED, Power, SetTest, compare_sets, power, smallest_sentence, smallest_set
from mia_viz.strength import FEWEST

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.probe import Progress
    from mia_viz.targets.target import Target

METHODS = ("noise_aggregation", "loss", "fcre")
"""The walk's attacks that ask few questions; restoring thousands of pictures would take hours."""
BATCH = 16
TOO_FEW = "How often this test would find training cannot be said: there are too few known members or hold-outs."
NO_REFERENCE = "How often this test would find training cannot be said: there is no reference for this model."
NO_METHODS = "How often this test would find training cannot be said: the reference lacks scores of these methods."
OTHER_CAPTIONS = (
    "How often this test would find training cannot be said: the reference's pictures had captions of another kind "
    "(given, or empty)."
)
SPREAD = 1.349
"""Interquartile range of a standard normal law."""


@dataclass(frozen=True, eq=False)
class SetAnswer:
    """What can be said about a collection.

    test: the comparison. suspects (s,), unseen (u,): the scores compared. methods: reference columns they rest on.
    rule: how they were put together. power: None without members; smallest: the set that would be enough, asked for
    only where power falls short. stored: whether the unseen ones are the reference's. notes: sentences.
    """

    test: SetTest
    suspects: np.ndarray
    unseen: np.ndarray
    methods: tuple[str, ...]
    rule: str
    power: Power | None
    smallest: int | None
    stored: bool
    notes: tuple[str, ...]

    @property
    def answer(self) -> str:
        """One sentence."""
        if self.test.p_value <= ALPHA:
            return "The model treats the suspect pictures, taken together, as more familiar than the unseen ones."
        return "The suspect pictures, taken together, do not stand out from the unseen ones."

    @property
    def sentences(self) -> tuple[str, ...]:
        """What follows, in the order in which it should be read."""
        words = [self.test.sentence]
        if self.power is not None:
            words.append(self.power.sentence)
            if self.power.power < WANTED:
                words.append(smallest_sentence(self.smallest))
        return (*words, *self.notes, CAVEAT)

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "answer": self.answer,
            "sentences": list(self.sentences),
            "test": asdict(self.test),
            "power": None if self.power is None else asdict(self.power),
            "smallest": self.smallest,
            "methods": list(self.methods),
            "rule": self.rule,
            "suspects": self.suspects.tolist(),
            "unseen": self.unseen.tolist(),
        }


def ask_set(
    target: Target,
    suspects: Sequence[Prepared],
    unseen: Sequence[Prepared] | None,
    reference: Reference | None,
    progress: Progress | None = None,
    plans: Sequence[Plan] | None = None,
    captions: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
) -> SetAnswer:
    """Test suspect pictures against unseen ones; where None, against the reference's test hold-outs.

    plans: attacks to ask, fixed before looking; the walk's cheap ones where None. captions: of either group. Raises
    ValueError with fewer than two pictures on a side, and where no unseen pictures are given or stored; and
    `mia_viz.probe.Cancelled` when progress.cancel is set.
    """
    chosen = list(plans) if plans is not None else _usable(target)
    suspects, captions_s, repeated = _distinct(suspects, captions[0])
    taken = {picture.sha256 for picture in suspects}
    known, unfit = _fitting(reference, chosen, target, captions_s)
    others, captions_u, again = _distinct(unseen or [], captions[1])
    if taken & {picture.sha256 for picture in others}:
        raise ValueError("A picture is among the suspect and the unseen ones; it can be in one group only.")
    if len(suspects) < 2 or (unseen is not None and len(others) < 2):
        raise ValueError("Testing a set needs at least two suspect and two unseen pictures.")
    stored = _stored(known, chosen, taken) if unseen is None else None
    if progress is not None:
        progress.expected = (len(suspects) + len(others)) * sum(p.evaluations for p in chosen)
    scores_s = ask(target, suspects, chosen, progress, captions_s)
    scores_u = ask(target, others, chosen, progress, captions_u) if stored is None else stored
    taken |= {picture.sha256 for picture in others}
    rule, s, u, groups = _one_score(scores_s, scores_u, known, taken)
    strong = None if groups is None else power(*groups, len(s), len(u))
    enough = smallest_set(*groups, len(u)) if strong is not None and strong.power < WANTED else None
    powerless = "" if groups is not None else unfit or TOO_FEW
    outside = _outside(suspects, known, target, progress)
    notes = _notes(repeated + again, stored is not None, powerless, suspects, outside)
    keys = tuple(p.key for p in chosen)
    return SetAnswer(compare_sets(s, u), s, u, keys, rule, strong, enough, stored is not None, notes)


def _fitting(
    reference: Reference | None, plans: Sequence[Plan], target: Target, captions: Sequence[str] | None
) -> tuple[Reference | None, str]:
    """The reference, if it holds all of the plans under captions of this kind; else None and why it cannot serve."""
    from mia_viz.reference import captions_kind

    told = captions_kind(target, captions)
    if reference is None:
        return None, NO_REFERENCE
    if not all(reference.fits(p) for p in plans):
        return None, NO_METHODS
    if not all(reference.fits(p, told) for p in plans):
        return None, OTHER_CAPTIONS
    return reference, ""


def _usable(target: Target) -> list[Plan]:
    from mia_viz.commands.common import unusable
    from mia_viz.plans import walk_plans

    cheap = [p for p in walk_plans(target.name, target.schedule) if p.attack.name in METHODS]
    found = [p for p in cheap if not unusable(p, target, [""])]
    if not found:
        raise ValueError("None of the methods for sets can be used on this model.")
    return found


def _distinct(
    pictures: Sequence[Prepared], captions: Sequence[str] | None
) -> tuple[list[Prepared], list[str] | None, int]:
    """Each picture once, with its caption, and how many were left out: copies would count as evidence twice."""
    rows = list({picture.sha256: i for i, picture in reversed(list(enumerate(pictures)))}.values())
    rows.sort()
    told = None if captions is None else [captions[i] for i in rows]
    return [pictures[i] for i in rows], told, len(pictures) - len(rows)


def ask(
    target: Target,
    pictures: Sequence[Prepared],
    plans: Sequence[Plan],
    progress: Progress | None = None,
    captions: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Scores (N,) of every plan on pictures, by the plan's key, in batches so that memory does not grow."""
    from mia_viz.analysis import run, to_pictures
    from mia_viz.probe import Probe, Progress

    progress = progress or Progress()
    parts: dict[str, list[np.ndarray]] = {chosen.key: [] for chosen in plans}
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH]
        told = [""] * len(batch) if captions is None else list(captions[start : start + BATCH])
        probe = Probe.of(target, to_pictures(batch), progress=progress, captions=told)
        for chosen in plans:
            parts[chosen.key].append(run(probe, chosen).score)
    return {key: np.concatenate(found) for key, found in parts.items()}


def _stored(known: Reference | None, plans: Sequence[Plan], taken: set[str]) -> dict[str, np.ndarray]:
    """Scores of the reference's test hold-outs, which take no part in making the rule."""
    if known is None or known.choose(False, "test", sorted(taken)).sum() < 2:
        raise ValueError(
            "There are no stored scores of unseen pictures for this model and these settings; give unseen pictures."
        )
    return {p.key: known.scores(p.key, False, "test", sorted(taken)) for p in plans}


def _one_score(
    suspects: Mapping[str, np.ndarray], unseen: Mapping[str, np.ndarray], known: Reference | None, taken: set[str]
) -> tuple[str, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """The rule in words, one score per suspect and unseen picture, and those of known hold-outs and members."""
    from mia_viz.combined import cross_fitted, fit_weigher

    if known is not None:
        groups = [
            {key: known.scores(key, member, without=sorted(taken)) for key in suspects} for member in (False, True)
        ]
        if all(len(next(iter(group.values()))) > FEWEST for group in groups):
            weigher = fit_weigher(*groups)
            rule = "weighed by a logistic regression on the reference's calibration pictures"
            return rule, weigher.score(suspects), weigher.score(unseen), cross_fitted(*groups)
    sums = [np.zeros(len(next(iter(group.values())))) for group in (suspects, unseen)]
    for key in suspects:
        low, middle, high = np.percentile(np.r_[suspects[key], unseen[key]], (25, 50, 75))
        spread = (high - low) / SPREAD or 1.0
        for total, group in zip(sums, (suspects, unseen), strict=True):
            total += np.clip((group[key] - middle) / spread, -4, 4) / len(suspects)
    return "the mean of the methods' standardised scores", *sums, None


def _notes(
    repeated: int, stored: bool, powerless: str, suspects: Sequence[Prepared], outside: int | None
) -> tuple[str, ...]:
    notes = []
    if repeated:
        words = "picture was" if repeated == 1 else "pictures were"
        notes.append(f"{repeated} repeated {words} left out, because a copy is no further evidence.")
    if stored:
        notes.append("The unseen pictures are never-trained ones of the reference, set aside for testing.")
    if powerless:
        notes.append(powerless)
    if outside is not None:
        notes.append(
            f"{outside} of the {len(suspects)} suspect pictures are unlike those of the reference, as far as can be "
            "told without the model; about 1 in 100 would be by chance."
        )
    return tuple(notes)


def _outside(
    suspects: Sequence[Prepared], known: Reference | None, target: Target, progress: Progress | None
) -> int | None:
    """How many suspect pictures the reference does not cover; None where that cannot be said."""
    if known is None or known.description is None:
        return None
    from mia_viz.blind import blind_scores
    from mia_viz.exchangeability import compared, coverage

    rows = known.choose(False, "calibration", [picture.sha256 for picture in suspects])
    if rows.sum() < 99:
        return None
    found = 0
    for start in range(0, len(suspects), BATCH):
        if progress is not None:
            progress.check()
        values = np.stack([picture.values for picture in suspects[start : start + BATCH]])
        own = None if known.blind is None else blind_scores(target, values)
        table, whole, _ = compared(values, own, known.description, known.blind)
        found += sum(coverage(features, whole[rows]).covered is False for features in table)
    return found
