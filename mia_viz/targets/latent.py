"""Latent diffusion models: a VAE, a network of any supported architecture, and what it is told beside the picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mia_viz.diffusion import Schedule
from mia_viz.parametrisation import architecture
from mia_viz.targets.autoencoder import Autoencoder
from mia_viz.targets.backbones import Ask, Backbone
from mia_viz.targets.errors import TargetError
from mia_viz.targets.memory import Gradients, Rooms
from mia_viz.targets.prompts import Prompts
from mia_viz.targets.target import Card, Condition, Target, noise_from_prediction

CAPTIONS_AT_ONCE = 32


class LatentTarget(Target):
    """One adapter over the latent pipelines of diffusers.

    x_0 is the mode of the VAE, shifted and scaled as the pipeline does (never 2x - 1), and has no bounds. Levels are
    those of the scheduler that ships with the model; `times` (T,) is what its pipeline tells the network at each.

    prediction: "epsilon", "v_prediction", "sample", or "velocity" for rectified flows.
    guidance: classifier-free guidance, eps(null) + guidance (eps(caption) - eps(null)); 1 asks once and plainly.
    """

    space = "latent"
    x0_range = None

    def __init__(
        self,
        backbone: Backbone,
        autoencoder: Autoencoder,
        schedule: Schedule,
        times: Tensor,
        prediction: str,
        name: str,
        card: Card,
        prompts: Prompts | None = None,
        device: str | torch.device = "cpu",
        guidance: float = 1.0,
        weights_sha256: str = "",
    ) -> None:
        if guidance != 1 and prompts is None:
            raise TargetError("This model takes no captions or classes, so it cannot be guided.")
        self._device = torch.device(device)
        self.backbone, self.autoencoder, self.prompts = backbone, autoencoder, prompts
        self.shape, self.schedule, self.name, self.card = backbone.shape, schedule, name, card
        self.prediction, self.guidance, self._sha256 = prediction, guidance, weights_sha256
        self.precision = str(backbone.dtype).removeprefix("torch.")
        self.takes = prompts.takes if prompts is not None else ""
        self.passes = 2 if guidance != 1 and not backbone.guided_inside else 1
        text = prompts.modules if prompts is not None else []
        groups = {"text": text, "network": [backbone.network], "vae": [autoencoder.vae]}
        if backbone.convolutional:
            backbone.network.to(memory_format=torch.channels_last)
        self._rooms = Rooms(groups, self._device)
        self._alpha, self._sigma = schedule.alpha.float().to(self._device), schedule.sigma.float().to(self._device)
        self._times = times.to(self._device)
        self._null: dict[str, Tensor] | None = None
        self._gradients = Gradients()

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def parametrisation(self) -> dict[str, Any]:
        told = {"times": self._times[[0, -1]].tolist(), "guidance": self.guidance}
        network = architecture(self.backbone.network)
        return {**super().parametrisation, **self.autoencoder.scaling, **told, **network}

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        scale = self.autoencoder.scale
        return (self.autoencoder.pictures, self.shape[1] * scale, self.shape[2] * scale)

    @property
    def weights_sha256(self) -> str:
        return self._sha256

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        self._rooms.need("vae")
        x_0 = self.autoencoder.encode(pixels.to(self._device))
        self._say_if_tiled()
        return x_0

    @torch.no_grad()
    def decode(self, x_0: Tensor) -> Tensor:
        self._rooms.need("vae")
        pictures = self.autoencoder.decode(x_0.to(self._device))
        self._say_if_tiled()
        return pictures

    @torch.no_grad()
    def condition(self, captions: Sequence[str]) -> Condition | None:
        """One row per caption; equal captions are encoded once. Raises TargetError for an unknown class."""
        if self.prompts is None:
            return None
        self._rooms.need("text")
        place = {caption: row for row, caption in enumerate(dict.fromkeys(captions))}
        different = list(place)
        step = CAPTIONS_AT_ONCE
        told = [self._told(self.prompts.tell(different[i : i + step])) for i in range(0, len(different), step)]
        rows = torch.tensor([place[caption] for caption in captions], device=self._device)
        if self.passes == 2 and self._null is None:
            self._null = self._told(self.prompts.nothing())
        return Condition({name: torch.cat([part[name] for part in told])[rows] for name in told[0]})

    def _told(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """On the device, in the network's precision; sizes stay exact, since bfloat16 cannot hold 1023."""
        exact = ("time_ids", "class_labels")
        kinds = {name: tensor.dtype if name in exact else self.backbone.dtype for name, tensor in tensors.items()}
        return {name: tensor.to(self._device, kinds[name]) for name, tensor in tensors.items()}

    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition: Condition | None = None) -> Tensor:
        if condition is None and self.prompts is not None:
            condition = self.condition([""] * len(x_t))
        self._rooms.need("network")
        return self._noise(self.backbone.network, x_t, timesteps, condition)

    def _noise(self, ask: Ask, x_t: Tensor, timesteps: Tensor, condition: Condition | None) -> Tensor:
        told = {} if condition is None else condition.tensors
        asked, times = x_t.to(self.backbone.dtype), self._times[timesteps]
        if self.passes == 2:
            rows = {name: t.expand(len(x_t), *t.shape[1:]) for name, t in self._nothing().items()}
            told = {name: torch.cat([rows[name], tensor]) for name, tensor in told.items()}
            asked, times = torch.cat([asked, asked]), torch.cat([times, times])
        output = self.backbone.answer(ask, asked, times, told).float()
        if self.passes == 2:
            plain, captioned = output.chunk(2)
            output = plain + self.guidance * (captioned - plain)
        alpha, sigma = self._alpha[timesteps].view(-1, 1, 1, 1), self._sigma[timesteps].view(-1, 1, 1, 1)
        return noise_from_prediction(output, x_t.float(), self.prediction, alpha, sigma)

    def _nothing(self) -> dict[str, Tensor]:
        """The null condition: made with the first captions, or here when a condition came from elsewhere."""
        if self._null is None:
            self.condition([""])
            self._rooms.need("network")
        return self._null

    @property
    def has_gradients(self) -> bool:
        """In float32 and with the network on the device: squares of gradients vanish in half precision."""
        return self.backbone.dtype == torch.float32 and self._rooms.plan != "layer by layer"

    def loss_gradients(
        self, x_t: Tensor, timesteps: Tensor, eps: Tensor, condition: Condition | None = None
    ) -> tuple[Tensor, Tensor]:
        if not self.has_gradients:
            raise TargetError("This model gives its gradients in float32 only, and when it fits into memory.")
        if condition is None and self.prompts is not None:
            condition = self.condition([""] * len(x_t))
        self._rooms.need("network")
        network = self.backbone.network
        named = {name: weight.detach().requires_grad_(True) for name, weight in network.named_parameters()}

        def ask(*args: Tensor, **kwargs: object) -> tuple[Tensor, ...]:
            return torch.func.functional_call(network, named, args, kwargs)

        def answer(rows: slice) -> Tensor:
            told = None if condition is None else condition.rows(rows)
            return self._noise(ask, x_t[rows], timesteps[rows], told)

        return self._gradients.squared(answer, eps, list(named.values()))

    def _say_if_tiled(self) -> None:
        said = "The VAE worked in overlapping tiles, because a whole picture did not fit into memory."
        if self.autoencoder.tiled and said not in self.card.assumed:
            self.card = dataclasses.replace(self.card, assumed=(*self.card.assumed, said))
