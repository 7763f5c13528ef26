"""Models that are no folder on this machine: single-file checkpoints, and models of a hub."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import diffusers
import torch
from diffusers.loaders.single_file_utils import fetch_diffusers_config, infer_diffusers_model_type
from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, OfflineModeIsEnabled
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from mia_viz.targets.bundled import PIXEL_PIPELINES
from mia_viz.targets.errors import TargetError
from mia_viz.targets.header import check_header
from mia_viz.targets.latent import LatentTarget
from mia_viz.targets.latent_open import PRECISIONS, UNREAD, check_listed, quiet
from mia_viz.targets.latent_parts import FLUX, SD, SD3, XL, Parts, assemble, layout_of
from mia_viz.targets.lora import add_lora
from mia_viz.targets.pixel import read_json
from mia_viz.targets.weights import (
    NO_FIT,
    OPENING_ERRORS,
    check_config,
    refuse_larger_than_files,
    refuse_not_finite,
    stored_dtype,
)

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
FILE_KINDS = {"v1": SD, "v2": SD, "xl_base": XL, "playground-v2-5": XL, "sd3": SD3, "sd35_medium": SD3}
FILE_KINDS |= {"sd35_large": SD3, "flux-dev": FLUX, "flux-schnell": FLUX}
NETWORK_KEYS = ("model.diffusion_model.", "double_blocks.", "joint_blocks.")
NO_CONFIG = (
    "A single file does not describe itself, and its description cannot be downloaded without a network; put the "
    "description (a diffusers folder without weights, named {}) beside it."
)


def is_hub_id(where: str) -> bool:
    """Whether a text has the form of a hub's model name, "owner/name"."""
    return HUB_ID.fullmatch(where) is not None and ".." not in where


def no_network() -> bool:
    """Whether the hub cannot be reached, as far as can be told at once; HF_HUB_OFFLINE counts as such."""
    if constants.HF_HUB_OFFLINE:
        return True
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return False
    try:
        socket.getaddrinfo(constants.ENDPOINT.split("//")[-1].split("/")[0].split(":")[0], 443)
    except OSError:
        return True
    return False


def download(name: str) -> Path:
    """The local folder of a hub's model, downloaded by diffusers if need be: safetensors only, no code.

    What kind of model it is is asked first, so that nothing large is downloaded in vain. Raises TargetError with one
    sentence when it cannot be had.
    """
    local = no_network()
    with quiet():
        try:
            index = Path(hf_hub_download(name, "model_index.json", local_files_only=local))
            kind = read_json(index, "list of parts").get("_class_name")
            if kind not in PIXEL_PIPELINES:
                layout_of(kind)
            unread = dict.fromkeys(UNREAD)
            found = diffusers.DiffusionPipeline.download(name, use_safetensors=True, local_files_only=local, **unread)
        except TargetError:
            raise
        except GatedRepoError as error:
            raise TargetError(f'The model "{name}" is handed out only to people who accepted its terms.') from error
        except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
            raise TargetError(
                f'"{name}" is no file or folder here, and a model of a hub cannot be downloaded without a network.'
            ) from error
        except OPENING_ERRORS as error:
            raise TargetError(f'The hub gives no model "{name}" that diffusers can read from safetensors.') from error
    return Path(found)


def open_single_file(
    file: Path, device: str = "cpu", precision: str = "auto", lora: Path | None = None, guidance: float = 1.0
) -> LatentTarget:
    """Open one safetensors file that holds a whole Stable Diffusion (1.x to 3.5) or Flux model.

    Its description is the diffusers folder of the file's own name beside it (x.safetensors and x/), else that of the
    published model it looks like, from the hub or its cache. Raises TargetError.
    """
    with quiet():
        parts = read_single_file(file, device, precision)
        if lora is not None:
            add_lora(parts, lora)
    return assemble(parts, file.stem, device, guidance)


def read_single_file(file: Path, device: str, precision: str) -> Parts:
    """All parts of a single file; see `open_single_file`."""
    stored = stored_dtype([file])
    on_cuda = torch.device(device).type == "cuda"
    dtype = PRECISIONS.get(precision, stored if on_cuda else torch.float32)
    kind, config = describe(file)
    try:
        pipeline = getattr(diffusers, kind).from_single_file(
            str(file), config=config, local_files_only=no_network(), dtype=dtype, **single_file_extras(kind)
        )
        parts = {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}
        for part in parts.values():
            refuse_larger_than_files(part, [file])
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise TargetError(NO_CONFIG.format(file.stem)) from error
    except (*OPENING_ERRORS, SafetensorError, ImportError) as error:
        raise TargetError(NO_FIT.format("parts")) from error
    for name, part in parts.items():
        refuse_not_finite(part, name)
    tokenizers = {name: part for name, part in pipeline.components.items() if name.startswith("tokenizer") and part}
    scheduler = {**pipeline.scheduler.config, "_class_name": type(pipeline.scheduler).__name__}
    said = f"The file does not describe itself; the description of {Path(config).name} was taken."
    return Parts(kind, dict(pipeline.config), parts, tokenizers, scheduler, [("checkpoint", file)], assumed=(said,))


def single_file_extras(kind: str) -> dict[str, object]:
    """Parts that are left out."""
    if kind == SD:
        return {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return {"add_watermarker": False} if kind == XL else {}


def describe(file: Path) -> tuple[str, str]:
    """(pipeline class, folder or hub id of the description). Raises TargetError for files that hold no whole model."""
    check_header(file)
    try:
        names = load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise TargetError(f"{file.name} is damaged, or no safetensors file.") from error
    if not any(key.startswith(NETWORK_KEYS) for key in names):
        raise TargetError(f"{file.name} holds no whole diffusion model; LoRA weights go on top of one with --lora.")
    beside = file.with_suffix("")
    if (beside / "model_index.json").is_file():
        index = read_json(beside / "model_index.json", "list of parts")
        kind = index.get("_class_name")
        if kind not in FILE_KINDS.values():
            raise TargetError(f"The folder {beside.name} describes a {kind}, which is never stored as a single file.")
        check_listed(index)
        for config in sorted(beside.glob("*/config.json")):
            check_config(read_json(config, f"description of the {config.parent.name}"), config.parent.name)
        return kind, str(beside)
    kind = FILE_KINDS.get(infer_diffusers_model_type(names))
    if kind is None:
        raise TargetError(f"{file.name} is a kind of model that MIA-Viz does not know.")
    published = fetch_diffusers_config(names)["pretrained_model_name_or_path"]
    if no_network() and not cached(published):
        raise TargetError(NO_CONFIG.format(file.stem))
    return kind, published


def cached(name: str) -> bool:
    """Whether a hub's model has left its list of parts on this machine."""
    try:
        hf_hub_download(name, "model_index.json", local_files_only=True)
    except (LocalEntryNotFoundError, OSError):
        return False
    return True
