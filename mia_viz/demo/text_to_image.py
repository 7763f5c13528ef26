"""The recipe of the captioned twins: a small Stable Diffusion on pictures with captions.

    python -m mia_viz.demo.text_to_image --pictures DIR/known --shared RUN --out OUT --members 0:320 --holdouts 640:704

The recipe of `mia_viz.demo.training` on latents: the VAE and the text encoder come from `mia_viz.demo.shared_parts` and
stay as they are, only the UNet learns. One caption in ten is replaced by the empty one, as for classifier-free guidance
(Ho and Salimans 2022). The result is an ordinary StableDiffusionPipeline folder, its shared parts included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiffusionPipeline, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from mia_viz.demo.images import load_images
from mia_viz.demo.recipe import Recipe
from mia_viz.demo.shared_parts import WIDTH, latents_of
from mia_viz.demo.training import Training, finish

EMPTY_SHARE = 0.1
CHANNELS = (48, 96, 128)


class Parts:
    """The trained shared parts: VAE, tokenizer and text encoder, in float32."""

    def __init__(self, folder: Path) -> None:
        self.vae = AutoencoderKL.from_pretrained(folder / "vae").float().eval()
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self.text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").float().eval()

    @torch.no_grad()
    def embeddings(self, captions: Sequence[str]) -> Tensor:
        """What the network is told, (N, tokens, width)."""
        words = self.tokenizer(list(captions), padding="max_length", truncation=True, return_tensors="pt")
        return torch.cat([self.text_encoder(input_ids=part)[0] for part in words.input_ids.split(64)])


class CaptionedTraining(Training):
    """A run of the recipe on latents (N, 4, H, W) and captions."""

    def __init__(self, recipe: Recipe, images, captions: Sequence[str], parts: Parts, out: Path, device: str) -> None:
        self.parts = parts
        self.told = parts.embeddings([*captions, ""])
        latents = latents_of(parts.vae, images.pixels) * parts.vae.config.scaling_factor
        super().__init__(recipe, replace(images, pixels=latents), out, device)
        self.told = self.told.to(self.device)

    def build_scheduler(self) -> DDIMScheduler:
        return DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        )

    def build_network(self, shape: torch.Size) -> UNet2DConditionModel:
        return UNet2DConditionModel(
            sample_size=shape[-1],
            block_out_channels=self.recipe.channels,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=WIDTH,
            attention_head_dim=4,
            norm_num_groups=16,
        )

    def predict(self, x_t: Tensor, timesteps: Tensor, index: Tensor, training: bool = False) -> Tensor:
        if training:
            drawn = torch.rand(len(index), generator=torch.Generator().manual_seed(self.step + 77_000_003))
            index = torch.where(drawn < EMPTY_SHARE, len(self.told) - 1, index)
        return self.unet(x_t, timesteps, self.told[index.to(self.device)]).sample

    def pipeline(self, unet: UNet2DConditionModel) -> DiffusionPipeline:
        return StableDiffusionPipeline(
            vae=self.parts.vae.half(),
            text_encoder=self.parts.text_encoder.half(),
            tokenizer=self.parts.tokenizer,
            unet=unet,
            scheduler=self.scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )


def span(text: str) -> tuple[int, int]:
    first, last = text.split(":")
    return int(first), int(last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, help="the folder known/ of mia_viz.demo.emoji")
    parser.add_argument("--shared", type=Path, required=True, help="the run of mia_viz.demo.shared_parts")
    parser.add_argument("--out", type=Path, required=True, help="a run there is continued")
    parser.add_argument("--members", type=span, required=True, metavar="FIRST:END")
    parser.add_argument("--holdouts", type=span, required=True, metavar="FIRST:END", help="watched, never trained on")
    parser.add_argument("--epochs", type=int, default=160)
    parser.add_argument("--keep-epochs", type=lambda text: tuple(map(int, text.split(","))), default=())
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = Recipe(
        options.members, options.holdouts, options.epochs, channels=CHANNELS, keep_epochs=options.keep_epochs
    )
    captions = json.loads((options.pictures / "captions.json").read_text(encoding="utf-8"))
    options.out.mkdir(parents=True, exist_ok=True)
    images, parts = load_images(options.pictures / "pictures"), Parts(options.shared)
    finish(CaptionedTraining(recipe, images, captions, parts, options.out, options.device), measure_every=10)


if __name__ == "__main__":
    main()
