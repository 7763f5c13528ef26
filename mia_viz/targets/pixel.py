"""Pixel-space DDPMs: an ordinary diffusers folder with a `UNet2DModel` and a scheduler.

Networks that also predict a variance (Nichol & Dhariwal 2021: twice the channels) are asked for their noise alone;
those told a class get its number in place of a caption.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch import Tensor

from mia_viz.diffusion import Schedule
from mia_viz.parametrisation import architecture
from mia_viz.targets.header import check_header
from mia_viz.targets.memory import Gradients
from mia_viz.targets.target import Card, Condition, Target, TargetError, noise_from_prediction

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
PREDICTIONS = ("epsilon", "v_prediction", "sample")
MAX_SIDE = 1024
MAX_CHANNELS = 8192
MAX_LAYERS = 16
MAX_STEPS = 100_000
MAX_CLASSES = 1_000_000


class PixelTarget(Target):
    """A diffusers UNet2DModel with its schedule, on one device.

    Runs in float32 unless `precision` is "bfloat16" (autocast) or, on CUDA, "float16"; memory is laid out
    channels-last, which is faster on the CPU too (measured: 176 against 130 evaluations/s at 64 x 64, two threads).
    """

    def __init__(
        self,
        unet: UNet2DModel,
        schedule: Schedule,
        name: str,
        card: Card,
        device: str | torch.device = "cpu",
        prediction: str = "epsilon",
        precision: str = "float32",
        weights_sha256: str = "",
    ) -> None:
        self._device = torch.device(device)
        self.unet = unet.float().eval().requires_grad_(False).to(self._device, memory_format=torch.channels_last)
        size = unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        self.shape = (unet.config.in_channels, height, width)
        self.schedule, self.name, self.card, self.prediction = schedule, name, card, prediction
        self.precision = precision
        self.classes = unet.config.num_class_embeds or 0
        self.takes = "class" if self.classes else ""
        self._sha256 = weights_sha256
        self._alpha = schedule.alpha.float().to(self._device)
        self._sigma = schedule.sigma.float().to(self._device)
        self._gradients = Gradients()

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def weights_sha256(self) -> str:
        return self._sha256

    @property
    def parametrisation(self) -> dict[str, Any]:
        scale = getattr(self.unet, "timestep_scale", 1.0)
        told = {"times": [0.0, scale * (self.schedule.steps - 1)], **architecture(self.unet)}
        return {**super().parametrisation, **told}

    @property
    def has_gradients(self) -> bool:
        return True

    def condition(self, captions: Sequence[str]) -> Condition | None:
        """Class numbers (N,) from captions that are numbers. Raises TargetError for any other caption, or none."""
        if not self.classes:
            return None
        for caption in captions:
            if not (caption.strip().isdecimal() and int(caption) < self.classes):
                raise TargetError(
                    f"This model must be told a class with every picture: a number from 0 to {self.classes - 1}."
                )
        return Condition({"class_labels": torch.tensor([int(c) for c in captions], device=self._device)})

    def loss_gradients(
        self, x_t: Tensor, timesteps: Tensor, eps: Tensor, condition: Condition | None = None
    ) -> tuple[Tensor, Tensor]:
        weights = [w.detach().requires_grad_(True) for w in self.unet.parameters()]
        named = dict(zip((name for name, _ in self.unet.named_parameters()), weights, strict=True))

        def answer(rows: slice) -> Tensor:
            told = condition.rows(rows).tensors if condition is not None else {}
            output = torch.func.functional_call(self.unet, named, (x_t[rows], timesteps[rows]), told).sample
            return self._as_noise(output, x_t[rows], timesteps[rows])

        return self._gradients.squared(answer, eps, weights)

    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition: Condition | None = None) -> Tensor:
        lower = self.precision != "float32"
        kind = torch.float16 if self.precision == "float16" else torch.bfloat16
        with torch.autocast(self._device.type, kind, enabled=lower):
            told = condition.tensors if condition is not None else {}
            return self._as_noise(self.unet(x_t, timesteps, **told).sample.float(), x_t, timesteps)

    def _as_noise(self, output: Tensor, x_t: Tensor, timesteps: Tensor) -> Tensor:
        output = output[:, : self.shape[0]]  # without a learned variance behind it
        if self.prediction == "epsilon":
            return output
        alpha = self._alpha[timesteps].view(-1, 1, 1, 1)
        sigma = self._sigma[timesteps].view(-1, 1, 1, 1)
        return noise_from_prediction(output, x_t, self.prediction, alpha, sigma)


def read_json(file: Path, what: str, most: int = 1_000_000) -> dict:
    """A JSON object of at most `most` bytes. Raises TargetError with a sentence."""
    if not file.is_file():
        raise TargetError(f"The model folder has no {what} ({file.name} is missing).")
    if file.stat().st_size > most:
        raise TargetError(f"The model's {what} is too large to be a configuration file.")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise TargetError(f"The model's {what} cannot be read: it is not valid JSON.") from error
    if not isinstance(data, dict):
        raise TargetError(f"The model's {what} is not a set of named values.")
    return data


def refuse_unsafe_folder(folder: Path) -> None:
    """Raise TargetError unless the folder holds safetensors weights only: pickles can run code when opened."""
    if not folder.is_dir():
        raise TargetError("There is no model folder of that name.")
    pickles = sorted(p.name for p in folder.rglob("*") if p.suffix.lower() in PICKLES)
    if pickles:
        raise TargetError(
            f"The model folder holds {pickles[0]}, a pickle file that could run code; save the weights as safetensors."
        )


def _within(value: object, most: int) -> bool:
    return isinstance(value, int) and 1 <= value <= most


def check_unet_config(config: dict) -> None:
    """Refuse absurd sizes before anything is allocated. Raises TargetError."""
    size = config.get("sample_size")
    sides = [size, size] if isinstance(size, int) else size
    if not isinstance(sides, (list, tuple)) or len(sides) != 2 or not all(_within(s, MAX_SIDE) for s in sides):
        raise TargetError(f"The model states no usable picture size (1 to {MAX_SIDE} pixels per side are supported).")
    widths = config.get("block_out_channels") or []
    if not isinstance(widths, list) or not all(_within(w, MAX_CHANNELS) for w in widths) or not 1 <= len(widths) <= 10:
        raise TargetError("The model's channel widths are missing or absurdly large.")
    if not _within(config.get("layers_per_block", 2), MAX_LAYERS):
        raise TargetError("The model's number of layers is absurdly large.")
    classes = config.get("num_class_embeds")
    if config.get("class_embed_type") is not None or (classes is not None and not _within(classes, MAX_CLASSES)):
        raise TargetError("The model is told a class in a way that MIA-Viz does not know.")
    channels = config.get("in_channels")
    if channels not in (1, 3) or config.get("out_channels") not in (channels, 2 * channels):
        raise TargetError(
            "Only models of grey or RGB pictures that predict one value per pixel and channel are supported."
        )


def open_folder(folder: Path, name: str | None = None, device: str = "cpu", precision: str = "float32") -> PixelTarget:
    """Open a diffusers folder (DDPMPipeline or DDIMPipeline layout) as a target.

    Only safetensors are read. Raises TargetError when something is missing, incomplete, a pickle or unsupported.
    """
    refuse_unsafe_folder(folder)
    config = read_json(folder / "unet" / "config.json", "network description")
    if config.get("_class_name") != "UNet2DModel":
        raise TargetError(f"The network is a {config.get('_class_name')}; pixel targets need a UNet2DModel.")
    check_unet_config(config)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    if not weights.is_file():
        raise TargetError("The model folder has no weights (unet/diffusion_pytorch_model.safetensors is missing).")
    check_header(weights)
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json", "noise schedule")
    schedule = read_schedule(scheduler)
    unet = read_unet(folder / "unet", weights, config)
    return PixelTarget(
        unet,
        schedule,
        name or folder.name,
        read_card(folder, unet, scheduler),
        device,
        scheduler.get("prediction_type", "epsilon"),
        precision,
        hashlib.sha256(weights.read_bytes()).hexdigest(),
    )


def read_unet(folder: Path, weights: Path, config: dict) -> UNet2DModel:
    """The network with exactly the weights of its file. Raises TargetError when the two do not fit.

    diffusers fills in weights that a file lacks with random ones and only warns; that is refused here.
    """
    try:
        with torch.device("meta"):  # shapes only: a small file must not make us allocate a huge network
            size = sum(p.numel() for p in UNet2DModel.from_config(config).parameters())
        if size > weights.stat().st_size:
            raise ValueError("fewer weights in the file than in the description")
        unet, info = UNet2DModel.from_pretrained(
            folder, use_safetensors=True, low_cpu_mem_usage=False, output_loading_info=True
        )
        if any(info.values()):
            raise ValueError(str(info))
    except (
        OSError,
        ValueError,
        TypeError,
        LookupError,
        RuntimeError,
        ArithmeticError,
        AttributeError,
    ) as error:
        raise TargetError(
            "The model folder is incomplete or damaged: its weights do not fit its description."
        ) from error
    if not all(torch.isfinite(p).all() for p in unet.parameters()):
        raise TargetError("The model's weights hold numbers that are not finite.")
    return unet


def read_schedule(config: dict) -> Schedule:
    """The gains of a discrete, variance-preserving scheduler configuration. Raises TargetError for anything else."""
    if "beta_schedule" not in config and config.get("trained_betas") is None:
        raise TargetError(f"The noise schedule {config.get('_class_name')} is not one of discrete betas.")
    if not _within(config.get("num_train_timesteps", 1000), MAX_STEPS):
        raise TargetError(f"The noise schedule states no usable number of steps (1 to {MAX_STEPS} are supported).")
    if config.get("prediction_type", "epsilon") not in PREDICTIONS:
        raise TargetError(f'This model predicts "{config["prediction_type"]}", which MIA-Viz does not know.')
    try:
        alphas = DDPMScheduler.from_config(config).alphas_cumprod
    except (ValueError, TypeError, LookupError, RuntimeError, ArithmeticError) as error:
        raise TargetError("The model's noise schedule cannot be read.") from error
    if alphas.ndim != 1 or not (alphas[-1] >= 0 and alphas[0] < 1 and (alphas.diff() < 0).all()):  # NaN fails too
        raise TargetError("The model's noise schedule does not go from little noise to much.")
    return Schedule.from_alphas_cumprod(alphas)


def read_card(folder: Path, unet: UNet2DModel, scheduler: dict) -> Card:
    """The facts of manifest.json where there is one, else what the folder itself tells, and what had to be assumed."""
    manifest = folder / "manifest.json"
    facts = read_json(manifest, "manifest") if manifest.is_file() else {}
    parameters = sum(p.numel() for p in unet.parameters())
    return Card(
        title=facts.get("title", folder.name),
        description=facts.get("description", "A pixel-space diffusion model."),
        trained_on=facts.get("trained_on", "unknown"),
        parameters=parameters,
        epoch=facts.get("epoch"),
        assumed=() if facts else _assumed(unet, scheduler),
        source=facts.get("source", ""),
        members=facts.get("members", {}),
    )


def _assumed(unet: UNet2DModel, scheduler: dict) -> tuple[str, ...]:
    """What a folder does not say and was taken to be as diffusers does."""
    found = ["Pictures were scaled to the range -1 to 1 in training."]
    if "prediction_type" not in scheduler:
        found.append("The network predicts noise (epsilon).")
    if "num_train_timesteps" not in scheduler:
        found.append("There are 1000 noise levels.")
    if unet.config.out_channels == 2 * unet.config.in_channels:
        found.append("The second half of the network's channels is a variance, which is left out.")
    return tuple(found)
