"""Sets: one fixed score for all, copies counted once, and a valid test with and without a reference."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from mia_viz.analysis import run
from mia_viz.pictures.prepare import Prepared
from mia_viz.plans import walk_plans
from mia_viz.probe import Probe, Progress
from mia_viz.reference import Reference, build, with_features
from mia_viz.set_audit import METHODS, _one_score, _outside, ask, ask_set
from mia_viz.sets import ALPHA, compare_sets
from tests.test_together import crowd

COUNT = 36


def prepared(tensor) -> list[Prepared]:
    return [Prepared(x.numpy(), (), hashlib.sha256(x.numpy().tobytes()).hexdigest()) for x in tensor]


@pytest.fixture(scope="module")
def known(make_wavy, pictures) -> Reference:
    tensor = pictures(COUNT)
    facts = Reference(
        "wavy",
        "ab" * 32,
        tuple(p.sha256 for p in prepared(tensor)),
        tuple(map(str, range(COUNT))),
        np.arange(COUNT) < 12,
        np.where(np.arange(COUNT) < 26, "calibration", "test"),
        {},
    )
    chosen = [p for p in walk_plans() if p.attack.name in METHODS]
    return with_features(build(make_wavy(), tensor, chosen, facts), tensor.numpy())


def test_scores_are_those_of_the_attacks(make_wavy, pictures):
    tensor, chosen = pictures(20), walk_plans()[1]
    found = ask(make_wavy(), prepared(tensor), [chosen])
    np.testing.assert_allclose(found["loss"], run(Probe(make_wavy(), tensor), chosen).score, rtol=1e-6)


def test_suspects_against_stored_unseen_pictures(make_wavy, pictures, known):
    progress = Progress()
    found = ask_set(make_wavy(), prepared(pictures(6, seed=4)), None, known, progress)
    assert (found.test.suspects, found.test.unseen, found.stored) == (6, 10, True)
    assert found.methods == ("noise_aggregation lowpass:r=5,s=0.2", "loss", "fcre variant=v2 ssim=False")
    assert progress.done == progress.expected == 6 * 36
    assert found.test == compare_sets(found.suspects, found.unseen)
    assert found.power.suspects == 6
    assert found.power.sentence in found.sentences
    assert any("set aside for testing" in note for note in found.notes)
    assert found.as_json()["answer"] == found.answer


def test_copies_count_once_and_a_picture_is_in_one_group_only(make_wavy, pictures):
    target, some, others = make_wavy(), prepared(pictures(5)), prepared(pictures(5, seed=9))
    found = ask_set(target, [*some, some[0], some[0]], others, None)
    assert found.test.suspects == 5
    assert any("2 repeated pictures were left out" in note for note in found.notes)
    assert found.power is None
    assert any("cannot be said: there is no reference" in note for note in found.notes)
    with pytest.raises(ValueError, match="one group only"):
        ask_set(target, some, [*others, some[1]], None)
    with pytest.raises(ValueError, match="give unseen pictures"):
        ask_set(target, some, None, None)
    with pytest.raises(ValueError, match="at least two"):
        ask_set(target, some, [others[0], others[0]], None)


def test_why_the_power_is_unknown(make_wavy, pictures, known):
    target, some, others = make_wavy(), prepared(pictures(5)), prepared(pictures(5, seed=9))
    fewer = replace(known, columns={"loss": known.columns["loss"]})
    alone = replace(known, member=np.zeros(COUNT, dtype=bool))
    for reference, words in (
        (fewer, "cannot be said: the reference lacks scores of these methods."),
        (alone, "cannot be said: there are too few known members or hold-outs."),
    ):
        assert any(words in note for note in ask_set(target, some, others, reference).notes)


@pytest.mark.parametrize("with_reference", [True, False])
def test_sets_that_were_never_trained_on_are_rarely_called_so(with_reference):
    """Over simulated scores; the rule is fitted on other pictures, or treats both sets alike."""
    trials, rejected = 200, 0
    known = crowd(40, 80, apart=1.0)
    for trial in range(trials):
        drawn = crowd(0, 30, seed=1000 + trial).columns
        parts = [{k: c.score[rows] for k, c in drawn.items()} for rows in (slice(0, 15), slice(15, 30))]
        _, s, u, groups = _one_score(*parts, known if with_reference else None, set())
        assert (groups is not None) == with_reference
        rejected += compare_sets(s, u).p_value <= ALPHA
    assert rejected <= binom.ppf(0.9999, trials, ALPHA)


def test_sets_of_members_are_found():
    known, drawn = crowd(40, 80, apart=2.0), crowd(20, 20, seed=5, apart=2.0).columns
    parts = [{k: c.score[rows] for k, c in drawn.items()} for rows in (slice(0, 20), slice(20, 40))]
    for reference in (known, None):
        _, s, u, _ = _one_score(*parts, reference, set())
        assert compare_sets(s, u).p_value <= ALPHA


def test_suspects_that_differ_only_in_their_blind_score_are_counted(make_wavy, pictures):
    """A reference whose blind scores lie elsewhere covers none of them; one without covers them by what it has."""
    shown, target = pictures(130, side=16, seed=9), make_wavy()
    sha256 = tuple(p.sha256 for p in prepared(shown))
    whole = np.full(130, False), np.full(130, "calibration")
    facts = with_features(Reference("wavy", "", sha256, sha256, *whole, {}), shown.numpy(), target)
    suspects = prepared(pictures(8, side=16, seed=10))
    assert _outside(suspects, facts, target, None) <= 1
    assert _outside(suspects, replace(facts, blind=None), target, None) <= 1
    elsewhere = replace(facts, blind=facts.blind - 0.2)
    assert _outside(suspects, elsewhere, target, Progress()) == 8
    assert _outside(suspects[:1], replace(facts, description=None), target, None) is None
