"""LoRA weights (Hu et al. 2022) on top of a base model: merged into its weights, so that nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
from safetensors import SafetensorError

from mia_viz.targets.errors import TargetError
from mia_viz.targets.latent_parts import DIT, LDM, SD, XL, Parts
from mia_viz.targets.weights import OPENING_ERRORS, refuse_not_finite, stored_dtype

HALVES = ("lora_A", "lora_B", "lora.down", "lora.up", "lora_down", "lora_up", "linear_layer.down", "linear_layer.up")


def add_lora(parts: Parts, file: Path) -> None:
    """Merge the LoRA weights of a safetensors file, in full strength, into the opened parts.

    Raises TargetError when the file is no safetensors file, damaged, or does not fit this model to the last tensor.
    """
    if file.suffix.lower() != ".safetensors":
        raise TargetError(f"{file.name} is no safetensors file; only such LoRA weights are read, never pickles.")
    if not file.is_file():
        raise TargetError(f"There is no file {file.name}.")
    if parts.kind in (LDM, DIT):
        raise TargetError("LoRA weights can be put on text-to-image models only.")
    stored_dtype([file])
    pipeline = as_pipeline(parts)
    try:
        found = pipeline.lora_state_dict(file.parent, weight_name=file.name, local_files_only=True)
        wanted = sum(any(half in key for half in HALVES) for key in (found[0] if isinstance(found, tuple) else found))
        pipeline.load_lora_weights(file.parent, weight_name=file.name, local_files_only=True)
        placed = sum("lora_" in name for module in parts.modules.values() for name, _ in module.named_parameters())
        if wanted == 0 or placed != wanted:
            raise ValueError(f"{placed} of {wanted} tensors found a place")
        pipeline.fuse_lora(safe_fusing=False)
        pipeline.unload_lora_weights()
    except (*OPENING_ERRORS, SafetensorError, ImportError) as error:
        raise TargetError(f"The LoRA weights in {file.name} do not fit this model.") from error
    for name, module in parts.modules.items():
        refuse_not_finite(module, f"{name} with LoRA")
    parts.files.append(("lora", file))
    parts.assumed += (f"The LoRA weights of {file.name} are merged into the model in full strength.",)


def as_pipeline(parts: Parts) -> Any:
    """The pipeline object of diffusers around the opened parts, for its knowledge of LoRA formats."""
    kind = getattr(diffusers, parts.kind)
    extras = {SD: {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}}
    absent = {name: None for name in ("text_encoder_3", "tokenizer_3") if parts.kind == "StableDiffusion3Pipeline"}
    scheduler = getattr(diffusers, str(parts.scheduler.get("_class_name")), diffusers.DDIMScheduler)
    everything = {
        **absent,
        **parts.modules,
        **parts.tokenizers,
        **extras.get(parts.kind, {}),
        "scheduler": scheduler.from_config(parts.scheduler),
    }
    if parts.kind == XL:
        everything["add_watermarker"] = False
    return kind(**everything)
