"""Opening latent pipelines: folders of diffusers, single files, models of a hub, and LoRA weights on top of any."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from mia_viz.targets.errors import TargetError
from mia_viz.targets.latent import LatentTarget
from mia_viz.targets.latent_parts import VAES, Layout, Parts, assemble, check_network, layout_of, network_class
from mia_viz.targets.lora import add_lora
from mia_viz.targets.pixel import read_json
from mia_viz.targets.weights import OPENING_ERRORS, check_config, read_part, stored_dtype, weight_files

TEXT_ENCODERS = ("CLIPTextModel", "CLIPTextModelWithProjection", "T5EncoderModel")
TOKENIZERS = {"CLIPTokenizer": "CLIPTokenizer", "CLIPTokenizerFast": "CLIPTokenizer"}
TOKENIZERS |= {"T5Tokenizer": "T5TokenizerFast", "T5TokenizerFast": "T5TokenizerFast"}
UNREAD = ("safety_checker", "feature_extractor", "image_encoder")
"""Parts of pipelines that no question needs."""
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def open_latent(
    folder: Path,
    name: str | None = None,
    device: str = "cpu",
    precision: str = "auto",
    lora: Path | None = None,
    guidance: float = 1.0,
) -> LatentTarget:
    """Open a pipeline folder of diffusers as a target.

    precision: of network and text encoders; "auto" is as they were saved on a CUDA device, and float32 on a CPU.
    Only safetensors are read. Raises TargetError when something is missing, incomplete, a pickle or unsupported.
    """
    with quiet():
        parts = read_folder(folder, device, precision)
        if lora is not None:
            add_lora(parts, lora)
    return assemble(parts, name or folder.resolve().name, device, guidance)


def read_folder(folder: Path, device: str, precision: str) -> Parts:
    """All parts of a pipeline folder; those it lacks are looked for in the folder its manifest shares with."""
    if not folder.is_dir():
        raise TargetError("There is no model folder of that name.")
    index = read_json(folder / "model_index.json", "list of parts")
    layout = layout_of(index.get("_class_name"))
    facts = read_json(folder / "manifest.json", "manifest") if (folder / "manifest.json").is_file() else {}
    places = (folder, *shared(folder, facts.get("shares")))
    vae = next((part for part in layout.vae if index.get(part)), layout.vae[0])
    scheduler = read_json(_part(places, "scheduler") / "scheduler_config.json", "noise schedule")
    folders = {name: _part(places, name) for name in (layout.network, vae)}
    kinds = {layout.network: network_class(layout), vae: vae_class(folders[vae])}
    check_descriptions(layout, index["_class_name"], folders[layout.network], folders[vae])
    dtype = chosen_dtype(folders[layout.network], device, precision)
    modules, tokenizers = {}, {}
    for name, kind in kinds.items():
        part_dtype = torch.float32 if name == vae else dtype
        modules[name] = read_part(kind, folders[name], name, part_dtype)
    for name in text_parts(layout, index):
        folders[name] = _part(places, name)
        modules[name] = read_part(text_class(index[name]), folders[name], name, dtype)
        tokens = name.replace("text_encoder", "tokenizer")
        tokenizers[tokens] = read_tokenizer(_part(places, tokens), index.get(tokens))
    files = [(f"{name}/{file.name}", file) for name, place in folders.items() for file in weight_files(place, name)[1]]
    return Parts(index["_class_name"], index, modules, tokenizers, scheduler, files, facts)


def shared(folder: Path, name: object) -> tuple[Path, ...]:
    """The folder beside this one that holds the parts it shares, if its manifest names one. Raises TargetError."""
    if name is None:
        return ()
    beside = folder.resolve().parent / str(name)
    if not name or Path(str(name)).name != name or not beside.is_dir():
        raise TargetError(f"The folder {name} with the model's shared parts is missing beside it.")
    return (beside,)


def _part(places: tuple[Path, ...], name: str) -> Path:
    return next((place / name for place in places if (place / name).is_dir()), places[0] / name)


def text_parts(layout: Layout, index: dict) -> list[str]:
    """Names of the text encoders to open. Raises TargetError when one the model needs is left out."""
    missing = [ending for ending in layout.texts if not _listed(index, f"text_encoder{ending}")]
    if missing:
        raise TargetError(f"The model has no text_encoder{missing[0]}, which models of this kind need.")
    present = [ending for ending in layout.optional if _listed(index, f"text_encoder{ending}")]
    return [f"text_encoder{ending}" for ending in (*layout.texts, *present)]


def _listed(index: dict, name: str) -> bool:
    entry = index.get(name)
    return isinstance(entry, list) and len(entry) == 2 and entry[1] is not None


def text_class(entry: list) -> type[nn.Module]:
    """The text encoder's class. Raises TargetError for any but those of the supported pipelines."""
    if entry[0] != "transformers" or entry[1] not in TEXT_ENCODERS:
        raise TargetError(f"The text encoder is a {entry[1]} of {entry[0]}, which MIA-Viz does not know.")
    return getattr(transformers, entry[1])


def check_listed(index: dict) -> None:
    """Raise TargetError where a list of parts names classes of unknown origin: naming one imports its module."""
    for name, entry in index.items():
        if not _listed(index, name) or name in UNREAD:
            continue
        if name.startswith("text_encoder"):
            text_class(entry)
        elif name.startswith("tokenizer"):
            check_tokenizer(entry)
        elif entry[0] != "diffusers":
            raise TargetError(f"The model's {name} is a {entry[1]} of {entry[0]}, which MIA-Viz does not know.")


def vae_class(folder: Path) -> type[nn.Module]:
    """The VAE's class from its own description. Raises TargetError for an unknown one."""
    kind = read_json(folder / "config.json", "description of the VAE").get("_class_name")
    if kind not in VAES:
        raise TargetError(f"The model's VAE is a {kind}; supported are {' and '.join(VAES)}.")
    return VAES[kind]


def check_tokenizer(entry: Any) -> None:
    """Raise TargetError unless an entry of the list of parts names one of the known tokenizers."""
    if not isinstance(entry, list) or len(entry) != 2 or entry[0] != "transformers" or entry[1] not in TOKENIZERS:
        raise TargetError("The model names no tokenizer that MIA-Viz knows.")


def read_tokenizer(folder: Path, entry: Any) -> Any:
    """A tokenizer of one of the known classes. Raises TargetError."""
    check_tokenizer(entry)
    if not folder.is_dir():
        raise TargetError(f"The model folder has no {folder.name}.")
    try:
        tokenizer = getattr(transformers, TOKENIZERS[entry[1]]).from_pretrained(folder, local_files_only=True)
        if not 1 <= tokenizer.model_max_length <= 1024 and "CLIP" in entry[1]:
            raise ValueError("no length")
    except OPENING_ERRORS as error:
        raise TargetError("The model's tokenizer cannot be read.") from error
    return tokenizer


def check_descriptions(layout: Layout, kind: str, network: Path, vae: Path) -> None:
    """Refuse what cannot be used before anything is allocated. Raises TargetError."""
    config = read_json(network / "config.json", "description of the network")
    if config.get("_class_name") != layout.network_kind:
        raise TargetError(f"The network is a {config.get('_class_name')}; a {kind} needs a {layout.network_kind}.")
    described = read_json(vae / "config.json", "description of the VAE")
    check_network(kind, check_config(config, "network"), check_config(described, "VAE"))


def chosen_dtype(network: Path, device: str, precision: str) -> torch.dtype:
    """The precision to open network and text encoders in."""
    if precision != "auto":
        return PRECISIONS[precision]
    if torch.device(device).type != "cuda":
        return torch.float32
    return stored_dtype(weight_files(network, "network")[1])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the remarks and progress bars of diffusers and transformers, which would mix with our one sentence."""
    import diffusers

    logs = (diffusers.utils.logging, transformers.utils.logging)
    before = [log.get_verbosity() for log in logs]
    for log in logs:
        log.set_verbosity(log.CRITICAL)
        log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.set_verbosity(level)
            log.enable_progress_bar()
