"""What the laboratory is sent: whole, decodable, honest about its grid, and nothing where nothing was asked."""

from __future__ import annotations

import base64
import dataclasses
import json
import re

import numpy as np
import pytest

from mia_viz import engine
from mia_viz.case import load_case
from mia_viz.figures.palette import HOLDOUT, MEMBER
from mia_viz.laboratory.reading import mistakes, read
from mia_viz.laboratory.sieve import EVERYTHING, HIGHEST, Sieve, fremia
from mia_viz.targets import bundled
from mia_viz.ui import lab
from mia_viz.ui.lab_data import frequencies, known_spectra, payload, presets, residual_limit, round_up
from mia_viz.verdict import judge


@pytest.fixture(scope="module")
def case():
    return load_case(bundled.case_file("brain"))


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


def test_the_payload_carries_the_reference_number_for_number(case):
    sent = json.loads(payload(case, "secmi"))
    known = known_spectra(case, "secmi")
    assert sent["key"] == "secmi"
    np.testing.assert_array_equal(floats(sent["known"]["energy"]).reshape(-1, 32), known.energy)
    assert sent["known"]["member"] == "".join(str(int(m)) for m in known.member)
    assert (sent["look"]["member"], sent["look"]["holdout"]) == (MEMBER, HOLDOUT)
    np.testing.assert_array_equal(floats(sent["picture"]["data"]).reshape(64, 64), case.values[0])
    np.testing.assert_allclose(
        sent["known"]["quartiles"]["holdout"][1], np.median(known.energy[known.group(False, False)], axis=0)
    )


def test_an_unknown_method_falls_back_to_the_first_and_no_evidence_sends_nothing(case):
    assert json.loads(payload(case, "no such method"))["key"] == "pia"
    assert payload(dataclasses.replace(case, rebuilt=None, residuals=None)) == "null"


def test_a_method_that_was_not_asked_has_no_diamond(case):
    sent = json.loads(payload(dataclasses.replace(case, residuals=None), "pia"))
    assert sent["query"] is None
    assert sent["residual"] is None
    assert sent["known"] is not None


def test_a_model_without_known_pictures_still_shows_the_pictures(case, monkeypatch):
    monkeypatch.setattr(engine, "reference", lambda name: None)
    sent = json.loads(payload(case))
    assert sent["known"] is None
    assert sent["methods"] == []
    assert sent["guess"]["h"] == 64


def test_a_latent_grid_is_named(case):
    latent = dataclasses.replace(case.residuals, maps=np.ones((4, 4, 16, 16), np.float32))
    sent = json.loads(payload(dataclasses.replace(case, residuals=latent), "pia"))
    assert sent["grid"] == [16, 16]
    assert "16 x 16 cells" in sent["note"]
    assert 0 in sent["counts"]  # rings without a frequency are passed over in the drawing
    assert next(p for p in sent["presets"] if p[0] == "fremia")[3] == fremia(16).hi


def test_one_method_has_one_scale_for_every_picture(case):
    """Three times the root mean square of the median known picture; without known pictures, of the picture itself."""
    known = known_spectra(case, "pia")
    limits = {residual_limit(size * np.ones((1, 64, 64)), known) for size in (0.01, 5.0)}
    middle = np.median(known.energy[~known.test].sum(axis=1)) / 64**2
    assert limits == {round_up(3 * middle**0.5)}
    assert residual_limit(0.1 * np.ones((1, 64, 64)), None) == pytest.approx(0.3)


def test_misjudged_pictures_are_as_large_in_a_row_of_few(case):
    known = known_spectra(case, "pia")
    wrong = [mistakes(known, read(known, sieve)) for sieve in (EVERYTHING, Sieve(0.1, 0.4))]
    rows = re.findall(r'<div class="mv-strip"[^>]*style="([^"]*)"', lab.misjudged(case.target, known, *wrong))
    assert rows == [lab.TILES] * 2
    assert "auto-fill" in lab.TILES


def test_sentences_for_every_rank_are_the_verdicts():
    found = frequencies(40)
    scores = np.random.default_rng(0).standard_normal(40)
    for query in (-9.0, 0.1, 9.0):
        verdict = judge(query, scores)
        assert found[verdict.at_least] == verdict.frequency


def test_presets_are_bands_and_scales_round_up():
    for _, _, lo, hi, rest, _ in presets(64):
        Sieve(lo, hi, "ideal", rest)
    assert [round_up(v) for v in (0.0123, 0.02, 3.1, 0.0)] == [0.02, 0.02, 4.0, 1.0]


@pytest.mark.parametrize(
    "wrong",
    [{}, {"lo": "x"}, {"lo": 0.9, "hi": 0.1}, {"lo": float("nan"), "hi": 1}, {"shape": "<b>"}, {"rest": 7}],
)
def test_what_is_no_band_gets_no_answer(wrong):
    usual = {"lo": 0.1, "hi": 0.5, "shape": "ideal", "rest": 0}
    assert lab.asked_sieve(usual) == Sieve(0.1, 0.5)
    assert lab.asked_sieve({} if not wrong else {**usual, **wrong}) is None


def test_the_open_end_is_the_open_band():
    assert lab.asked_sieve({"lo": 0.4, "hi": HIGHEST, "shape": "ideal", "rest": 0}).is_open
