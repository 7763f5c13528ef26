"""The page "Compare" without a browser: one scale for both columns, presets that keep their word, ages as measured."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from mia_viz import engine
from mia_viz.targets import bundled
from mia_viz.targets.bundled import ASSETS
from mia_viz.ui import ages, compare, compare_panels
from mia_viz.ui.ages_data import growing, growth, methods
from mia_viz.ui.compare_cases import examples
from mia_viz.ui.compare_errors import bands, errors, measured, sieve
from mia_viz.ui.compare_offers import Mine, offers, side_of, turned
from mia_viz.ui.compare_table import (
    MOST_KEPT,
    Column,
    bundled_side,
    columns,
    known,
    missing,
    preset,
    presets,
    remember,
)
from mia_viz.ui.pick import gallery_indices, pick_bundled

FAMILIES = bundled.families()


def trained(case) -> bool:
    """Whether a target's manifest lists a picture."""
    return f"{case.name[-4:]}.png" in bundled.manifest(case.target)["members"]


def limits_of(text: str) -> list[tuple[str, str]]:
    return re.findall(r'data-low="([^"]+)" data-high="([^"]+)"', text)


@pytest.mark.parametrize("family", FAMILIES)
def test_presets_are_stored_and_choose_what_they_say(family):
    for name in presets(family):
        table = preset(family, name)
        assert missing(table, ()) == []
        left, right = (column.case for column in columns(table, (), False, said=False))
        assert trained(left)
        if name == "unseen":
            assert (left.target, trained(right)) == (right.target, False)
        else:
            assert left.sha256 == right.sha256
        if name == "twins":
            assert bundled.twin_of(left.target) == right.target
            assert not trained(right)
        if name == "early":
            assert bundled.manifest(left.target)["epoch"] < bundled.manifest(right.target)["epoch"]
    assert ("early" in presets(family)) == (family != "digits")


@pytest.mark.parametrize("family", FAMILIES)
def test_both_columns_share_every_scale(family):
    both = columns(preset(family, "unseen"), (), False)
    for band, _ in ((name, words) for words, name in bands()):
        found = limits_of(errors(both, band))
        assert len(found) == 4  # a curve and a strip per column
        assert found[:2] == found[2:]
    found = limits_of(compare_panels.scores(both))
    assert len(found) == 2 * (1 + len(both[0].case.findings))
    assert found[::2] == found[1::2]
    assert compare_panels.restored(both, "centre:1").count("mv-scale") == 1
    assert compare_panels.noises(both, 0).count("mv-scale") == 1


def test_a_scale_serves_the_louder_of_the_two():
    both = columns(preset("brain", "unseen"), (), False)
    alone = [re.search(r"<span>\+([\d.]+)</span>", errors([column], "all"))[1] for column in both]
    together = re.search(r"<span>\+([\d.]+)</span>", errors(both, "all"))[1]
    assert float(together) == max(float(one) for one in alone) > min(float(one) for one in alone)


def test_one_scrubber_moves_both_columns():
    table = preset("brain", "unseen")
    first, second = (compare._panels(table, (), False, None, "all", level) for level in (1, 3))
    assert first[5].count("Level 80 (chosen)") == second[5].count("Level 60 (chosen)") == 2
    other = compare._panels(table, (), False, "blocks:1", "all", 1)
    assert other[2].count("random blocks hidden") == first[2].count("middle hidden") == 2
    part = columns(table, (), False, said=False)
    for column in part:
        assert f"likeness {column.case.restoration.likeness[1]:.2f}" in other[2]


def test_a_band_counts_what_it_lets_through():
    case = columns(preset("brain", "unseen"), (), False, said=False)[0].case
    everything, coarse, rest = (measured(case, name) for name in ("all", "low", "mid"))
    fine = measured(case, "high")
    np.testing.assert_allclose(coarse.seen + rest.seen + fine.seen, everything.seen, atol=1e-6)
    assert float((coarse.seen**2).sum() + (rest.seen**2).sum() + (fine.seen**2).sum()) == pytest.approx(
        float((everything.seen**2).sum())
    )
    residual = case.residuals.maps[0]
    finding = case.finding("loss")
    assert float((residual**2).sum()) == pytest.approx(-finding.score, rel=2e-3)
    assert 10 ** -everything.scores[0] == pytest.approx(-finding.score, rel=2e-3)
    assert sieve("fremia", 32).hi == pytest.approx(2 * sieve("fremia", 64).hi, rel=1e-3)


def test_the_truth_is_hidden_until_asked_for():
    table = preset("brain", "unseen")
    hidden, shown = (compare._panels(table, (), seen, None, "all", 1) for seen in (False, True))
    assert "cmp-badge" not in "".join(part for part in hidden if isinstance(part, str))
    assert re.findall(r'<i class="cmp-(\w+)"></i> ([^<]+)</span>', shown[0]) == [
        ("circle", "trained on"),
        ("square", "never seen by this model"),
    ]


def test_what_nobody_asked_says_so_and_can_be_asked():
    index = next(i for i in gallery_indices("brain") if i not in examples("brain"))
    table = preset("brain", "unseen").with_side(1, bundled_side("brain", index, "brain-b"))
    assert [side.target for side in missing(table, ())] == ["brain-b"]
    panels = compare._panels(table, (), False, None, "all", 1)
    assert all(compare_panels.NOT_ASKED in panels[place] for place in (0, 2, 3, 5))
    both = table.with_side(0, table.sides[1])
    assert len(missing(both, ())) == 1  # one question, once
    case = replace(known(preset("brain", "unseen").sides[0], ()), sha256=table.sides[1].picked.prepared.sha256)
    kept = remember((), replace(case, target="brain-b"))
    assert missing(table, kept) == []


def test_answers_of_a_visit_are_kept_once_and_not_without_end():
    case = known(preset("digits", "unseen").sides[0], ())
    kept = remember(remember((), case), case)
    assert len(kept) == 1
    for i in range(MOST_KEPT + 3):
        kept = remember(kept, replace(case, sha256=str(i)))
    assert len(kept) == MOST_KEPT
    assert case not in kept


def test_a_caption_is_part_of_the_question():
    index = examples("emoji")[0]
    own, side = pick_bundled("emoji", index), preset("emoji", "unseen").sides[0]
    mine = replace(own, group=None)
    telling = [Mine("", mine, None, "exact", words) for words in (f" {own.caption} ", "something else")]
    asked = [side_of(offers("emoji-a", one)[-1], "emoji-a", one) for one in telling]
    assert [one.key for one in asked] == ["mine", "mine"]
    assert known(asked[0], ()) is known(side, ())
    assert known(asked[1], ()) is None
    brain = Mine("", pick_bundled("brain", 0), None, "exact", "words")
    assert side_of(offers("brain-a", brain)[0], "brain-a", brain).caption is None


def test_a_partly_analysed_case_gets_no_answer():
    case = known(preset("brain", "unseen").sides[0], ())
    half = replace(case, findings=case.findings[:1], overall=None)
    assert "when all methods have spoken" in compare_panels.heads([Column(half, None)])


@pytest.mark.parametrize("family", ["brain", "emoji"])
def test_scores_over_ages_are_the_stored_and_the_committed_ones(family):
    found = growing(family)
    assert list(found.passes) == sorted(bundled.manifest(name)["epoch"] for name in found.targets)
    for key in methods(found):
        grown = growth(found, key)
        for place, name in enumerate(found.targets):
            report = json.loads((ASSETS / "evaluations" / f"{name}.json").read_text())
            expected = [attack["auc"] for attack in report["attacks"] if attack["key"] == key]
            if expected:
                assert grown.auc[:, place].tolist() == [expected[0][part] for part in ("value", "low", "high")]
            else:
                assert np.isnan(grown.auc[:, place]).all()
            for cases, scores in ((found.members, grown.member), (found.holdouts, grown.holdout)):
                finding = next(f for f in cases[place].findings if f.key == key)
                assert scores[place] == finding.score
            median = np.median(engine.reference(name).scores(key, True))
            assert grown.members[1, place] == pytest.approx(median)
    assert growing("digits") is None


def test_memory_shows_with_age():
    """What the page is there to show: the two groups lie apart at the end and hardly at the start."""
    grown = growth(growing("brain"), "loss")
    assert grown.auc[0, 0] < 0.75 < 0.99 < grown.auc[0, -1]
    assert grown.member[-1] - grown.holdout[-1] > 3 * abs(grown.member[0] - grown.holdout[0])


def test_an_age_moves_every_panel_but_no_scale():
    found = growing("brain")
    key = next(iter(methods(found)))
    early, late = (ages._panels(found, age, "1: middle hidden", key) for age in (0, 3))
    assert all(one != other for one, other in zip(early, late, strict=True))
    for one, other in zip(early, late, strict=True):
        assert limits_of(one) == limits_of(other)
    assert "after 200 passes" in early[1]
    assert ages._opened("digits-b", None, None, None)[0].visible is True


def test_columns_of_two_families_stand_on_the_same_scales():
    """A brain slice asked of its model beside a digit asked of its own: every panel is there, side by side."""
    left, right = preset("brain", "unseen").sides[0], preset("digits", "unseen").sides[0]
    table = preset("brain", "unseen").with_side(0, left).with_side(1, right)
    assert missing(table, ()) == []
    both = columns(table, (), True)
    panels = compare._panels(table, (), True, None, "all", 1)
    names = [name for _, name in panels[1].choices]
    assert names == ["centre:1", "blocks:1", "salient:1", "centre:2", "sr2:1", "sr4:1"]
    assert panels[2].count("not asked in this way") == 1  # of a digit no middle was hidden
    for band in ("all", "fremia"):
        found = limits_of(errors(both, band))
        assert len(found) == 4
        assert found[:2] == found[2:]
    found = limits_of(panels[6])
    assert found[::2] == found[1::2]
    assert len(found) == 2 * (1 + len(both[0].case.findings))  # the same four methods, each on one axis
    shade = r'width="([\d.]+)" height="[\d.]+" fill="currentColor"'
    low, fremia = ([float(x) for x in re.findall(shade, errors(both, band))] for band in ("low", "fremia"))
    assert low[0] == low[1]
    assert fremia[1] == pytest.approx(2 * fremia[0], rel=0.02)  # 5 pixels of a picture half as large


def test_what_was_taken_away_from_both_comes_first():
    sides = (preset("brain", "unseen").sides[0], preset("emoji", "unseen").sides[0])
    names = compare_panels.tasks([known(side, ()) for side in sides])
    assert list(names.items()) == [
        ("centre:1", "1: middle hidden"),
        ("salient:1", "2: busiest blocks hidden"),
        ("blocks:1", "3: random blocks hidden"),
        ("centre:2", "4: middle hidden"),
    ]


def test_a_column_keeps_its_picture_where_the_new_model_can_be_asked_about_it():
    mine = Mine("", pick_bundled("brain", 0), None, "exact", "")
    side = preset("brain", "unseen").sides[0]
    twin = turned(side, "brain-b", mine)
    assert (twin.picked.name, twin.target) == (side.picked.name, "brain-b")
    other = turned(side, "digits-b", mine)
    assert (other.target, other.picked.family) == ("digits-b", "digits")
    assert known(other, ()) is not None  # another family opens on a stored answer
    assert trained(known(other, ()))
