"""Reading one part of a pipeline (network, VAE, text encoder) from its folder: safetensors only, all or nothing.

Sizes are checked before memory is taken, no code that comes with a model is run, and weights that are missing are
never made up.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import ModelMixin
from safetensors import SafetensorError, safe_open
from torch import nn

from mia_viz.targets.errors import TargetError
from mia_viz.targets.header import check_header
from mia_viz.targets.pixel import MAX_SIDE, PICKLES, read_json

VARIANTS = ("", "fp16", "bf16")
MOST_LAYERS = 256
LARGEST_NUMBER = 10_000_000
LONGEST_LIST = 1024
DEEPEST = 16
DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16}
OPENING_ERRORS = (OSError, ValueError, TypeError, LookupError, RuntimeError, ArithmeticError, AttributeError)
"""What diffusers and transformers raise on damaged or unsuitable folders."""
NO_FIT = "The model is incomplete or damaged: the weights of its {} do not fit their description."


def check_config(config: dict, what: str) -> dict:
    """Refuse descriptions that are absurdly large, quantised or bring code of their own. Raises TargetError."""
    if "auto_map" in config or any("attn_implementation" in k and "/" in str(v) for k, v in config.items()):
        raise TargetError(f"The model's {what} asks for code of its own, which is never run.")
    if config.get("quantization_config") is not None:
        raise TargetError(f"The model's {what} is stored in a compressed number format, which MIA-Viz does not read.")
    _check_entries(config, what)
    widths = config.get("block_out_channels", [1])
    if not isinstance(widths, (list, tuple)) or not 1 <= len(widths) <= 10:
        raise TargetError(f"The model's {what} states no usable widths.")
    return config


def _check_entries(config: dict, what: str, depth: int = 0) -> None:
    """Raise TargetError for absurd numbers under any name, also of descriptions inside the description."""
    for key, value in config.items():
        places = MAX_SIDE if "pos_embed" in key else LARGEST_NUMBER
        _check_value(value, MOST_LAYERS if "layers" in key else places, what, depth + 1)


def _check_value(value: object, most: int, what: str, depth: int) -> None:
    """Raise TargetError for a number beyond `most`, in lists too, for endless lists and for endless nesting."""
    if depth > DEEPEST:
        raise TargetError(f"The model's {what} is described in an absurdly roundabout way.")
    if isinstance(value, dict):
        _check_entries(value, what, depth)
    elif isinstance(value, (list, tuple)):
        if len(value) > LONGEST_LIST:
            raise TargetError(f"The model's {what} is described with an absurdly long list.")
        for item in value:
            _check_value(item, most, what, depth + 1)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and not abs(value) <= most:  # NaN fails too
        raise TargetError(f"The model's {what} is described with absurdly large numbers.")


def weight_files(folder: Path, what: str) -> tuple[str, tuple[Path, ...]]:
    """(variant, the safetensors files that hold a part's weights, in a fixed order). Raises TargetError."""
    for stem in ("diffusion_pytorch_model", "model"):
        for variant in VARIANTS:
            ending = f".{variant}" if variant else ""
            if (whole := folder / f"{stem}{ending}.safetensors").is_file():
                return variant, (whole,)
            if (index := folder / f"{stem}.safetensors.index{ending}.json").is_file():
                return variant, _shards(index, what)
    pickles = sorted(p.name for p in folder.glob("*") if p.suffix.lower() in PICKLES)
    if pickles:
        raise TargetError(
            f"The model's {what} is stored as {pickles[0]}, a pickle file that could run code; "
            "save the weights as safetensors."
        )
    raise TargetError(f"The model folder has no weights of its {what} (no .safetensors file in {folder.name}).")


def _shards(index: Path, what: str) -> tuple[Path, ...]:
    listed = read_json(index, f"list of weights of the {what}", 20_000_000).get("weight_map")
    names = sorted(set(listed.values())) if isinstance(listed, dict) else []
    files = tuple(index.parent / str(name) for name in names)
    plain = all(Path(str(name)).name == name and str(name).endswith(".safetensors") for name in names)
    if not files or not plain or not all(file.is_file() for file in files):
        raise TargetError(f"The model folder is incomplete: some weights of its {what} are missing.")
    return files


def stored_dtype(files: Sequence[Path]) -> torch.dtype:
    """The precision most of the weights are stored in: float16, bfloat16, or else float32. Raises TargetError."""
    counts: Counter[str] = Counter()
    check_header(files[0])
    try:
        with safe_open(files[0], "pt") as file:
            for key in file.keys():  # noqa: SIM118 (it is no dict)
                part = file.get_slice(key)
                counts[part.get_dtype()] += math.prod(part.get_shape())
    except (SafetensorError, OSError) as error:
        raise TargetError(f"{files[0].name} is damaged, or no safetensors file.") from error
    return DTYPES.get(max(counts, key=counts.get, default=""), torch.float32)


def read_part(kind: type[nn.Module], folder: Path, what: str, dtype: torch.dtype | None) -> nn.Module:
    """One part with exactly the weights of its files, in `dtype` (None: as stored). Raises TargetError."""
    config = check_config(read_json(folder / "config.json", f"description of the {what}"), what)
    variant, files = weight_files(folder, what)
    for file in files:
        check_header(file)
    dtype = dtype or stored_dtype(files)
    try:
        refuse_larger_than_files(empty(kind, config, folder), files)
        model, info = kind.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            dtype=dtype,
            variant=variant or None,
        )
        extra = [k for k in info.pop("unexpected_keys") if not k.endswith("position_ids")]
        if any(info.values()) or (extra and issubclass(kind, ModelMixin)):
            raise ValueError(str(info))
    except (*OPENING_ERRORS, SafetensorError) as error:
        raise TargetError(NO_FIT.format(what)) from error
    refuse_not_finite(model, what)
    return model


def empty(kind: type[nn.Module], config: dict, folder: Path) -> nn.Module:
    """The model of a description without memory for its weights."""
    with torch.device("meta"):
        if issubclass(kind, ModelMixin):
            return kind.from_config(config)
        return kind(kind.config_class.from_pretrained(folder, local_files_only=True))


def refuse_larger_than_files(model: nn.Module, files: Sequence[Path]) -> None:
    """Raise ValueError when files hold fewer bytes than the model has numbers: a small file, a huge description."""
    if sum(p.numel() for p in model.parameters()) > sum(file.stat().st_size for file in files):
        raise ValueError("fewer weights in the files than in the description")


def refuse_not_finite(model: nn.Module, what: str) -> None:
    """Raise TargetError for weights that are missing, infinite or no numbers."""
    weights = list(model.parameters())
    if any(weight.is_meta for weight in weights):
        raise TargetError(NO_FIT.format(what))
    if not all(torch.isfinite(weight).all() for weight in weights):
        raise TargetError(f"The weights of the model's {what} hold numbers that are not finite.")


def file_sha256(file: Path) -> str:
    """SHA-256 of a file of any size."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def joint_sha256(files: Sequence[tuple[str, Path]]) -> str:
    """The hash of one file, or of the lines "label hash" of several, sorted by label."""
    lines = sorted(f"{label} {file_sha256(file)}" for label, file in files)
    if len(lines) == 1:
        return lines[0].rpartition(" ")[2]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
