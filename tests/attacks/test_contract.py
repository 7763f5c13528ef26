"""What every attack promises: its cost, its evidence, its parameters, and that questions are shared."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mia_viz.analysis import in_turn, plan, run
from mia_viz.attacks import get, names
from mia_viz.attacks.attack import check, convert
from mia_viz.frequency import FREMIA, NONE
from mia_viz.probe import Probe
from mia_viz.targets.analytic import Population

QUICK = {"drc": {"levels": "5", "resamplings": "2"}}
GREY_BOX = [name for name in names() if get(name).access != "white-box" and not get(name).needs_caption]
ERROR_BASED = [name for name in GREY_BOX if name != "drc"]
VARIANTS = [
    ("loss", {"draws": "3", "space": "x0"}),
    ("secmi", {"t": "95", "stride": "10"}),
    ("secmi", {"t": "0", "stride": "100"}),
    ("fcre", {"variant": "v2", "depth": "50", "stride": "20"}),
    ("fcre", {"variant": "v2", "depth": "10", "stride": "20"}),
    ("fcre", {"variant": "v3", "ssim": "false"}),
    ("noise_aggregation", {"draws": "3", "function": "hull", "inject": "fixed"}),
    ("noise_aggregation", {"function": "density", "k": "2"}),
    ("pfami", {"crops": "1", "t_max": "0"}),
    ("pfami", {"crops": "3", "relative": "false"}),
    ("rediffuse", {"t": "250", "k": "100", "n": "2", "distance": "ssim"}),
    ("smia", {"total": "120", "interval": "50", "window": "grey"}),
    ("drc", {"levels": "7", "resamplings": "1", "restorations": "5", "aggregate": "median"}),
    ("drc", {**QUICK["drc"], "tasks": "sr2+sr4", "compare": "ssim", "aggregate": "agree"}),
    ("drc", {**QUICK["drc"], "tasks": "centre+denoise", "restorations": "3", "level": "200"}),
]


@pytest.mark.parametrize(("name", "settings"), [(n, QUICK.get(n, {})) for n in GREY_BOX] + VARIANTS)
def test_cost_is_as_announced_and_evidence_is_whole(make_recorder, make_wavy, pictures, name, settings):
    target, x_0 = make_recorder(make_wavy()), pictures(3)
    probe, chosen = Probe(target, x_0), plan(name, settings)
    result = run(probe, chosen)

    assert result.nfe == chosen.evaluations == len(target.questions) / 3
    evidence = result.evidence
    assert evidence.observed.shape == evidence.expected.shape
    assert evidence.observed.shape[0] == 3
    assert evidence.observed.shape[2:] == x_0.shape[1:]
    assert len(evidence.labels) == len(evidence.timesteps) == evidence.observed.shape[1]
    assert evidence.space in ("noise", "state", "picture", "mixed")
    if evidence.mask is not None:
        assert evidence.mask.shape == (3, evidence.observed.shape[1], 1, 16, 16)
        assert set(evidence.mask.unique().tolist()) <= {0.0, 1.0}
    assert result.raw.shape == result.score.shape == (3,)
    assert np.isfinite(result.score).all()
    sign = 1 if chosen.attack.member_is == "higher" else -1
    np.testing.assert_array_equal(result.score, sign * result.raw)


@pytest.mark.parametrize("name", GREY_BOX)
def test_scores_follow_from_the_evidence_alone_and_under_any_filter(make_wavy, pictures, name):
    chosen = plan(name, QUICK.get(name, {}))
    probe = Probe(make_wavy(), pictures(2))
    result = run(probe, chosen)
    asked = probe.asked
    again = chosen.attack.statistic(result.evidence.cpu(), chosen.params, NONE)
    np.testing.assert_array_equal(again.numpy(), result.raw)
    filtered = chosen.attack.statistic(result.evidence, chosen.params, FREMIA)
    assert torch.isfinite(filtered).all()
    assert not np.allclose(filtered.numpy(), result.raw)
    assert probe.asked == asked


def test_no_question_is_asked_twice(make_recorder, tiny_target, pictures):
    """All attacks but DRC (whose answers are not kept) with their defaults on one probe, on a real network.

    What can be shared: SecMI's whole path lies inside FCRE's (12), PIA, PIAN and the inversion all start from
    eps_hat_0(x_0) (2, and 1 for SMIA), ReDiffuse repeats the loss' question and PFAMI's at t = 200 (2), and gradient
    norms come with PFAMI's answers about the whole picture at 50, 150, ... 450 (5).
    """
    target = make_recorder(tiny_target)
    probe = Probe(target, pictures(2))
    plans = [plan(name) for name in (*ERROR_BASED, "gradient")]
    results = {chosen.attack.name: run(probe, chosen) for chosen in in_turn(plans)}
    assert len(set(target.questions)) == len(target.questions)
    alone = sum(chosen.evaluations for chosen in plans)
    print(f"shared: {probe.nfe:.0f} of {alone} evaluations per image")
    assert (probe.nfe, alone) == (66, 88)  # 75 %, as docs/attacks.md says
    assert (results["gradient"].nfe, results["pfami"].nfe) == (10, 15)
    assert probe.nfe <= 0.8 * alone
    without = [chosen for chosen in plans if chosen.attack.name != "gradient"]
    probe = Probe(tiny_target, pictures(2))
    for chosen in without:
        run(probe, chosen)
    assert (probe.nfe, alone - 10) == (61, 78)  # 78 %

    for chosen in without:
        run(probe, chosen)
    assert probe.nfe == 61


def test_sharing_changes_no_score(tiny_target, pictures):
    probe = Probe(tiny_target, pictures(2))
    for chosen in in_turn([plan(name) for name in (*ERROR_BASED, "gradient")]):
        alone = run(Probe(tiny_target, pictures(2)), chosen)
        np.testing.assert_allclose(run(probe, chosen).raw, alone.raw, rtol=1e-6)  # measured: not by a single bit


@pytest.mark.parametrize("name", names())
def test_attacks_introduce_themselves(name):
    attack = get(name)
    assert attack.name == name
    assert attack.member_is in ("lower", "higher")
    assert attack.access in ("grey-box", "black-box", "white-box")
    assert attack.idea.endswith(".")
    assert attack.url.startswith("https://arxiv.org/abs/")
    assert attack.title
    assert attack.paper
    defaults = attack.Params()
    for item in dataclasses.fields(defaults):
        assert item.metadata["help"]
        value = getattr(defaults, item.name)
        assert convert(item, str(value)) == value
        if item.metadata["low"] is not None:
            for outside in (item.metadata["low"] - 1, item.metadata["high"] + 1, float("nan")):
                with pytest.raises(ValueError, match=item.name):
                    check(item, outside)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("loss", {"t": "1000"}, "between 0 and 999"),
        ("loss", {"t": "2.5"}, "whole number"),
        ("loss", {"q": "1"}, "no parameter"),
        ("loss", {"space": "latent"}, "one of noise, x0"),
        ("pfami", {"relative": "maybe"}, "true or false"),
        ("noise_aggregation", {"t": "30", "k": "5"}, "below level 0"),
        ("fcre", {"lo": "0.9"}, "below hi"),
        ("drc", {"tasks": "centre+nose"}, "restoration tasks"),
        ("lira", {}, "no attack called"),
    ],
)
def test_bad_settings_are_refused_with_a_sentence(name, settings, said):
    with pytest.raises(ValueError, match=said):
        plan(name, settings)


def test_targets_an_attack_does_not_suit_are_refused_with_a_sentence(pictures):
    small = Probe(Population((1, 8, 8)), pictures(1, side=8))
    with pytest.raises(ValueError, match="too small"):
        run(small, plan("fcre"))
    with pytest.raises(ValueError, match="10 pixels"):
        run(small, plan("rediffuse", {"distance": "ssim"}))
    grey = Probe(Population((1, 16, 16)), pictures(1))
    with pytest.raises(ValueError, match="no colour"):
        run(grey, plan("drc", {"tasks": "colour"}))
    odd = Probe(Population((1, 18, 18)), torch.zeros(1, 1, 18, 18))
    with pytest.raises(ValueError, match="multiple of 4"):
        run(odd, plan("drc", {"tasks": "centre+sr4"}))
