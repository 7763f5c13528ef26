"""Pixel-space DDPMs: an ordinary diffusers folder with a `UNet2DModel` and a scheduler."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch import Tensor

from mia_viz.diffusion import Schedule
from mia_viz.targets.target import Card, Target, TargetError, noise_from_prediction

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
MAX_SIDE = 1024
MAX_CHANNELS = 8192


class PixelTarget(Target):
    """A diffusers UNet2DModel with its schedule, on one device.

    Runs in float32 unless `precision` is "bfloat16" (autocast) or, on CUDA, "float16"; `channels_last` pays on CUDA
    and not on the CPU (measured with `python -m mia_viz bench`).
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
        layout = torch.channels_last if self._device.type == "cuda" else torch.contiguous_format
        self.unet = unet.float().eval().requires_grad_(False).to(self._device, memory_format=layout)
        size = unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        self.shape = (unet.config.in_channels, height, width)
        self.schedule, self.name, self.card, self.prediction = schedule, name, card, prediction
        self.precision = precision
        self._sha256 = weights_sha256
        self._alpha = schedule.alpha.float().to(self._device)
        self._sigma = schedule.sigma.float().to(self._device)

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def weights_sha256(self) -> str:
        return self._sha256

    def predict_noise(self, x_t: Tensor, timesteps: Tensor) -> Tensor:
        lower = self.precision != "float32"
        kind = torch.float16 if self.precision == "float16" else torch.bfloat16
        with torch.autocast(self._device.type, kind, enabled=lower):
            output = self.unet(x_t, timesteps).sample.float()
        if self.prediction == "epsilon":
            return output
        alpha = self._alpha[timesteps].view(-1, 1, 1, 1)
        sigma = self._sigma[timesteps].view(-1, 1, 1, 1)
        return noise_from_prediction(output, x_t, self.prediction, alpha, sigma)


def read_json(file: Path, what: str) -> dict:
    """A JSON object of at most 1 MB. Raises TargetError with a sentence."""
    if not file.is_file():
        raise TargetError(f"The model folder has no {what} ({file.name} is missing).")
    if file.stat().st_size > 1_000_000:
        raise TargetError(f"The model's {what} is too large to be a configuration file.")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
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


def check_unet_config(config: dict) -> None:
    """Refuse absurd sizes before anything is allocated. Raises TargetError."""
    size = config.get("sample_size")
    sides = [size] if isinstance(size, int) else size
    if not isinstance(sides, (list, tuple)) or not all(isinstance(s, int) and 1 <= s <= MAX_SIDE for s in sides):
        raise TargetError(f"The model states no usable picture size (1 to {MAX_SIDE} pixels per side are supported).")
    widths = config.get("block_out_channels") or []
    if not all(isinstance(w, int) and 1 <= w <= MAX_CHANNELS for w in widths) or not 1 <= len(widths) <= 10:
        raise TargetError("The model's channel widths are missing or absurdly large.")
    if config.get("in_channels") not in (1, 3) or config.get("out_channels") != config.get("in_channels"):
        raise TargetError("Only models of grey or RGB pictures that predict one value per pixel and channel are supported.")


def open_folder(
    folder: Path, name: str | None = None, device: str = "cpu", precision: str = "float32"
) -> PixelTarget:
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
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json", "noise schedule")
    try:
        unet = UNet2DModel.from_pretrained(folder / "unet", use_safetensors=True, low_cpu_mem_usage=False)
        alphas = DDPMScheduler.from_config(scheduler).alphas_cumprod
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, NotImplementedError) as error:
        raise TargetError("The model folder is incomplete or damaged: its weights do not fit its description.") from error
    if not all(torch.isfinite(p).all() for p in unet.parameters()):
        raise TargetError("The model's weights hold numbers that are not finite.")
    return PixelTarget(
        unet,
        Schedule.from_alphas_cumprod(alphas),
        name or folder.name,
        read_card(folder, unet),
        device,
        scheduler.get("prediction_type", "epsilon"),
        precision,
        hashlib.sha256(weights.read_bytes()).hexdigest(),
    )


def read_card(folder: Path, unet: UNet2DModel) -> Card:
    """The facts of manifest.json where there is one, else what the folder itself tells."""
    manifest = folder / "manifest.json"
    facts = read_json(manifest, "manifest") if manifest.is_file() else {}
    parameters = sum(p.numel() for p in unet.parameters())
    return Card(
        title=facts.get("title", folder.name),
        description=facts.get("description", "A pixel-space diffusion model."),
        trained_on=facts.get("trained_on", "unknown"),
        parameters=parameters,
        epoch=facts.get("epoch"),
        source=facts.get("source", ""),
        members=facts.get("members", {}),
    )
