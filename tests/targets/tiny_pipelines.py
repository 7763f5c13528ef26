"""Tiny pipelines of every supported kind, made and saved by diffusers itself, in the real folder format."""

from __future__ import annotations

import json
import string
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    LDMPipeline,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    UNet2DModel,
    VQModel,
)
from diffusers.utils import logging as diffusers_logging
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)
from transformers.utils import logging as transformers_logging

SIDE = 16
"""Pixels per side of all pictures; latents have 8."""
LENGTH = 12
"""Tokens of a caption."""
WIDTH = 16
"""Numbers per token."""
SD_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SD_BETAS |= {"clip_sample": False, "steps_offset": 1}
KINDS = ("sd", "sd-v", "sdxl", "sd3", "sd3-clip", "flux", "flux-guided", "ldm-vq", "ldm-kl", "dit")


def tokenizer() -> CLIPTokenizer:
    """A CLIP tokenizer that spells every word."""
    signs = string.ascii_lowercase + string.digits + ","
    names = ["<|startoftext|>", "<|endoftext|>", *signs, *(sign + "</w>" for sign in signs)]
    vocab = {name: number for number, name in enumerate(names)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=LENGTH)


def clip(seed: int, projected: bool = False) -> CLIPTextModel:
    """A CLIP text encoder of two layers."""
    torch.manual_seed(seed)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer()),
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        projection_dim=WIDTH,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def t5() -> T5EncoderModel:
    """A T5 encoder of one layer, wider than two CLIPs side by side."""
    torch.manual_seed(9)
    config = T5Config(vocab_size=40, d_model=3 * WIDTH, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    return T5EncoderModel(config).eval()


def t5_tokenizer() -> T5TokenizerFast:
    """A T5 tokenizer that spells every word."""
    letters = [(letter, -2.0) for letter in string.ascii_lowercase]
    return T5TokenizerFast(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0), *letters], extra_ids=0)


def vae(latents: int = 4, pictures: int = 3, **others: object) -> AutoencoderKL:
    """A VAE that halves the side."""
    torch.manual_seed(1)
    return AutoencoderKL(
        in_channels=pictures,
        out_channels=pictures,
        latent_channels=latents,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        sample_size=SIDE,
        **others,
    ).eval()


def vq() -> VQModel:
    """A VQ model that halves the side."""
    torch.manual_seed(1)
    return VQModel(
        latent_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        num_vq_embeddings=16,
        scaling_factor=0.6,
    ).eval()


def caption_unet(**others: object) -> UNet2DConditionModel:
    """A UNet with cross-attention."""
    torch.manual_seed(2)
    settings = {
        "sample_size": SIDE // 2,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
        **others,
    }
    return UNet2DConditionModel(**settings).eval()


def plain_unet(channels: int) -> UNet2DModel:
    """A UNet that is told nothing."""
    torch.manual_seed(3)
    return UNet2DModel(
        sample_size=SIDE // 2,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=1,
        block_out_channels=(8, 8),
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
        norm_num_groups=4,
    ).eval()


def stable_diffusion(prediction: str = "epsilon", pictures: int = 3, **others: object) -> StableDiffusionPipeline:
    """1.x, or 2.x with v-prediction and a terminal level of pure noise."""
    rescaled = prediction == "v_prediction"
    scheduler = DDIMScheduler(**SD_BETAS, prediction_type=prediction, rescale_betas_zero_snr=rescaled)
    return StableDiffusionPipeline(
        vae=vae(pictures=pictures),
        text_encoder=clip(4),
        tokenizer=tokenizer(),
        unet=caption_unet(**others),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def stable_diffusion_xl() -> StableDiffusionXLPipeline:
    """Two text encoders, pooled embeddings and sizes, a VAE with a mean and deviation per channel."""
    unet = caption_unet(
        cross_attention_dim=2 * WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + WIDTH,
    )
    return StableDiffusionXLPipeline(
        vae=vae(latents_mean=[0.1, -0.2, 0.3, 0.0], latents_std=[1.0, 2.0, 0.5, 1.5]),
        text_encoder=clip(4),
        text_encoder_2=clip(5, projected=True),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=unet,
        scheduler=DDIMScheduler(**SD_BETAS),
        add_watermarker=False,
    )


def stable_diffusion_3(with_t5: bool = True) -> StableDiffusion3Pipeline:
    """Three text encoders (or two), a shifted VAE, a schedule shifted by 3."""
    torch.manual_seed(6)
    transformer = SD3Transformer2DModel(
        sample_size=SIDE // 2,
        patch_size=2,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=3 * WIDTH,
        caption_projection_dim=16,
        pooled_projection_dim=2 * WIDTH,
        out_channels=4,
        pos_embed_max_size=8,
    )
    return StableDiffusion3Pipeline(
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae(shift_factor=0.06, scaling_factor=1.5),
        text_encoder=clip(4, projected=True),
        tokenizer=tokenizer(),
        text_encoder_2=clip(5, projected=True),
        tokenizer_2=tokenizer(),
        text_encoder_3=t5() if with_t5 else None,
        tokenizer_3=t5_tokenizer() if with_t5 else None,
    )


def flux(guided: bool = False) -> FluxPipeline:
    """One CLIP, one T5; the guided kind is told a scale and has a shift that depends on the resolution."""
    torch.manual_seed(7)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=3 * WIDTH,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=guided,
    )
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=guided),
        vae=vae(shift_factor=0.1, scaling_factor=0.4, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=clip(4),
        tokenizer=tokenizer(),
        text_encoder_2=t5(),
        tokenizer_2=t5_tokenizer(),
        transformer=transformer.eval(),
    )


def latent_diffusion(kind: str) -> LDMPipeline:
    """Without captions, on a VQ model or a VAE."""
    encoder = vq() if kind == "vq" else vae()
    unet = plain_unet(3 if kind == "vq" else 4)
    return LDMPipeline(vqvae=encoder, unet=unet, scheduler=DDIMScheduler(**SD_BETAS))


def dit() -> DiTPipeline:
    """A thousand classes (its pipeline knows no other number) and a learned variance."""
    torch.manual_seed(8)
    transformer = DiTTransformer2DModel(
        sample_size=SIDE // 2,
        patch_size=2,
        in_channels=4,
        out_channels=8,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        num_embeds_ada_norm=1000,
    )
    return DiTPipeline(transformer.eval(), vae(), DDIMScheduler(clip_sample=False))


MAKERS = {
    "sd": stable_diffusion,
    "sd-v": lambda: stable_diffusion("v_prediction"),
    "sdxl": stable_diffusion_xl,
    "sd3": stable_diffusion_3,
    "sd3-clip": lambda: stable_diffusion_3(with_t5=False),
    "flux": flux,
    "flux-guided": lambda: flux(guided=True),
    "ldm-vq": lambda: latent_diffusion("vq"),
    "ldm-kl": lambda: latent_diffusion("kl"),
    "dit": dit,
}


def save(kind: str, folder: Path) -> Path:
    """Save the tiny pipeline of a kind; returns the folder."""
    for log in (diffusers_logging, transformers_logging):
        log.disable_progress_bar()
        log.set_verbosity(log.CRITICAL)
    MAKERS[kind]().save_pretrained(folder)
    if kind == "dit":  # published models name their classes here; save_pretrained forgets them
        edit(folder / "model_index.json", id2label={"0": "brain, head scan", "3": "Emoji"})
    return folder


def edit(file: Path, **values: object) -> None:
    """Change some values of a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
