"""The original single-file layout of Stable Diffusion, written from a tiny pipeline of two levels.

The names are those of the first public checkpoints (input_blocks, middle_block, output_blocks, first_stage_model).
"""

from __future__ import annotations

import re
from pathlib import Path

from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file
from torch import Tensor

UNET_PLACES = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "down_blocks.0.resnets.0": "input_blocks.1.0",
    "down_blocks.0.attentions.0": "input_blocks.1.1",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
    "down_blocks.1.resnets.0": "input_blocks.3.0",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "up_blocks.0.resnets.0": "output_blocks.0.0",
    "up_blocks.0.resnets.1": "output_blocks.1.0",
    "up_blocks.0.upsamplers.0.conv": "output_blocks.1.1.conv",
    "up_blocks.1.resnets.0": "output_blocks.2.0",
    "up_blocks.1.attentions.0": "output_blocks.2.1",
    "up_blocks.1.resnets.1": "output_blocks.3.0",
    "up_blocks.1.attentions.1": "output_blocks.3.1",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESNET = {
    ".norm1.": ".in_layers.0.",
    ".conv1.": ".in_layers.2.",
    ".time_emb_proj.": ".emb_layers.1.",
    ".norm2.": ".out_layers.0.",
    ".conv2.": ".out_layers.3.",
    ".conv_shortcut.": ".skip_connection.",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_name(name: str) -> str:
    place = max((p for p in UNET_PLACES if name.startswith(p + ".")), key=len)
    name = UNET_PLACES[place] + name.removeprefix(place)
    if "transformer_blocks" not in name:
        for new, old in RESNET.items():
            name = name.replace(new, old)
    return "model.diffusion_model." + name


def vae_name(name: str) -> str:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{1 - int(m[1])}.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{1 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if "mid_block.attentions.0" in name:
        name = name.replace("mid_block.attentions.0", "mid.attn_1")
        for new, old in VAE_ATTENTION.items():
            name = name.replace(f".{new}.", f".{old}.")
    return "first_stage_model." + name


def vae_tensor(name: str, tensor: Tensor) -> Tensor:
    """The attention of the original VAE is made of 1 x 1 convolutions."""
    return tensor[..., None, None] if "attentions" in name and tensor.ndim == 2 else tensor


def save_single_file(pipeline: StableDiffusionPipeline, file: Path) -> None:
    """Write network, VAE and text encoder as one checkpoint."""
    whole = {unet_name(name): tensor for name, tensor in pipeline.unet.state_dict().items()}
    whole |= {vae_name(name): vae_tensor(name, tensor) for name, tensor in pipeline.vae.state_dict().items()}
    for name, tensor in pipeline.text_encoder.state_dict().items():
        whole["cond_stage_model.transformer.text_model." + name.removeprefix("text_model.")] = tensor
    save_file({name: tensor.contiguous().clone() for name, tensor in whole.items()}, file, metadata={"format": "pt"})
