"""The pipelines of diffusers that can be audited: which parts each has, and how they become a target."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
from torch import nn

from mia_viz.targets import backbones
from mia_viz.targets.autoencoder import Autoencoder
from mia_viz.targets.backbones import Backbone
from mia_viz.targets.errors import TargetError
from mia_viz.targets.flow import FLOW, beta_times, read_flow
from mia_viz.targets.latent import LatentTarget
from mia_viz.targets.pixel import read_schedule
from mia_viz.targets.prompts import (
    Classes,
    Encoder,
    FluxPrompts,
    Prompts,
    SD3Prompts,
    StableDiffusionPrompts,
    XLPrompts,
)
from mia_viz.targets.target import Card
from mia_viz.targets.weights import joint_sha256

MOST_LATENTS = 512
"""Largest side of a latent."""


@dataclass(eq=False)
class Parts:
    """An opened pipeline.

    kind: its class name. index: model_index.json. modules: by the names of model_index.json. tokenizers: likewise.
    scheduler: its configuration. files: (label, weights file) of all that was read.
    """

    kind: str
    index: dict[str, Any]
    modules: dict[str, nn.Module]
    tokenizers: dict[str, Any]
    scheduler: dict[str, Any]
    files: list[tuple[str, Path]]
    card: dict[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

    def encoder(self, ending: str = "") -> Encoder | None:
        """The text encoder and tokenizer of an ending ("", "_2", "_3"); None where the pipeline goes without."""
        model, tokenizer = self.modules.get(f"text_encoder{ending}"), self.tokenizers.get(f"tokenizer{ending}")
        return None if model is None or tokenizer is None else Encoder(tokenizer, model)

    def needed(self, ending: str = "") -> Encoder:
        """`encoder`, or TargetError where it is missing."""
        found = self.encoder(ending)
        if found is None:
            raise TargetError(
                f"The model folder has no text encoder of the kind this model needs (text_encoder{ending})."
            )
        return found


@dataclass(frozen=True)
class Layout:
    """A kind of pipeline. network, vae: names and classes of its parts; texts: endings of its text encoders.

    optional: endings it may lack. words: what it is, for the card.
    """

    network: str
    network_kind: str
    backbone: type[Backbone]
    words: str
    vae: tuple[str, ...] = ("vae",)
    texts: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


SD = "StableDiffusionPipeline"
XL = "StableDiffusionXLPipeline"
SD3 = "StableDiffusion3Pipeline"
FLUX = "FluxPipeline"
LDM = "LDMPipeline"
DIT = "DiTPipeline"
LAYOUTS = {
    SD: Layout("unet", "UNet2DConditionModel", backbones.CaptionUNet, "Stable Diffusion: text to image", texts=("",)),
    XL: Layout(
        "unet", "UNet2DConditionModel", backbones.CaptionUNet, "Stable Diffusion XL: text to image", texts=("", "_2")
    ),
    SD3: Layout(
        "transformer",
        "SD3Transformer2DModel",
        backbones.StableDiffusion3,
        "Stable Diffusion 3: text to image, a rectified flow",
        texts=("", "_2"),
        optional=("_3",),
    ),
    FLUX: Layout(
        "transformer",
        "FluxTransformer2DModel",
        backbones.Flux,
        "Flux: text to image, a rectified flow",
        texts=("", "_2"),
    ),
    LDM: Layout("unet", "UNet2DModel", backbones.PlainUNet, "latent diffusion without captions", vae=("vqvae", "vae")),
    DIT: Layout("transformer", "DiTTransformer2DModel", backbones.DiT, "a diffusion transformer told a class"),
}
VAES = {"AutoencoderKL": diffusers.AutoencoderKL, "VQModel": diffusers.VQModel}


def layout_of(kind: object) -> Layout:
    """The layout of a pipeline class. Raises TargetError for one that is not supported."""
    if not isinstance(kind, str) or kind not in LAYOUTS:
        known = ", ".join(sorted(LAYOUTS))
        raise TargetError(f"The model is a {kind}; supported are pixel models and {known}.")
    return LAYOUTS[kind]


def network_class(layout: Layout) -> type[nn.Module]:
    """The class of a layout's network."""
    return getattr(diffusers, layout.network_kind)


def latent_shape(kind: str, config: dict, vae: dict) -> tuple[int, int, int]:
    """(C, H, W) of x_0 from the configurations of network and VAE. Raises TargetError for unusable or absurd sizes."""
    scale = 2 ** (len(vae.get("block_out_channels") or [1]) - 1)
    channels, size = config.get("in_channels"), config.get("sample_size")
    if kind == FLUX:  # its network takes any size and packs 2 x 2 patches; the VAE states the size it was made for
        channels = channels // 4 if isinstance(channels, int) else None
        size = vae.get("sample_size")
        size = size // scale if isinstance(size, int) else None
    sides = [size, size] if isinstance(size, int) else size
    if not isinstance(sides, (list, tuple)) or len(sides) != 2:
        raise TargetError("The model states no usable size of its latents.")
    if not all(isinstance(n, int) and 1 <= n <= MOST_LATENTS for n in (*sides, channels)):
        raise TargetError(f"The model states no usable size of its latents (1 to {MOST_LATENTS} per side).")
    if kind == FLUX and any(side % 2 for side in sides):
        raise TargetError("The model's latents cannot be cut into patches of 2 by 2.")
    return (channels, *sides)


def check_network(kind: str, config: dict, vae: dict) -> None:
    """Refuse networks that want more than x_t, the time and what their pipeline tells. Raises TargetError."""
    channels, latents = latent_shape(kind, config, vae)[0], vae.get("latent_channels")
    gives = config.get("out_channels") or config.get("in_channels")
    gives = gives // 4 if kind == FLUX and isinstance(gives, int) else gives
    if channels != latents or (gives != latents and not (kind == DIT and gives == 2 * channels)):
        raise TargetError(
            f"The network takes {channels} channels and gives {gives}, but the VAE makes {latents}; "
            "inpainting models and others that want more than the latents are not supported."
        )
    if vae.get("in_channels") != vae.get("out_channels"):
        raise TargetError("The model's VAE does not give back what it takes.")
    if kind in (SD, XL, LDM) and (config.get("class_embed_type") or config.get("num_class_embeds")):
        raise TargetError("The model wants a class beside the caption, which is not supported.")
    if config.get("time_cond_proj_dim"):
        raise TargetError("The model is a distilled one that wants its guidance told, which is not supported.")
    if config.get("addition_embed_type") != ("text_time" if kind == XL else None):
        raise TargetError("The model wants to be told more than captions and sizes, which is not supported.")


def prompts_of(parts: Parts, shape: tuple[int, int, int], scale: int) -> Prompts | None:
    """How this pipeline's captions or classes are told; None for a model that takes none."""
    network = parts.modules[LAYOUTS[parts.kind].network].config
    if parts.kind == SD:
        return StableDiffusionPrompts(parts.needed())
    if parts.kind == XL:
        zeros = bool(parts.index.get("force_zeros_for_empty_prompt", True))
        return XLPrompts(parts.needed(), parts.needed("_2"), (shape[1] * scale, shape[2] * scale), zeros)
    if parts.kind == SD3:
        return SD3Prompts(parts.needed(), parts.needed("_2"), parts.encoder("_3"), network.joint_attention_dim)
    if parts.kind == FLUX:
        return FluxPrompts(parts.needed(), parts.needed("_2"))
    if parts.kind == DIT:
        return Classes.of(network.num_embeds_ada_norm, parts.index.get("id2label"))
    return None


def assemble(parts: Parts, name: str, device: str = "cpu", guidance: float = 1.0) -> LatentTarget:
    """The target of an opened pipeline. Raises TargetError."""
    layout = layout_of(parts.kind)
    network = parts.modules[layout.network]
    vae = next(parts.modules[part] for part in layout.vae if part in parts.modules)
    check_network(parts.kind, network.config, vae.config)
    shape = latent_shape(parts.kind, network.config, vae.config)
    backbone, autoencoder = layout.backbone(network, shape, guidance), Autoencoder(vae)
    if parts.scheduler.get("_class_name") == FLOW:
        schedule, times = read_flow(parts.scheduler, backbone.tokens, 1.16 if parts.kind == SD3 else 1.15)
        prediction = "velocity"
    else:
        if parts.kind in (SD3, FLUX):
            raise TargetError(f"The noise schedule {parts.scheduler.get('_class_name')} is not one of rectified flows.")
        schedule = read_schedule(parts.scheduler)
        times, prediction = beta_times(schedule), parts.scheduler.get("prediction_type", "epsilon")
        if "prediction_type" not in parts.scheduler:
            said = "What the network predicts is not stated; the noise was assumed."
            parts = dataclasses.replace(parts, assumed=(*parts.assumed, said))
    prompts = prompts_of(parts, shape, autoencoder.scale)
    freeze(prompts.modules if prompts is not None else [])
    card = card_of(parts, layout, backbone, autoencoder, prediction, guidance, name)
    sha256 = joint_sha256(parts.files)
    return LatentTarget(
        backbone, autoencoder, schedule, times, prediction, name, card, prompts, device, guidance, sha256
    )


def freeze(modules: list[nn.Module]) -> None:
    """Text encoders in evaluation mode, without gradients."""
    for module in modules:
        module.eval().requires_grad_(False)


PREDICTED = {"epsilon": "the noise", "v_prediction": "v", "sample": "the clean latent", "velocity": "the velocity"}


def card_of(
    parts: Parts,
    layout: Layout,
    backbone: Backbone,
    autoencoder: Autoencoder,
    prediction: str,
    guidance: float,
    name: str,
) -> Card:
    """The facts of manifest.json where there is one, else what the parts themselves tell."""
    count = sum(p.numel() for p in backbone.network.parameters())
    channels, height, width = backbone.shape
    scale = autoencoder.scale
    words = (
        f"A latent diffusion model ({layout.words}): {layout.network_kind} predicts {PREDICTED[prediction]} in latents "
        f"of {channels} x {height} x {width} that {type(autoencoder.vae).__name__} makes of pictures of "
        f"{height * scale} x {width * scale} pixels."
    )
    assumed = parts.assumed
    if guidance != 1:
        assumed += (f"Every answer is guided towards the caption or class with scale {guidance:g}.",)
    if backbone.guided_inside:
        assumed += (f"The network is told a guidance scale of {guidance:g}.",)
    facts = parts.card
    return Card(
        title=facts.get("title", name),
        description=facts.get("description", words),
        trained_on=facts.get("trained_on", "unknown"),
        parameters=count,
        epoch=facts.get("epoch"),
        assumed=assumed,
        source=facts.get("source", ""),
        members=facts.get("members", {}),
    )
