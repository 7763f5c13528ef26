"""Checkpoints of guided-diffusion and improved-diffusion, and of everything trained with either code.

A checkpoint is a state dict with input_blocks, middle_block, output_blocks, time_embed and, with classes, label_emb.
The architecture is read from its tensors, the rest as `guided_settings` says. A learned variance (twice the outputs;
Nichol & Dhariwal 2021, section 3.1) is left out: attacks ask for the noise alone.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from mia_viz.targets.checkpoint import AsUNet, NetworkFacts, fitted, holds, read_state
from mia_viz.targets.guided_network import BLOCK, CONVOLUTION, POOLING, Architecture, GuidedUNet
from mia_viz.targets.guided_settings import read_settings
from mia_viz.targets.pixel import MAX_CHANNELS, PixelTarget
from mia_viz.targets.target import Card, TargetError
from mia_viz.targets.weights import file_sha256

FIRST = "input_blocks.0.0.weight"
TELLING = (FIRST, "output_blocks.0.0.in_layers.0.weight", "time_embed.0.weight")
MOST_BLOCKS = 200
NOT_THIS = "The checkpoint's tensors do not form a network of guided-diffusion or improved-diffusion."


def is_guided(path: Path) -> bool:
    """Whether a file looks like this layout. Opens nothing, never raises."""
    return holds(path, *TELLING)


def open_guided(path: Path, device: str = "cpu", precision: str = "float32") -> PixelTarget:
    """Open a checkpoint, with settings from the JSON file of its name beside it, if any. Raises TargetError."""
    state, entry = read_state(path, FIRST)
    found = read_architecture(state)
    settings, assumed = read_settings(path.with_suffix(".json"), found)
    schedule = settings.schedule
    network = fitted(lambda: GuidedUNet(found, settings.heads, settings.timestep_scale), state)
    side = settings.image_size
    facts = NetworkFacts((side, side), found.channels, found.classes or None)
    assumed = ("Pictures were scaled to the range -1 to 1 in training.", *assumed)
    if found.outputs == 2 * found.channels:
        assumed += ("The second half of the network's channels is a variance, which is left out.",)
    if "ema" not in f"{path.stem} {entry}".lower():
        assumed += ("Whether the weights are averaged (EMA) is not stated; they were taken as they are.",)
    card = Card(
        title=path.stem,
        description="A pixel-space diffusion model in the layout of guided-diffusion and improved-diffusion.",
        parameters=sum(p.numel() for p in network.parameters()),
        assumed=assumed,
    )
    prediction = "sample" if settings.predict_xstart else "epsilon"
    network = AsUNet(network, facts, asdict(settings.heads))
    return PixelTarget(network, schedule, path.stem, card, device, prediction, precision, file_sha256(path))


def read_architecture(state: dict[str, Tensor]) -> Architecture:
    """The architecture that names and shapes tell. Raises TargetError for tensors that cannot be such a network."""
    up, down = (_numbers(state, kind) for kind in ("output_blocks", "input_blocks"))
    if not up or not down or max(up) >= MOST_BLOCKS or max(down) >= MOST_BLOCKS:
        raise TargetError(NOT_THIS)
    learned = [i for i in up if any(f"output_blocks.{i}.{j}.conv.weight" in state for j in (1, 2))]
    inside = [i for i in up if any(f"output_blocks.{i}.{j}.in_layers.0.weight" in state for j in (1, 2))]
    gaps = [i for i in range(max(down)) if i not in down]
    resampling = CONVOLUTION if learned else BLOCK if inside else POOLING
    levels = 1 + max(len(learned), len(inside), len(gaps))
    count = len(up) // levels
    if len(up) % levels or count < 2:
        raise TargetError(NOT_THIS)
    firsts = [1 + level * count for level in range(levels)]
    widths = tuple(_rows(state, f"input_blocks.{i}.0.out_layers.3.weight") for i in firsts)
    channels, outputs = _shape(state, FIRST)[1], _rows(state, "out.2.weight")
    if channels not in (1, 3) or outputs not in (channels, 2 * channels):
        raise TargetError(
            "Only models of grey or RGB pictures that predict one value per pixel and channel are supported."
        )
    if max(widths) > MAX_CHANNELS:
        raise TargetError("The model's channel widths are missing or absurdly large.")
    return Architecture(
        base=_shape(state, "time_embed.0.weight")[1],
        widths=widths,
        res_blocks=count - 1,
        attention=tuple(k for k, i in enumerate(firsts) if f"input_blocks.{i}.1.qkv.weight" in state),
        channels=channels,
        outputs=outputs,
        classes=_rows(state, "label_emb.weight") if "label_emb.weight" in state else 0,
        scale_shift=_rows(state, "input_blocks.1.0.emb_layers.1.weight") == 2 * widths[0],
        resampling=resampling,
    )


def _numbers(state: dict[str, Tensor], kind: str) -> set[int]:
    """The numbers of the blocks of one kind that have tensors."""
    found = (re.match(rf"{kind}\.(\d{{1,4}})\.", name) for name in state)
    return {int(match[1]) for match in found if match}


def _shape(state: dict[str, Tensor], name: str) -> tuple[int, ...]:
    """The shape of one tensor of two axes or more. Raises TargetError where there is none."""
    if name not in state or state[name].ndim < 2:
        raise TargetError(NOT_THIS)
    return tuple(state[name].shape)


def _rows(state: dict[str, Tensor], name: str) -> int:
    return _shape(state, name)[0]
