"""Models of other than a thousand noise levels: every attack asks at equally noisy ones, or says that it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from mia_viz.analysis import defaults, plan, run
from mia_viz.attacks import get, names
from mia_viz.attacks.attack import refusal
from mia_viz.diffusion import Schedule
from mia_viz.plans import walk_plans
from mia_viz.probe import Probe
from mia_viz.targets.analytic import Population

USUAL = Schedule.linear()
SHORT = {
    "200 as they are": Schedule.linear(200),
    "200 stretched": Schedule.linear(200, 5e-4, 0.1),
    "105 stretched": Schedule.linear(105, 1e-4 * 1000 / 105, 0.02 * 1000 / 105),
    "105 as they are": Schedule.linear(105),
    "4000": Schedule.linear(4000, 2.5e-5, 5e-3),
}
GREY_BOX = [name for name in names() if get(name).access != "white-box" and not get(name).needs_caption]


def power(schedule: Schedule, t: int) -> float:
    alpha, sigma = schedule.gains(t)
    return alpha**2 / (alpha**2 + sigma**2)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("schedule", [None, USUAL, Schedule.linear(1000, 1e-4, 0.01)])
def test_a_thousand_levels_of_any_shape_keep_the_published_ones(name, schedule):
    assert defaults(get(name), schedule) == get(name).Params()


def test_the_walk_of_a_thousand_levels_is_what_it_was():
    assert [chosen.key for chosen in walk_plans("", USUAL)] == [chosen.key for chosen in walk_plans()]


@pytest.mark.parametrize("label", SHORT)
@pytest.mark.parametrize("name", ["loss", "sima", "pia", "secmi", "fcre", "rediffuse", "noise_aggregation"])
def test_the_picture_is_as_noisy_as_at_the_published_level(name, label):
    schedule, published = SHORT[label], get(name).Params().t
    t = defaults(get(name), schedule).t
    wanted = power(USUAL, published)
    assert abs(power(schedule, t) - wanted) <= min(
        abs(power(schedule, other) - wanted) for other in (t - 1, t + 1) if 0 <= other < schedule.steps
    )


@pytest.mark.parametrize("label", SHORT)
@pytest.mark.parametrize("name", GREY_BOX)
def test_every_attack_asks_about_the_levels_there_are_at_no_more_than_its_usual_cost(
    make_recorder, pictures, name, label
):
    schedule = SHORT[label]
    target = make_recorder(Population((1, 16, 16), schedule=schedule))
    quick = {"levels": "5", "resamplings": "1"} if name == "drc" else {}
    chosen = plan(name, quick, schedule=schedule)
    result = run(Probe(target, pictures(1)), chosen)
    assert result.nfe == chosen.evaluations <= plan(name, quick).evaluations
    assert np.isfinite(result.score).all()
    assert max(t for _, t in target.questions) <= chosen.attack.deepest(chosen.params) < schedule.steps


@pytest.mark.parametrize(
    ("name", "settings", "deepest"),
    [
        ("secmi", {"t": "900", "stride": "100"}, 1000),
        ("fcre", {"t": "900", "variant": "v2"}, 1000),
        ("fcre", {"t": "900", "stride": "100"}, 1000),
        ("fcre", {"t": "890", "stride": "100", "variant": "v2", "depth": "110"}, 1000),
    ],
)
def test_settings_that_lead_beyond_the_last_level_are_refused_before_anything_is_asked(
    make_recorder, pictures, name, settings, deepest
):
    target = make_recorder(Population((1, 16, 16)))
    with pytest.raises(ValueError, match=f"^It asks about noise level {deepest}, and this model's levels end at 999.$"):
        run(Probe(target, pictures(1)), plan(name, settings))
    assert target.questions == []


@pytest.mark.parametrize(
    ("name", "settings"),
    [("secmi", {"t": "899", "stride": "100"}), ("fcre", {"t": "899", "variant": "v2", "ssim": "false"})],
)
def test_settings_that_end_at_the_last_level_can_be_asked(make_recorder, pictures, name, settings):
    target = make_recorder(Population((1, 16, 16)))
    assert np.isfinite(run(Probe(target, pictures(1)), plan(name, settings)).score).all()
    assert max(t for _, t in target.questions) == 999


@pytest.mark.parametrize("steps", [1, 2, 5, 20, 50])
def test_a_schedule_too_short_for_an_attack_is_a_sentence(pictures, steps):
    """Nothing else may happen: each default either runs or is refused in words."""
    target = Population((1, 16, 16), schedule=Schedule.linear(steps, 0.1 / steps, min(0.9, 20 / steps)))
    refused = []
    for name in GREY_BOX:
        chosen = plan(name, schedule=target.schedule)
        reason = refusal(chosen.attack, target, [""], chosen.params)
        if reason:
            refused.append(name)
            assert reason.endswith(f"levels end at {steps - 1}.")
        elif name != "drc":
            assert np.isfinite(run(Probe(target, pictures(1)), chosen).score).all()
    assert ("secmi" in refused) == (steps == 1)
    assert "loss" not in refused


def test_drc_walks_no_more_levels_than_there_are():
    with pytest.raises(ValueError, match="start must be at least levels"):
        plan("drc", {"start": "60", "levels": "61"})
    assert plan("drc", {"start": "60", "levels": "60"}).params.start == 60
