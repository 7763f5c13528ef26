"""State dicts: one file of named tensors, safetensors or torch, from which nothing but plain tensors is read.

A layout is recognised by names inside the file before anything is opened, and its network is built only without memory
until every name and shape is known to fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mia_viz.targets.header import check_header
from mia_viz.targets.layout import LayoutError, pickled_start, read_plain, refuse_absurd
from mia_viz.targets.target import TargetError
from mia_viz.targets.weights import NO_FIT, OPENING_ERRORS

SAFETENSORS = ".safetensors"


@dataclass(frozen=True)
class NetworkFacts:
    """What a pixel target asks of its network: sides (H, W) and channels C of the pictures, classes or None."""

    sample_size: tuple[int, int]
    in_channels: int
    num_class_embeds: int | None


@dataclass(frozen=True)
class Answer:
    """What a network says about x_t: (B, C or 2C, H, W)."""

    sample: Tensor


class AsUNet(nn.Module):
    """A network called like a diffusers UNet2DModel: the same arguments, the same kind of answer and configuration.

    untold: settings that its weights do not tell, as plain values by name (see `mia_viz.parametrisation.architecture`).
    """

    def __init__(self, network: nn.Module, config: NetworkFacts, untold: Mapping[str, Any]) -> None:
        super().__init__()
        self.network, self.config, self.untold = network, config, dict(untold)

    @property
    def timestep_scale(self) -> float:
        """What the network multiplies a level with, where its settings say so."""
        return getattr(self.network, "timestep_scale", 1.0)

    def forward(self, x_t: Tensor, timesteps: Tensor, class_labels: Tensor | None = None) -> Answer:
        """x_t (B, C, H, W); timesteps (B,); class_labels (B,) int64 where the network knows classes."""
        return Answer(self.network(x_t, timesteps, class_labels=class_labels))


def holds(path: Path, *names: str) -> bool:
    """Whether a file's tensors seem to have all of these names. Unpickles nothing, never raises."""
    if path.suffix.lower() == SAFETENSORS:
        try:
            check_header(path)
            with path.open("rb") as file:
                header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        except (TargetError, OSError, ValueError, RecursionError):
            return False
        return all(name in header for name in names)
    start = pickled_start(path)
    return all(re.search(rb"(?<![\w.])" + re.escape(name.encode()), start) for name in names)


def read_state(path: Path, telling: str) -> tuple[dict[str, Tensor], str]:
    """(the state dict that has a tensor named `telling`, the entry of the file it was found under, "" for the file).

    Of several the averaged one (with "ema" in its name) is taken, and a "module." before every name is dropped. Raises
    TargetError for anything but plain floating-point tensors that fit in the file.
    """
    try:
        if path.suffix.lower() == SAFETENSORS:
            check_header(path)
            saved = load_file(path)
        else:
            saved = read_plain(path)
        found = {key: _bare(part) for key, part in {"": saved, **saved}.items() if isinstance(part, dict)}
        found = {key: part for key, part in found.items() if telling in part}
        if not found:
            raise TargetError(f"{path.name} holds no set of tensors in this layout ({telling} is missing).")
        entry = min(found, key=lambda key: ("ema" not in str(key).lower(), str(key)))
        refuse_absurd(found[entry], path.stat().st_size)
    except TargetError:
        raise
    except LayoutError as error:
        raise TargetError(str(error)) from error
    except (*OPENING_ERRORS, SafetensorError) as error:
        raise TargetError(f"{path.name} is damaged, or no safetensors file.") from error
    return found[entry], str(entry)


def _bare(state: dict) -> dict[str, Tensor]:
    """The state dict without the prefix that training on several devices puts before every name."""
    names = [str(name) for name in state]
    if names and all(name.startswith("module.") for name in names):
        names = [name.removeprefix("module.") for name in names]
    return dict(zip(names, state.values(), strict=True))


def fitted(build: Callable[[], nn.Module], state: dict[str, Tensor]) -> nn.Module:
    """The network that `build` makes with exactly these weights, in float32. Raises TargetError where they differ.

    It is built without memory first, so that a small file cannot make us allocate a huge network.
    """
    try:
        with torch.device("meta"):
            network = build()
        if {name: tensor.shape for name, tensor in network.state_dict().items()} != {
            name: tensor.shape for name, tensor in state.items()
        }:
            raise ValueError("other names or shapes")
        network.load_state_dict({name: t.to(torch.float32, copy=True) for name, t in state.items()}, assign=True)
    except (*OPENING_ERRORS, AssertionError) as error:
        raise TargetError(NO_FIT.format("network")) from error
    if not all(torch.isfinite(weight).all() for weight in network.parameters()):
        raise TargetError("The model's weights hold numbers that are not finite.")
    return network
