"""The noise step without a browser: what its panels say about stored cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mia_viz.noises import ALL_DETAIL, COARSE, KEYS, distance_of, known_noises
from mia_viz.ui import noise, noise_matrix, noise_settings, noise_tiles
from mia_viz.ui.noise_settings import TOO_DEEP, USUAL
from mia_viz.ui.noise_tiles import LATENT, PICTURES
from mia_viz.ui.pick import opening_case


@pytest.fixture(scope="module", params=["brain", "digits", "emoji"])
def case(request):
    return opening_case(request.param)[0]


def test_the_matrix_holds_this_picture_and_both_groups_under_one_scale(case):
    html = noise_matrix.matrix(case, 1)
    assert html.count('scope="row"') == 9
    assert html.count("in training") == html.count("never seen") == 4
    assert html.count("<img") == 9 * 6
    assert html.count("mv-scale") == 1
    assert html.count('data-level="2" aria-current') == html.count("aria-current") == 10
    assert noise_matrix.matrix(case, 1, counting=ALL_DETAIL) != html


def test_the_distance_shown_is_the_one_behind_the_verdicts_score(case):
    score = case.finding("noise_aggregation").score
    assert noise_tiles.whole_distance(case.noises, COARSE) == pytest.approx(distance_of(score), rel=2e-3)  # float16
    assert f"{distance_of(score):.3f}" in noise_matrix.matrix(case, 0)
    plain = np.sqrt(np.square(case.noises.distances).mean())
    assert noise_tiles.whole_distance(case.noises, ALL_DETAIL) == pytest.approx(plain)


def test_the_query_is_in_the_chart_only_where_it_was_asked(case):
    count = {at: len(noise_settings.chart(case, None, *at).data) for at in (USUAL, (120, 5), (80, 6))}
    assert count == {USUAL: 3, (120, 5): 2, (80, 6): 2}
    again = replace(case, noises=replace(case.noises, levels=(120, 110, 100, 90, 80)))
    assert len(noise_settings.chart(case, again, 120, 5).data) == 3
    other = replace(again, sha256="another picture")
    assert len(noise_settings.chart(case, other, 120, 5).data) == 2
    assert noise_settings.again(case, other) == ""


def test_settings_that_cannot_be_walked_are_said_to_be_so(case):
    assert TOO_DEEP in noise_settings.words(case, 40, 8)
    assert noise_settings.button(case, 40, 8).interactive is False
    assert noise_settings.button(case, 40, 5).interactive is True
    assert noise_settings.table(case, *USUAL).count("\N{EN DASH}") == 3
    assert noise_settings.table(case, *USUAL).count('aria-current="true"') == 1


def test_the_sentence_names_the_stored_auc(case):
    found = known_noises(case.target).grid.interval(COARSE, *USUAL)
    assert f"AUC {found.value:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f}" in noise_settings.words(
        case, *USUAL
    )


def test_every_value_has_its_component(case):
    """Values and outputs are paired by their places, so their numbers must agree."""
    import gradio as gr

    with gr.Blocks():
        step = noise.build(case)
    assert len(noise.render(case)) == len(step.outputs)
    assert len(noise.draw(case, 1, PICTURES, COARSE, 0, *USUAL, None)) == len(step.drawing.panels)


def test_a_model_without_stored_answers_shows_nothing_of_them(case):
    other = replace(case, target="own:1")
    assert noise_matrix.matrix(other, 0) == noise_matrix.pair(other, 0) == noise_settings.words(other, *USUAL) == ""
    assert noise.render(other)[5].visible is False
    assert len(noise_settings.chart(other, None, *USUAL).data) == 0
    asked_elsewhere = replace(case, noises=replace(case.noises, levels=(90, 80, 70, 60, 50)))
    assert noise_matrix.matrix(asked_elsewhere, 0) == ""


def test_latents_can_be_looked_at_in_two_ways():
    case = opening_case("emoji")[0]
    decoded, latent = (noise_matrix.pair(case, 0, view) for view in (PICTURES, LATENT))
    assert "Picture implied at level 80" in decoded
    assert "Answer at level 80" in latent
    assert noise_matrix.matrix(case, 0, LATENT) != noise_matrix.matrix(case, 0, PICTURES)


def test_stored_scores_stand_under_the_keys_of_the_verdict(case):
    assert case.finding("noise_aggregation").key == KEYS[COARSE]
