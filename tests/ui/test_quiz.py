"""The quiz: ten known pictures that took no part in any tuning, and totals that numpy finds as well."""

from __future__ import annotations

import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from mia_viz import engine
from mia_viz.targets import bundled
from mia_viz.ui import quiz
from mia_viz.ui.compare_cases import examples, stored
from mia_viz.ui.lesson_rates import measured
from tests.ui.conftest import go, shoot

SEEDS = (1, 2, 77, quiz.LAST_SEED)
FAMILIES = bundled.families()


def test_every_bundled_family_can_be_played_the_lessons_first():
    assert quiz.families()[0] == "brain"
    assert sorted(quiz.families()) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_ten_pictures_of_the_test_group_five_of_each(family, seed):
    target = f"{family}-a"
    known, ten = engine.reference(target), quiz.draw(family, seed)
    assert len(set(ten.rows.tolist())) == 10
    assert ten.member.sum() == 5
    assert (known.split[ten.rows] == "test").all()
    pictures, own = bundled.population_of(target), bundled.trained_group(target)
    for row, member in zip(ten.rows, ten.member, strict=True):
        assert (pictures.group[pictures.files.index(known.names[row])] == own) == member


def test_the_order_of_answers_of_one_family_says_nothing_of_anothers():
    same = [
        np.mean([quiz.draw(one, s).member == quiz.draw("brain", s).member for s in range(1, 60)]) for one in FAMILIES
    ]
    assert [share == 1 for share in same] == [family == "brain" for family in FAMILIES]
    assert all(share < 0.6 for share in same if share < 1)


def test_the_order_differs_and_can_be_had_again():
    orders = {tuple(quiz.draw("brain", seed).member) for seed in range(1, 30)}
    assert len(orders) > 20
    quiz.draw.cache_clear()
    first = quiz.draw("brain", 5).rows.copy()
    quiz.draw.cache_clear()
    assert (quiz.draw("brain", 5).rows == first).all()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("place", range(3))
def test_a_methods_answers_are_those_of_the_threshold_by_its_definition(family, place):
    key = (quiz.main_of(family), "pia", "noise_aggregation lowpass:r=5,s=0.2")[place]
    known = engine.reference(f"{family}-a")
    tuning = known.scores(key, False, "calibration")
    # The lowest limit that at most 5 % of the calibration hold-outs reach, tried one by one.
    limit = min(x for x in np.nextafter(tuning, np.inf) if (tuning >= x).mean() <= 0.05)
    for seed in SEEDS:
        ten = quiz.draw(family, seed)
        said = known.columns[key].score[ten.rows] >= limit
        assert (quiz.answers(key, ten) == said).all()
        found = quiz.tally(said, ten)
        assert found.right == sum(s == m for s, m in zip(said, ten.member, strict=True))
        assert found.right == found.found + 5 - found.accused
    rates = measured(f"{family}-a", key)
    kept = known.scores(key, True, "test"), known.scores(key, False, "test")
    assert (rates.found, rates.accused) == tuple(int((scores >= limit).sum()) for scores in kept)
    assert (rates.members, rates.holdouts) == tuple(len(scores) for scores in kept)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_hint_is_the_mean_likeness_that_the_method_scored(family):
    """Of a picture that is also stored as a case, the reference's score is the mean of the case's likenesses."""
    target, index = f"{family}-a", examples(family)[0]
    case, known = stored(target, index), engine.reference(target)
    finding = next(f for f in case.findings if f.key == quiz.main_of(family))
    assert finding.score == pytest.approx(float(np.mean(case.restoration.likeness)), abs=2e-3)
    assert all(np.isfinite(known.scores(quiz.main_of(family), member, "test")).all() for member in (True, False))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_form_gives_nothing_away_but_the_hint(family):
    page, ten = quiz.form(family, 3), quiz.draw(family, 3)
    fields = re.findall(r"<fieldset>.*?</fieldset>", page)
    bare = {re.sub(r'src="[^"]*"|\d+(\.\d+)?', "", field) for field in fields}
    assert len(fields) == 10
    assert len(bare) == 1
    names = [engine.reference(f"{family}-a").names[row] for row in ten.rows]
    assert not any(name in page for name in names)


class Event:
    """What gradio hands over."""

    def __init__(self, data):
        self._data = data


@pytest.mark.parametrize("answers", ["", "10101", "1010101012", "x" * 10, "10101010101"])
def test_unfinished_answers_get_a_sentence(answers):
    assert "all ten" in quiz.submitted(Event({"seed": 1, "answers": answers}))


@pytest.mark.parametrize("seed", [None, "3", 0, -1, 10**9, True, 2.5])
def test_a_seed_or_a_family_that_is_none_becomes_the_first(seed):
    assert quiz.asked({"seed": seed, "family": "digits"}) == ("digits", 1)
    assert quiz.asked({"seed": 7, "family": seed}) == ("brain", 7)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_right_and_all_wrong(family):
    ten = quiz.draw(family, 4)
    assert "You got 10 of 10 right" in quiz.result(family, 4, ten.member)
    assert "You got 0 of 10 right" in quiz.result(family, 4, ~ten.member)
    assert "You found 5 of the 5 used pictures and wrongly accused 5 of the 5 others." in quiz.result(
        family, 4, np.ones(10, dtype=bool)
    )


@pytest.mark.ui
def test_a_visitor_plays(watched):
    go(watched, "Quiz", "#quiz-form")
    watched.locator(".qz-done").click()
    expect(watched.locator(".qz-said")).to_contain_text("10 of 10 pictures have no guess yet.")
    for number in range(1, 11):
        watched.locator(f"[name=quiz-{number}][value='1']").check()
    expect(watched.locator(".qz-hint").first).not_to_be_visible()
    watched.locator(".qz-show").check()
    expect(watched.locator(".qz-hint").first).to_be_visible()
    watched.locator(".qz-done").click()
    expect(watched.locator("#quiz-answer h2")).to_contain_text("You got 5 of 10 right")
    other = quiz.tally(quiz.answers(quiz.MAIN, quiz.draw("brain", 1)), quiz.draw("brain", 1))
    expect(watched.locator("#quiz-answer h2")).to_contain_text(f'the method "Restoration" {other.right}.')
    found = Axe().run(watched, context="#quiz, #quiz-result").response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    shoot(watched, "quiz")
    watched.locator(".qz-next").click()
    expect(watched.locator("#quiz-form")).to_have_attribute("data-seed", "2")
    expect(watched.locator("#quiz-form input[type=radio]:checked")).to_have_count(0)
    expect(watched.locator("#quiz-answer")).to_have_count(0)


@pytest.mark.ui
@pytest.mark.parametrize("family", ["digits", "emoji"])
def test_another_kind_of_picture_is_played_whichever_is_in_view(watched, family, url):
    go(watched, "Quiz", "#quiz-form")
    watched.locator("#quiz-kind").get_by_label(bundled.population(family).kind).check()
    expect(watched.locator("#quiz-form")).to_have_attribute("data-ten", f"{family}:1")
    for number in range(1, 11):
        watched.locator(f"[name=quiz-{number}][value='0']").check()
    watched.locator(".qz-done").click()
    ten = quiz.draw(family, 1)
    other = quiz.tally(quiz.answers(quiz.main_of(family), ten), ten)
    expect(watched.locator("#quiz-answer h2")).to_contain_text(
        f'You got 5 of 10 right, the method "Restoration" {other.right}.'
    )
    shoot(watched, f"quiz-{family}")
    watched.locator(".qz-next").click()
    expect(watched.locator("#quiz-form")).to_have_attribute("data-ten", f"{family}:2")
    watched.goto(f"{url}?step=quiz&quiz={family}:7")
    expect(watched.locator("#quiz-form")).to_have_attribute("data-ten", f"{family}:7")
    expect(watched.locator("#quiz-kind").get_by_label(bundled.population(family).kind)).to_be_checked()
    expect(watched.locator("#subject")).to_contain_text("Brain MR model A")
