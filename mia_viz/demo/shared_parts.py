"""What the captioned twins share, trained on the spare pictures only: the VAE, the tokenizer and the text encoder.

    python -m mia_viz.demo.shared_parts vae  --pictures DIR/spare --out RUN
    python -m mia_viz.demo.shared_parts text --pictures DIR/spare --out RUN

The VAE is an ordinary AutoencoderKL (Rombach et al. 2022) under an L1 error and a weak KL term; its scaling factor is
one over the latents' standard deviation. The text encoder is an ordinary CLIPTextModel, trained against a small picture
tower by CLIP's symmetric contrastive loss (Radford et al. 2021). A run goes on from its last state.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from mia_viz.demo.images import load_images
from mia_viz.whole import whole_file

WORDS = 16
"""Tokens a caption is cut or filled up to."""
WIDTH = 128
START, END = "<|startoftext|>", "<|endoftext|>"


def build_vae() -> AutoencoderKL:
    """64 x 64 RGB to 4 x 16 x 16, 1.4 M parameters."""
    return AutoencoderKL(
        block_out_channels=(24, 48, 96),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
        mid_block_add_attention=False,
    )


def build_tokenizer(captions: list[str], folder: Path, size: int = 1200) -> CLIPTokenizer:
    """CLIP's kind of tokenizer (byte pairs within words, lower case) fitted to the captions."""
    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    trained.normalizer = normalizers.Lowercase()
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Punctuation(), pre_tokenizers.ByteLevel(False)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    whole = [letter + "</w>" for letter in sorted(alphabet)]
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[*sorted(alphabet), *whole], end_of_word_suffix="</w>", show_progress=False
    )
    trained.train_from_iterator(captions, trainer)
    facts = json.loads(trained.to_str())["model"]
    vocabulary = facts["vocab"] | {START: len(facts["vocab"]), END: len(facts["vocab"]) + 1}
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in facts["merges"]]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
    tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=WORDS)
    tokenizer.save_pretrained(folder)
    return tokenizer


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Two layers of width 128."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=WORDS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def build_picture_tower() -> nn.Module:
    """Pictures (B, 3, 32, 32) to (B, 128); used in training only."""
    layers: list[nn.Module] = []
    for inside, outside in ((3, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(inside, outside, 3, 2, 1), nn.GroupNorm(8, outside), nn.SiLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 16, WIDTH))


class Run:
    """A resumable training run of some modules: state file, learning rate, one log line per epoch."""

    def __init__(self, out: Path, name: str, modules: dict[str, nn.Module], rate: float, steps: int) -> None:
        self.file, self.modules, self.rate, self.steps, self.step = out / f"{name}.pt", modules, rate, steps, 0
        weights = [p for module in modules.values() for p in module.parameters()]
        self.optimiser = torch.optim.AdamW(weights, rate, fused=True)
        out.mkdir(parents=True, exist_ok=True)
        if self.file.exists():
            state = torch.load(self.file, weights_only=True)
            for key, module in modules.items():
                module.load_state_dict(state[key])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]

    def save(self) -> None:
        state = {key: module.state_dict() for key, module in self.modules.items()}
        with whole_file(self.file) as partial:
            torch.save(state | {"optimiser": self.optimiser.state_dict(), "step": self.step}, partial)

    def learn(self, loss: Tensor) -> None:
        """One step of gradient descent; the rate rises over 100 steps and falls to zero along half a cosine."""
        share = torch.tensor(self.step / self.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * min(1.0, (self.step + 1) / 100) * float(0.5 + 0.5 * torch.cos(torch.pi * share))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.step += 1


def batch_of(step: int, count: int, size: int, seed: int = 0) -> Tensor:
    """Indices of one step, a function of the step alone; every epoch is a new order."""
    epoch, place = divmod(step, -(-count // size))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
    return order[place * size : (place + 1) * size]


def train_vae(pixels: Tensor, out: Path, epochs: int = 15, batch: int = 16) -> None:
    """Train and save the VAE; prints the mean L1 error per epoch."""
    torch.manual_seed(0)
    vae = build_vae()
    each = -(-len(pixels) // batch)
    run = Run(out, "vae", {"vae": vae}, 1e-3, epochs * each)
    total, clock = 0.0, time.perf_counter()
    while run.step < run.steps:
        chosen = pixels[batch_of(run.step, len(pixels), batch)]
        noise = torch.randn(len(chosen), 4, 16, 16, generator=torch.Generator().manual_seed(run.step))
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(chosen).latent_dist
            rebuilt = vae.decode(posterior.mean + posterior.std * noise).sample
        error = (rebuilt.float() - chosen).abs().mean()
        run.learn(error + 1e-6 * posterior.kl().float().mean() / 64)
        total += error.detach()
        if run.step % each == 0:
            print(
                f"vae epoch {run.step // each}/{epochs}  L1 {total / each:.4f}  {time.perf_counter() - clock:.0f} s",
                flush=True,
            )
            total = 0.0
            run.save()
    vae.eval().register_to_config(scaling_factor=1 / float(latents_of(vae, pixels).std()))
    vae.half().save_pretrained(out / "vae", safe_serialization=True)


@torch.no_grad()
def latents_of(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Modes of the posterior before scaling, (N, 4, 16, 16)."""
    return torch.cat([vae.encode(part).latent_dist.mode() for part in pixels.split(64)])


def train_text(pixels: Tensor, captions: list[str], out: Path, epochs: int = 12, batch: int = 64) -> None:
    """Train and save the tokenizer and the text encoder; prints how often a caption finds its picture in a batch."""
    torch.manual_seed(1)
    tokenizer = build_tokenizer(captions, out / "tokenizer")
    encoder, tower = build_text_encoder(tokenizer), build_picture_tower()
    tokens = tokenizer(captions, padding="max_length", truncation=True, max_length=WORDS, return_tensors="pt")
    small = functional.interpolate(pixels, size=32, mode="area")
    each = -(-len(pixels) // batch)
    run = Run(out, "text", {"encoder": encoder, "tower": tower}, 5e-4, epochs * each)
    while run.step < run.steps:
        index = batch_of(run.step, len(pixels), batch)
        words = functional.normalize(encoder(input_ids=tokens.input_ids[index]).pooler_output, dim=1)
        seen = functional.normalize(tower(small[index]), dim=1)
        alike, truth = 14 * words @ seen.T, torch.arange(len(index))
        loss = functional.cross_entropy(alike, truth) + functional.cross_entropy(alike.T, truth)
        run.learn(loss / 2)
        if run.step % each == 0:
            hits = (alike.argmax(dim=1) == truth).float().mean()
            print(f"text epoch {run.step // each}/{epochs}  loss {loss / 2:.3f}  found {hits:.2f}", flush=True)
            run.save()
    encoder.eval().half().save_pretrained(out / "text_encoder", safe_serialization=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("vae", "text"))
    parser.add_argument("--pictures", type=Path, required=True, help="the folder spare/ of mia_viz.demo.emoji")
    parser.add_argument("--out", type=Path, required=True, help="a run there is continued")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pixels = load_images(options.pictures / "pictures").pixels
    if options.part == "vae":
        train_vae(pixels, options.out)
    else:
        captions = json.loads((options.pictures / "captions.json").read_text(encoding="utf-8"))
        train_text(pixels, captions, options.out)


if __name__ == "__main__":
    main()
