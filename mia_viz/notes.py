"""What a statement has to add: what could not be checked, and what a reader has to know about the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mia_viz.verdict import NEEDED, too_few

if TYPE_CHECKING:
    from mia_viz.beyond import Beyond
    from mia_viz.case import Case
    from mia_viz.exchangeability import Coverage
    from mia_viz.reference import Reference
    from mia_viz.together import Together

NO_GALLERY = (
    "Near-duplicates were not looked for: that needs the known pictures themselves, which a reference file does not "
    "hold."
)


def notes(
    case: Case,
    reference: Reference | None,
    gallery: bool,
    whole: Together | None,
    covered: Coverage | None,
    beyond: Beyond | None,
) -> tuple[str, ...]:
    """Sentences on a case and what was found of it. gallery: whether the known pictures themselves were at hand."""
    found = [] if gallery else [NO_GALLERY]
    if reference is None or whole is None:
        return tuple(found)
    if case.sha256 in reference.image_sha256:
        side = "training" if reference.member[reference.image_sha256.index(case.sha256)] else "never-trained"
        found.append(f"This very picture is one of the reference's known {side} pictures; it was left out of it first.")
    if len(whole.members) == 0:
        found.append(
            "The reference has no known training pictures: there is a p-value but no likelihood ratio, and it cannot "
            "be said how often a trained picture scores this low."
        )
    if len(whole.holdouts) < NEEDED:
        found.append(too_few(len(whole.holdouts)))
    left_out = [f.title for f in case.findings if f.verdict is None]
    if left_out:
        found.append(f"Not in the combined score, because the reference does not hold it: {', '.join(left_out)}.")
    return (*found, *_unchecked(reference, covered, beyond))


def _unchecked(reference: Reference, covered: Coverage | None, beyond: Beyond | None) -> list[str]:
    """Checks that could not be made, each with its own reason: an older file, or too few pictures."""
    found = []
    if covered is None and reference.description is None:
        found.append("Whether the reference covers this picture was not checked: its file holds no features.")
    elif covered is None:
        found.append(
            "Whether the reference covers this picture was not checked: it has too few never-trained pictures."
        )
    if beyond is None and reference.difficulty is None:
        found.append("The picture's difficulty was not taken out: the reference's file holds no features.")
    elif beyond is None:
        found.append("The picture's difficulty was not taken out: the reference has too few never-trained pictures.")
    return found
