"""CLiD: losses computed by hand, captions cut as stated, and the published scaling against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.preprocessing import RobustScaler

from mia_viz.analysis import plan, run
from mia_viz.attacks.clid import REDUCTIONS, reduced, robust
from mia_viz.probe import Probe
from mia_viz.targets.target import Condition, Wrapper

CAPTIONS = ("a red cat on the mat", "two dogs run far away", "rain")


@pytest.fixture
def x(pictures):
    return pictures(3, side=32, channels=3)


def test_captions_are_cut_into_thirds_or_clipped():
    assert reduced("a red cat on the mat", "thirds") == ("a red", "cat on", "the mat", "")
    assert reduced("one two three four five six seven eight nine ten", "clip") == (
        "one two three four five six seven",
        "one two three four five",
        "one two three",
        "",
    )
    words = ["a", "b", "c", "d", "e", "f", "g"]
    parts = reduced(" ".join(words), "thirds")
    assert " ".join(parts).split() == words
    assert sorted(len(part.split()) for part in parts[:3]) == [2, 2, 3]
    for text in ("rain", "grey rain"):
        for how in ("thirds", "clip"):
            assert len(reduced(text, how)) == REDUCTIONS
            assert reduced(text, how)[-1] == ""
    assert reduced("rain", "clip") == ("rain", "rain", "rain", "")


def by_hand(target, x, captions, settings) -> tuple[np.ndarray, np.ndarray]:
    """(D, L) of three pictures, one question at a time."""
    levels, how = settings
    probe = Probe.of(target, x, captions=captions)
    x_0, gap, own = target.encode(x), np.zeros(3), np.zeros(3)
    for i, caption in enumerate(captions):
        for draw, t in enumerate(levels):
            alpha, sigma = target.schedule.gains(t)
            eps = probe.noise(draw)[i : i + 1]
            losses = []
            for text in (caption, *reduced(caption, how)):
                told = target.condition([text])
                eps_hat = target.predict_noise(alpha * x_0[i : i + 1] + sigma * eps, torch.tensor([t]), told)
                losses.append(float((eps_hat - eps).double().square().mean()))
            gap[i] += np.mean([loss - losses[0] for loss in losses[1:]]) / len(levels)
            own[i] -= losses[0] / len(levels)
    return gap, own


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ({}, (440, 450, 460)),
        ({"t": "490", "spacing": "20", "draws": "2", "reduce": "clip"}, (480, 500)),
    ],
)
def test_the_gap_and_the_loss_are_those_of_single_questions(make_murmur, x, settings, levels):
    target = make_murmur()
    gap, own = by_hand(target, x, CAPTIONS, (levels, settings.get("reduce", "thirds")))
    probe = Probe.of(target, x, captions=CAPTIONS)

    def raw(**more: str) -> np.ndarray:
        return run(probe, plan("clid", {**settings, **more})).raw

    np.testing.assert_allclose(raw(combine="gap"), gap, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(raw(combine="loss"), own, rtol=1e-6)
    np.testing.assert_allclose(raw(), gap / -own, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(raw(combine="sum"), 0.4 * gap + 0.6 * own, rtol=1e-5)
    scaled = raw(combine="sum", alpha="0.5", d_scale="0.01", l_scale="2")
    np.testing.assert_allclose(scaled, 0.5 * gap / 0.01 + 0.5 * own / 2, rtol=1e-4)


def test_fifteen_questions_at_the_defaults_and_none_twice(make_murmur, x):
    probe = Probe.of(make_murmur(), x, captions=CAPTIONS)
    assert run(probe, plan("clid")).nfe == plan("clid").evaluations == 15
    assert run(probe, plan("clid", {"combine": "gap"})).nfe == 0
    assert run(probe, plan("loss", {"t": "440"})).nfe == 0  # the full caption's first level


def test_a_model_deaf_to_its_caption_shows_no_gap(make_murmur, x):
    target = make_murmur()
    target.condition = lambda captions: type(target).condition(target, [""] * len(captions))
    assert run(Probe.of(target, x, captions=CAPTIONS), plan("clid")).raw.tolist() == [0, 0, 0]


class Learnt(Wrapper):
    """Has learnt pairs of latents and captions by heart: told a caption it knows it answers for that picture, told
    anything else for the mean of them all."""

    def __init__(self, inner, latents: torch.Tensor, captions) -> None:
        super().__init__(inner)
        self.latents = dict(zip(captions, latents, strict=True))

    def condition(self, captions) -> Condition:
        mean = torch.stack(list(self.latents.values())).mean(0)
        return Condition({"z": torch.stack([self.latents.get(caption, mean) for caption in captions])})

    def predict_noise(self, x_t, timesteps, condition=None):
        alpha, sigma = (g[timesteps].view(-1, 1, 1, 1).float() for g in (self.schedule.alpha, self.schedule.sigma))
        return (x_t - alpha * condition.tensors["z"]) / sigma


@pytest.mark.parametrize("combine", ["relative", "sum", "gap"])
def test_pairs_learnt_by_heart_score_above_pairs_never_seen(make_murmur, pictures, combine):
    inner, x = make_murmur(), pictures(12, side=32, channels=3)
    captions = [f"the picture number {i}" for i in range(12)]
    target = Learnt(inner, inner.encode(x[:6]), captions[:6])
    result = run(Probe.of(target, x, captions=captions), plan("clid", {"combine": combine}))
    assert result.score[:6].min() > result.score[6:].max()
    if combine == "gap":
        np.testing.assert_allclose(result.raw[6:], 0, atol=1e-6)  # captions it never met make no difference


@pytest.mark.parametrize("captions", [("", "", ""), ("a cat", " ", "rain")])
def test_without_a_caption_there_is_nothing_to_compare(make_murmur, x, captions):
    with pytest.raises(ValueError, match="every picture needs one"):
        run(Probe.of(make_murmur(), x, captions=captions), plan("clid"))


def test_models_without_captions_are_refused(make_wavy, pictures):
    with pytest.raises(ValueError, match="takes no captions"):
        run(Probe(make_wavy(), pictures(2)), plan("clid"))


def test_robust_scaling_is_scikit_learns_and_needs_a_population(make_murmur, x):
    rng = np.random.default_rng(0)
    gap, own = rng.standard_cauchy(40), rng.normal(5, 2, 40)
    known = np.arange(40) < 25
    parts = [RobustScaler().fit(v[known, None]).transform(v[:, None])[:, 0] for v in (gap, own)]
    np.testing.assert_allclose(robust(gap, own, known, 0.3), 0.3 * parts[0] + 0.7 * parts[1], rtol=1e-12)
    flat = robust(np.ones(40), own, known, 1.0)
    assert (flat == 0).all()
    with pytest.raises(ValueError, match="calibration pictures"):
        robust(gap, own, np.zeros(40, dtype=bool), 0.3)
    with pytest.raises(ValueError, match="only evaluate offers"):
        run(Probe.of(make_murmur(), x, captions=CAPTIONS), plan("clid", {"combine": "robust"}))


def test_levels_below_zero_are_refused():
    with pytest.raises(ValueError, match="below level 0"):
        plan("clid", {"t": "5"})
