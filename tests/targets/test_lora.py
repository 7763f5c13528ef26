"""LoRA weights on top of a base: merged as diffusers merges them, or refused."""

from __future__ import annotations

import pytest
import torch
from diffusers.training_utils import _collate_lora_metadata
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import nn

from mia_viz.targets.bundled import open_target
from mia_viz.targets.latent_open import open_latent
from mia_viz.targets.target import TargetError
from tests.targets.refusals import refused
from tests.targets.tiny_pipelines import MAKERS

FILE = "pytorch_lora_weights.safetensors"
TEXTS = ["a cat", "dog"]


def adapted(module: nn.Module, names: list[str], scale: float) -> None:
    """Give a part of a pipeline LoRA weights of rank 2; scale 0 leaves it as it is."""
    torch.manual_seed(11)
    module.add_adapter(LoraConfig(r=2, lora_alpha=6, target_modules=names))
    for name, weight in module.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=scale) if scale else nn.init.zeros_(weight)


@pytest.fixture
def made(tmp_path):
    """made("sd", 0.3): (a pipeline with live LoRA weights in its network and, for sd, text encoder; their file)."""

    def make(kind: str, scale: float = 0.3):
        pipe = MAKERS[kind]()
        network = "unet" if hasattr(pipe, "unet") else "transformer"
        parts = {network: getattr(pipe, network)}
        adapted(parts[network], ["to_q", "to_k", "to_v", "to_out.0"], scale)
        if kind == "sd":
            parts["text_encoder"] = pipe.text_encoder
            adapted(pipe.text_encoder, ["q_proj", "v_proj"], scale)
        layers = {f"{name}_lora_layers": get_peft_model_state_dict(part) for name, part in parts.items()}
        pipe.save_lora_weights(tmp_path, **layers, **_collate_lora_metadata(parts))
        return parts, tmp_path / FILE

    return make


def answer(target, captions=TEXTS):
    x_t = torch.randn(2, *target.shape, generator=torch.Generator().manual_seed(3))
    return target.predict_noise(x_t, torch.tensor([50, 600]), target.condition(captions))


@pytest.mark.parametrize("kind", ["sd", "sdxl", "sd3", "flux"])
def test_merged_weights_answer_as_the_live_ones(saved, made, kind):
    """peft's own layers beside the weights, alpha 6 over rank 2, against the merged weights."""
    parts, file = made(kind)
    base, target = open_latent(saved(kind)), open_latent(saved(kind), lora=file)
    assert not torch.allclose(answer(base), answer(target), atol=1e-3)
    assert not any("lora" in name for name, _ in target.backbone.network.named_parameters())
    base.backbone.network = parts.get("unet", parts.get("transformer"))
    if kind == "sd":
        object.__setattr__(base.prompts.encoder, "model", parts["text_encoder"])
    with torch.no_grad():
        torch.testing.assert_close(answer(target), answer(base), rtol=1e-5, atol=1e-5)


def test_weights_of_zero_change_nothing_but_the_hash(saved, made):
    _, file = made("sd", 0.0)
    base, target = open_target(str(saved("sd"))), open_target(str(saved("sd")), lora=str(file))
    assert torch.equal(answer(base), answer(target))
    assert base.weights_sha256 != target.weights_sha256
    assert any(f"The LoRA weights of {FILE}" in said for said in target.card.assumed)
    assert target.card.parameters == base.card.parameters


def test_the_older_layout_with_its_own_alpha(saved, made, tmp_path):
    """Names of lora_unet_... with lora_down, lora_up and alpha, as most shared files have them."""
    parts, file = made("sd")
    older = {}
    for name, weight in load_file(file).items():
        if name.startswith("unet."):
            place, half, _ = name.removeprefix("unet.").rsplit(".", 2)
            place = f"lora_unet_{place.replace('.', '_')}"
            older[f"{place}.{'lora_down' if half == 'lora_A' else 'lora_up'}.weight"] = weight
            older[f"{place}.alpha"] = torch.tensor(6.0)
    save_file(older, tmp_path / "older.safetensors")
    base, target = open_latent(saved("sd")), open_latent(saved("sd"), lora=tmp_path / "older.safetensors")
    base.backbone.network = parts["unet"]
    with torch.no_grad():
        torch.testing.assert_close(answer(target), answer(base), rtol=1e-5, atol=1e-5)


def test_what_does_not_fit_is_refused(saved, made, tmp_path):
    _, file = made("sd")
    refused(saved("sd3"), "do not fit this model", lora=file)
    refused(saved("ldm-kl"), "text-to-image models only", lora=file)
    refused(saved("dit"), "text-to-image models only", lora=file)
    weights = load_file(file)
    strange = {name.replace("attentions.0", "attentions.7"): weight for name, weight in weights.items()}
    save_file(strange, tmp_path / "strange.safetensors")
    refused(saved("sd"), "do not fit this model", lora=tmp_path / "strange.safetensors")
    save_file({"weight": torch.zeros(2)}, tmp_path / "none.safetensors")
    refused(saved("sd"), "do not fit this model", lora=tmp_path / "none.safetensors")
    endless = {name: torch.full_like(weight, torch.inf) for name, weight in weights.items()}
    save_file(endless, tmp_path / "endless.safetensors")
    refused(saved("sd"), "not finite", lora=tmp_path / "endless.safetensors")


def test_only_whole_safetensors_are_read(saved, tmp_path):
    for name in ("lora.bin", "lora.pt", "lora.ckpt"):
        (tmp_path / name).write_bytes(b"\x80\x02.")
        refused(saved("sd"), "never pickles", lora=tmp_path / name)
    (tmp_path / "broken.safetensors").write_bytes(b"garbage")
    refused(saved("sd"), "damaged", lora=tmp_path / "broken.safetensors")
    refused(saved("sd"), "no file gone.safetensors", lora=tmp_path / "gone.safetensors")


def test_pixel_models_take_none(tmp_path):
    with pytest.raises(TargetError, match="text-to-image models only"):
        open_target("brain-a", lora=str(tmp_path / "x.safetensors"))
    with pytest.raises(TargetError, match="cannot be guided"):
        open_target("brain-a", guidance=2.0)
