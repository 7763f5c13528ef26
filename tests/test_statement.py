"""The statement: what may be said with and without members, coverage and a reference, in words that fit."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mia_viz.case import Case
from mia_viz.reference import Reference, with_features
from mia_viz.statement import NO_REFERENCE, NOT_COVERED, SAME_TO_BOTH, Gallery, statement
from mia_viz.verdict import SENTENCES
from tests.test_together import crowd, findings

MEMBERS, HOLDOUTS = 40, 120


def textures(count: int, seed: int = 0, side: int = 16) -> np.ndarray:
    """Random pictures of one kind, (count, 1, side, side) float32 in [-1, 1]."""
    drawn = np.random.default_rng(seed).uniform(-0.9, 0.9, (count, 1, side, side))
    return (drawn + np.roll(drawn, 1, -1)).clip(-1, 1).astype(np.float32) / 2


PICTURES = textures(MEMBERS + HOLDOUTS)
KNOWN = with_features(crowd(MEMBERS, HOLDOUTS, apart=6.0), PICTURES)
HIGH = {"a": 6.0, "b": 6.0, "c": 6.0}
LOW = {"a": 0.0, "b": 0.0, "c": 0.0}


def case_of(scores: dict[str, float], known=KNOWN, values: np.ndarray | None = None, sha256: str = "f" * 64) -> Case:
    values = textures(1, seed=1)[0] if values is None else values
    return Case("made-up", "query", values, sha256, findings=findings(known, scores))


def test_a_high_score_stands_out_with_its_likelihood_ratio():
    found = statement(case_of(HIGH), KNOWN)
    assert (found.zone, found.answer) == ("stands out", SENTENCES["stands out"])
    assert found.strength.lr > 10
    assert found.sentences[0] == found.strength.sentence
    assert found.strength.cap in found.sentences
    assert found.verdict.frequency in found.sentences
    assert found.coverage.covered
    assert len(found.nearest) == 5
    assert set(found.nearest) <= set(KNOWN.image_sha256[MEMBERS:])
    assert "3 methods were asked" in found.asked
    assert any("Near-duplicates were not looked for" in note for note in found.notes)
    assert all(sentence.endswith(".") for sentence in (found.answer, *found.sentences, *found.notes, *found.caveats))


def test_a_low_score_is_ordinary():
    found = statement(case_of(LOW), KNOWN)
    assert found.zone == "ordinary"
    assert found.strength.lr < 0.5


def test_a_picture_unlike_the_reference_gets_no_likelihood_ratio():
    odd = np.full((1, 16, 16), -1, np.float32)
    odd[:, ::2] = 1
    found = statement(case_of(HIGH, values=odd), KNOWN)
    assert (found.zone, found.answer) == ("not covered", NOT_COVERED)
    assert found.strength is None
    assert found.sentences[0] == found.coverage.sentence.split(": ")[1].capitalize()
    assert found.sentences[1:] == ("So no likelihood ratio is given.",)
    assert found.changes == ()
    assert found.verdict is not None  # the rank stays on record, without being the answer


def test_without_members_there_is_a_p_value_and_no_likelihood_ratio():
    alone = with_features(crowd(0, HOLDOUTS), textures(HOLDOUTS, seed=2))
    found = statement(case_of(HIGH, alone), alone)
    assert found.strength is None
    assert found.zone == "stands out"
    assert found.verdict.p_value == 1 / (HOLDOUTS + 1)
    assert any("no likelihood ratio" in note.lower() for note in found.notes)
    assert found.sentences[0].startswith("No likelihood ratio can be given")


def test_without_a_reference_there_is_evidence_and_no_verdict():
    bare = Case("made-up", "q", textures(1)[0], "f" * 64, findings=findings(KNOWN, HIGH, left_out=("a", "b", "c")))
    for known in (None, KNOWN):
        found = statement(bare, known)
        assert (found.zone, found.answer, found.verdict, found.strength) == ("no reference", NO_REFERENCE, None, None)
        assert found.sentences == ()
        assert "no scale" in found.asked
        assert found.changes == ()


def test_a_score_that_members_do_not_reach_more_often_is_inconclusive():
    same = with_features(crowd(MEMBERS, HOLDOUTS, apart=0.0), PICTURES)
    for scores in ({"a": 9.0, "b": 9.0, "c": 9.0}, {"a": -1.0, "b": -1.0, "c": -1.0}):
        found = statement(case_of(scores, same), same)
        assert found.verdict.zone != "inconclusive"
        assert abs(found.strength.log10) < np.log10(2)
        assert (found.zone, found.answer) == ("inconclusive", SAME_TO_BOTH)


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [(HIGH, HIGH, "easy picture"), (HIGH, LOW, "not just easy"), (LOW, HIGH, "stands out"), (LOW, LOW, "ordinary")],
)
def test_the_twin_is_heard(own, other, words):
    twin = replace(case_of(other), target="twin-b")
    found = statement(case_of(own), KNOWN, twin=(twin, KNOWN))
    assert found.twin.target == "twin-b"
    assert words in found.twin.sentence
    assert found.twin.sentence in found.sentences
    assert statement(case_of(own), KNOWN, twin=(twin, None)).twin is None


def test_a_bundled_twin_goes_by_its_title():
    found = statement(case_of(HIGH), KNOWN, twin=(replace(case_of(LOW), target="brain-b"), KNOWN))
    assert "Its twin, Brain MR model B, trained" in found.twin.sentence


def test_a_near_copy_of_a_known_picture_is_named_and_the_picture_itself_is_not():
    names = tuple(f"known {i}" for i in range(len(PICTURES)))
    gallery = Gallery(PICTURES, names, KNOWN.member, KNOWN.image_sha256)
    copy = (PICTURES[7] + np.random.default_rng(0).normal(0, 0.01, PICTURES[7].shape)).astype(np.float32)
    found = statement(case_of(HIGH, values=copy), KNOWN, gallery)
    assert "known training picture known 7" in found.matches.sentence
    itself = statement(case_of(HIGH, values=PICTURES[7], sha256=KNOWN.image_sha256[7]), KNOWN, gallery)
    assert "known 7" not in [m.name for m in itself.matches.members]
    assert any("known training pictures; it was left out" in note for note in itself.notes)
    assert len(itself.together.members) == MEMBERS - 1


def test_difficulty_is_taken_out():
    """A score that is nothing but detail stands out; its residual does not."""
    known = with_features(crowd(MEMBERS, HOLDOUTS, apart=0.0, attacks=("a",)), PICTURES)
    smooth = known.difficulty[:, 0]
    column = replace(known.columns["a"], score=-smooth + 1e-4 * np.random.default_rng(3).standard_normal(len(smooth)))
    known = replace(known, columns={"a": column})
    values = 0.97 * textures(1, seed=9)[0]
    from mia_viz.difficulty import difficulty

    found = statement(case_of({"a": -float(difficulty(values[None])[0, 0])}, known, values), known)
    assert found.beyond.explained > 0.99
    assert found.beyond.verdict.p_value > 0.01
    assert "explains 100 %" in found.beyond.sentence


def test_old_references_without_features_say_so():
    plain = replace(KNOWN, difficulty=None, description=None)
    found = statement(case_of(HIGH), plain)
    assert found.coverage is None
    assert found.beyond is None
    assert sum("not checked" in note or "not taken out" in note for note in found.notes) == 2


def test_a_small_reference_is_explained():
    for holdouts, words in ((98, "with only 98 never-trained pictures: its p-value is 0.010"), (99, "")):
        known = with_features(crowd(12, holdouts), textures(12 + holdouts, seed=2))
        notes = statement(case_of(HIGH, known), known).notes
        assert [words in note for note in notes if "can stand out" in note] == [True] * bool(words)
    one = with_features(crowd(0, 1), textures(1, seed=2))
    found = statement(case_of(HIGH, one), one)
    assert any("with only 1 never-trained picture:" in note for note in found.notes)
    assert any("not checked: it has too few never-trained pictures" in note for note in found.notes)
    assert any("not taken out: the reference has too few never-trained pictures" in note for note in found.notes)
    assert not any("no features" in note for note in found.notes)
    assert found.verdict.frequency.startswith("The one never-trained picture we tried scored lower")


def test_the_first_screen_needs_neither_torch_nor_scikit_learn():
    code = "import sys, mia_viz.statement, mia_viz.engine; print({'torch', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_picture_unlike_the_reference_in_its_blind_score_alone_is_not_covered():
    plain = with_features(crowd(MEMBERS, 2 * HOLDOUTS, apart=6.0), textures(MEMBERS + 2 * HOLDOUTS))
    known = replace(plain, blind=np.random.default_rng(5).normal(0.9, 0.01, (MEMBERS + 2 * HOLDOUTS, 1)))
    like, unlike = (statement(replace(case_of(HIGH), blind=(score,)), known) for score in (0.905, 0.7))
    assert (like.coverage.covered, like.coverage.blind) == (True, 1)
    assert unlike.zone == "not covered"
    for case, reference in ((case_of(HIGH), known), (replace(case_of(HIGH), blind=(0.7,)), plain)):  # as before
        assert statement(case, reference).coverage == statement(case_of(HIGH), plain).coverage
        assert statement(case, reference).coverage.blind == 0


def twins(shared: float) -> tuple[Reference, Reference]:
    """Two models' references of the same hold-outs, whose scores share a part that no measure of detail explains."""
    rng, count = np.random.default_rng(11), MEMBERS + HOLDOUTS
    common = rng.standard_normal(count)
    found = []
    for k in range(2):
        known = with_features(crowd(MEMBERS, HOLDOUTS, seed=k, attacks=("a",)), PICTURES)
        own = 6.0 * known.member + shared * common + 0.5 * rng.standard_normal(count)
        members = tuple(f"{k + 1}{sha256[1:]}" for sha256 in known.image_sha256[:MEMBERS])
        columns = {"a": replace(known.columns["a"], score=own)}
        found.append(replace(known, columns=columns, image_sha256=(*members, *known.image_sha256[MEMBERS:])))
    return tuple(found)


def test_what_the_twin_says_too_is_taken_out():
    """A score as high under both models is no memory; one that is high under this model alone stays."""
    own, other = twins(shared=2.0)
    for score, zone in ((3.0, "ordinary"), (9.0, "stands out")):
        second = replace(case_of({"a": 5.0}, other), target="brain-b")
        found = statement(case_of({"a": score if zone == "stands out" else 5.0}, own), own, twin=(second, other))
        beside = found.beyond.beside
        assert beside.explained > 0.85 > 0.3 > found.beyond.explained
        assert beside.sentence in found.sentences
        assert found.sentences.index(found.beyond.sentence) + 1 == found.sentences.index(beside.sentence)
        assert "the twin, Brain MR model B, scores it explain" in beside.sentence
        assert (beside.verdict.p_value <= 0.05) == (zone == "stands out")
        assert f"explains {100 * found.beyond.explained:.0f} % " in found.beyond.sentence


def test_a_twin_that_did_not_see_all_the_holdouts_is_not_taken_out():
    own, other = twins(shared=2.0)
    fewer = replace(other, image_sha256=(*other.image_sha256[:-1], "f" * 63 + "0"))
    member = replace(other, member=np.r_[other.member[:-1], True])
    for known in (fewer, member, None):
        second = replace(case_of({"a": 1.0}, other), target="brain-b")
        found = statement(case_of({"a": 1.0}, own), own, twin=(second, known))
        assert found.beyond.beside is None
        assert found.beyond == statement(case_of({"a": 1.0}, own), own).beyond
