"""Shared pieces of the tests: one thread, small pictures, and targets that note down what they are asked."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from diffusers import UNet2DModel
from torch import Tensor

from mia_viz.diffusion import Schedule
from mia_viz.targets.pixel import PixelTarget
from mia_viz.targets.target import Card, Condition, Target

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser test that fails gets a second chance, for it also depends on how busy the machine is.

    The summary counts those that needed one as rerun: each is a fault to be found. In the long form none gets one.
    """
    for item in items:
        if item.get_closest_marker("ui") and not os.environ.get("MIA_VIZ_LONG"):
            item.add_marker(pytest.mark.flaky(reruns=1))


class Wavy(Target):
    """A cheap, made-up denoiser: a cubic of every pixel and its neighbour, in float64.

    So the answer about one picture does not depend by a single bit on which others are in the batch.
    """

    name = "wavy"
    card = Card("Wavy")

    def __init__(self, shape: tuple[int, int, int] = (1, 16, 16)) -> None:
        self.shape, self.schedule = shape, Schedule.linear()

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def predict_noise(self, x_t: Tensor, timesteps: Tensor) -> Tensor:
        x, t = x_t.double(), timesteps.view(-1, 1, 1, 1) / 1000.0
        return ((0.2 + t) * x - 0.1 * x * x * x + 0.3 * torch.roll(x, 1, dims=-1) * (1 - t)).float()


class Murmur(Target):
    """A small made-up latent text-to-image model, all of it in closed form and float64.

    Encoder and decoder are fixed linear maps of factor 4: each latent channel is a mixture of colours of the blurred
    picture (so that it looks 2 pixels beyond its cell, and a little at the whole picture), averaged over 4 x 4 pixels;
    the decoder unmixes and enlarges. The network is the best one for unit normal latents, plus a wave and a push that
    the caption's letters decide; so x0_hat stays bounded at every level, as a trained network's does.
    """

    name, space, takes, x0_range = "murmur", "latent", "caption", None
    card = Card("Murmur")
    MIX = ((0.9, 0.1, 0.0), (0.0, 0.8, 0.2), (0.1, 0.0, 0.7), (0.3, 0.3, 0.3))

    def __init__(self, side: int = 32) -> None:
        self.shape, self.schedule = (4, side // 4, side // 4), Schedule.linear()
        self.mix = torch.tensor(self.MIX, dtype=torch.float64)
        self.told: list[str] = []

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        return (3, 4 * self.shape[1], 4 * self.shape[2])

    def encode(self, pixels: Tensor) -> Tensor:
        x = pixels.double()
        wide = torch.nn.functional.pad(x, (2, 2, 2, 2), mode="replicate")
        blurred = torch.nn.functional.avg_pool2d(wide, 5, stride=1) + 0.1 * x.mean(dim=(2, 3), keepdim=True)
        return torch.einsum("oc,bchw->bohw", self.mix, torch.nn.functional.avg_pool2d(blurred, 4)).float()

    def decode(self, x_0: Tensor) -> Tensor:
        pictures = torch.einsum("co,bohw->bchw", torch.linalg.pinv(self.mix), x_0.double())
        return torch.nn.functional.interpolate(pictures, scale_factor=4, mode="nearest").float()

    def condition(self, captions) -> Condition:
        self.told += captions
        pushes = [sum((i + 1) * ord(letter) for i, letter in enumerate(text)) % 17 / 40 for text in captions]
        return Condition({"push": torch.tensor(pushes, dtype=torch.float64)})

    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition: Condition | None = None) -> Tensor:
        x, push = x_t.double(), condition.tensors["push"].view(-1, 1, 1, 1)
        alpha, sigma = (gain[timesteps].view(-1, 1, 1, 1) for gain in (self.schedule.alpha, self.schedule.sigma))
        return (sigma * x + alpha * (torch.sin(3 * torch.roll(x, 1, dims=-1)) / 2 + push)).float()


def accelerator_is_full() -> None:
    """What torch raises where the memory of an accelerator runs out."""
    raise torch.OutOfMemoryError("made up")


def processor_is_full() -> None:
    """Ask for more than any machine can have: torch then fails as it does where main memory runs out."""
    torch.empty(2**60, dtype=torch.uint8)


class Recorder(Target):
    """Passes every question on to another target and keeps (bytes of x_t, t) of each image asked about.

    largest: batch size beyond which it is out of memory. notes: whether it keeps the bytes.
    before: called before every answer. full: what happens when it is out of memory.
    """

    full = staticmethod(accelerator_is_full)

    def __init__(self, inner: Target, largest: int | None = None, notes: bool = True) -> None:
        self.inner, self.largest, self.notes = inner, largest, notes
        self.name, self.shape, self.schedule, self.card = inner.name, inner.shape, inner.schedule, inner.card
        self.questions: list[tuple[bytes, int]] = []
        self.calls: list[int] = []
        self.before = lambda: None

    @property
    def device(self) -> torch.device:
        return self.inner.device

    def predict_noise(self, x_t: Tensor, timesteps: Tensor) -> Tensor:
        self.before()
        if self.largest is not None and len(x_t) > self.largest:
            self.full()
        self.calls.append(len(x_t))
        self._note(x_t, timesteps)
        return self.inner.predict_noise(x_t, timesteps)

    @property
    def has_gradients(self) -> bool:
        return self.inner.has_gradients

    def loss_gradients(self, x_t: Tensor, timesteps: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
        self._note(x_t, timesteps)
        return self.inner.loss_gradients(x_t, timesteps, eps)

    def _note(self, x_t: Tensor, timesteps: Tensor) -> None:
        if self.notes:
            pairs = zip(x_t.numpy(), timesteps.numpy(), strict=True)
            self.questions += [(x.tobytes(), int(t)) for x, t in pairs]


@pytest.fixture(scope="session")
def make_wavy():
    """Wavy((C, H, W)): the made-up denoiser."""
    return Wavy


@pytest.fixture(scope="session")
def make_murmur():
    """Murmur(side=32): the made-up latent text-to-image model for pictures of 3 x side x side."""
    return Murmur


@pytest.fixture(scope="session")
def make_recorder():
    """Recorder(target, largest=None, notes=True)."""
    return Recorder


@pytest.fixture(scope="session", params=[accelerator_is_full, processor_is_full])
def full(request):
    """What happens where memory runs out, on an accelerator and on the processor."""
    return request.param


@pytest.fixture(scope="session")
def pictures():
    """Maker of (count, channels, side, side) smooth random pictures in [-1, 1], float32."""

    def make(count: int, side: int = 16, channels: int = 1, seed: int = 0) -> Tensor:
        rng = np.random.default_rng([count, side, channels, seed])
        coarse = torch.from_numpy(rng.standard_normal((count, channels, side // 4, side // 4)))
        fine = torch.from_numpy(rng.standard_normal((count, channels, side, side)))
        smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic")
        return (0.5 * smooth + 0.1 * fine).clamp(-1, 1).float()

    return make


@pytest.fixture(scope="session")
def make_unet():
    """Maker of a UNet2DModel with two levels and reproducible random weights."""

    def make(side: int = 16, channels: int = 1, seed: int = 0) -> UNet2DModel:
        torch.manual_seed(seed)
        return UNet2DModel(
            sample_size=side,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=1,
            block_out_channels=(8, 8),
            down_block_types=("DownBlock2D",) * 2,
            up_block_types=("UpBlock2D",) * 2,
            norm_num_groups=4,
        ).eval()

    return make


@pytest.fixture(scope="session")
def tiny_target(make_unet) -> PixelTarget:
    """A real (untrained) network as a target: 1 x 16 x 16 pictures, 1000 linear levels."""
    return PixelTarget(make_unet(), Schedule.linear(), "tiny", Card("Tiny"))
