"""The health check against closed forms: a Wiener filter loses what the formula says, wrong guesses are found."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mia_viz.health import check_health, linear_loss, spectrum, synthetic
from mia_viz.targets.pixel import PixelTarget
from mia_viz.targets.target import Card, Target


class Wiener(Target):
    """The best linear denoiser for a power spectrum (C, H, W); `wrong` turns what it says into something else."""

    name, card = "wiener", Card("Wiener")

    def __init__(self, like: Target, power: torch.Tensor, wrong: str = "") -> None:
        self.shape, self.schedule, self.power, self.wrong = like.shape, like.schedule, power, wrong

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def predict_noise(self, x_t, timesteps):
        alpha, sigma = (gain[timesteps].view(-1, 1, 1, 1) for gain in (self.schedule.alpha, self.schedule.sigma))
        gain = sigma / (alpha**2 * self.power + sigma**2)
        eps = torch.fft.ifft2(torch.fft.fft2(x_t.double()) * gain).real
        if self.wrong == "v":  # v = alpha eps - sigma x_0, taken for noise
            return (alpha * eps - sigma * (x_t - sigma * eps) / alpha).float()
        return (eps * 0 + 3 if self.wrong == "loud" else eps).float()


@pytest.fixture
def grey(tiny_target):
    pictures = synthetic((1, 16, 16), 256)
    return tiny_target, pictures, spectrum(pictures)


def test_a_wiener_filter_has_the_loss_of_the_formula(grey):
    tiny, pictures, power = grey
    health = check_health(Wiener(tiny, power), pictures)
    for level in health.levels:
        assert level.loss == pytest.approx(level.expected, abs=0.02)
    assert not health.problems
    assert health.sample.shape == (1, 16, 16)


def test_white_pictures_have_the_loss_of_one_number():
    power = spectrum(torch.randn(400, 1, 16, 16, generator=torch.Generator().manual_seed(0)))
    assert float(power.mean()) == pytest.approx(1, abs=0.02)
    assert linear_loss(torch.full((1, 4, 4), 0.25), 0.6, 0.8) == pytest.approx(0.09 / (0.09 + 0.64))


@pytest.mark.parametrize(("wrong", "said"), [("v", "In almost pure noise"), ("loud", "clean picture")])
def test_wrong_guesses_are_found(grey, wrong, said):
    tiny, pictures, power = grey
    health = check_health(Wiener(tiny, power, wrong), pictures[:8])
    assert any(said in problem for problem in health.problems)
    assert "should not be trusted" in health.sentence


def test_an_untrained_network_is_found_out(tiny_target):
    health = check_health(tiny_target)
    assert "In almost pure noise" in health.problems[0]


def test_pictures_from_zero_to_one_are_suspected(grey):
    tiny, pictures, _ = grey

    class Bright(Wiener):
        def predict_noise(self, x_t, timesteps):
            alpha, sigma = (g[timesteps].view(-1, 1, 1, 1) for g in (self.schedule.alpha, self.schedule.sigma))
            return ((x_t - alpha * 0.5) / sigma).float()  # every picture is grey 0.5

    health = check_health(Bright(tiny, spectrum(pictures)))
    assert any("from 0 to 1" in problem for problem in health.problems)


def test_made_up_pictures_repeat_and_stay_in_range():
    pictures = synthetic((3, 16, 24))
    assert pictures.shape == (4, 3, 16, 24)
    assert torch.equal(pictures, synthetic((3, 16, 24)))
    assert pictures.abs().max() <= 1
    assert np.ptp(pictures.numpy()) > 1


def test_models_that_must_be_told_a_class_get_class_zero(make_unet):
    unet = make_unet()
    unet.register_to_config(num_class_embeds=3)
    unet.class_embedding = torch.nn.Embedding(3, 32)
    from mia_viz.diffusion import Schedule

    target = PixelTarget(unet, Schedule.linear(), "classes", Card("Classes"))
    assert check_health(target, draw_sample=False).told == "0"
