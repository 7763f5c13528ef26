"""MONAI's DiffusionModelUNet with its noise scheduler, for those who train on medical images with MONAI.

Three places hold one: a bundle (configs/inference.json, configs/metadata.json, models/model.pt), a folder (config.json
with model.safetensors or model.pt), and a file with the JSON of its name beside it. MONAI is an optional extra: it
builds the network and the schedule, everything else is read and checked before it is asked.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mia_viz.diffusion import Schedule
from mia_viz.targets.checkpoint import AsUNet, NetworkFacts, fitted, holds, read_state
from mia_viz.targets.monai_settings import Description, describe, names_network
from mia_viz.targets.pixel import PixelTarget, read_json
from mia_viz.targets.target import Card, TargetError
from mia_viz.targets.weights import OPENING_ERRORS, file_sha256

FIRST = "conv_in.conv.weight"
TELLING = (FIRST, "time_embed.0.weight", "middle_block.resnet_1.conv1.conv.weight", "out.2.conv.weight")
WEIGHTS = ("model.safetensors", "model.pt")
MISSING = "This model needs MONAI, which is not installed; pip install -r requirements-monai.txt brings it."
OLD_TENSORS = (
    (re.compile(r"((?:attentions\.\d+|attention)\.)(to_[qkv]\.)"), r"\1attn.\2"),
    (re.compile(r"\.proj_attn\."), ".attn.out_proj."),
    (re.compile(r"(up_blocks\.\d+\.upsampler\.)conv\."), r"\1postconv."),
)
"""How MONAI's generative package named what MONAI names otherwise."""


@dataclass(frozen=True)
class Place:
    """Where a model lies: its weights, its configuration, and a bundle's metadata.json (None elsewhere)."""

    name: str
    weights: Path
    config: Path
    metadata: Path | None = None


class MonaiTarget(PixelTarget):
    """A pixel target whose pictures were scaled to `x0_range` in training, such as 0 to 1."""

    def __init__(self, *arguments, value_range: tuple[float, float], **named) -> None:
        super().__init__(*arguments, **named)
        self.x0_range = value_range

    def encode(self, pixels: Tensor) -> Tensor:
        low, high = self.x0_range
        return low + (pixels.to(self.device) + 1) * ((high - low) / 2)

    def decode(self, x_0: Tensor) -> Tensor:
        low, high = self.x0_range
        return (x_0 - low) * (2 / (high - low)) - 1


def is_monai_file(path: Path) -> bool:
    """Whether a file's tensors look like a DiffusionModelUNet's. Opens nothing, never raises."""
    return holds(path, *TELLING)


def is_monai_folder(folder: Path) -> bool:
    """Whether a folder is a MONAI bundle or holds the configuration of a DiffusionModelUNet. Never raises."""
    if (folder / "model_index.json").is_file():
        return False
    if any((folder / "configs" / f"inference.{kind}").is_file() for kind in ("json", "yaml", "yml")):
        return True
    try:
        return names_network(read_json(folder / "config.json", "configuration"))
    except TargetError:
        return False


def find(path: Path) -> Place:
    """The parts of a model at a folder or file. Raises TargetError where one is missing."""
    if path.is_file():
        return Place(path.stem, path, path.with_suffix(".json"))
    bundle = (path / "configs").is_dir() and not (path / "config.json").is_file()
    folder = path / "models" if bundle else path
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise TargetError(f"The model folder has no weights ({' or '.join(WEIGHTS)} is missing).")
    if not bundle:
        return Place(path.resolve().name, weights, path / "config.json")
    config = path / "configs" / "inference.json"
    if not config.is_file():
        raise TargetError("Of MONAI bundles only those with configs/inference.json are read; this one has none.")
    return Place(path.resolve().name, weights, config, path / "configs" / "metadata.json")


def open_monai(path: Path, device: str = "cpu", precision: str = "float32") -> MonaiTarget:
    """Open a bundle, folder or file. Raises TargetError."""
    place = find(path)
    if not place.config.is_file():
        raise TargetError(f"The network does not describe itself; put its description, {place.config.name}, beside it.")
    config = read_json(place.config, "configuration")
    metadata = place.metadata is not None and place.metadata.is_file()
    about = describe(config, read_json(place.metadata, "metadata") if metadata else {}, place.config)
    if importlib.util.find_spec("monai") is None or importlib.util.find_spec("einops") is None:
        raise TargetError(MISSING)
    state, entry = read_state(place.weights, FIRST)
    schedule = monai_schedule(about)
    network = fitted(lambda: build(about), {modern(name): tensor for name, tensor in state.items()})
    facts = NetworkFacts(about.sides, about.network["in_channels"], about.network.get("num_class_embeds"))
    return MonaiTarget(
        AsUNet(network, facts, about.network),
        schedule,
        place.name,
        card_of(place, about, entry, sum(p.numel() for p in network.parameters())),
        device,
        about.prediction,
        precision,
        file_sha256(place.weights),
        value_range=about.value_range,
    )


def build(about: Description) -> torch.nn.Module:
    """MONAI's network, as it is described."""
    from monai.networks.nets import DiffusionModelUNet

    return DiffusionModelUNet(**about.network)


def monai_schedule(about: Description) -> Schedule:
    """The gains of MONAI's own noise schedule. Raises TargetError for one that does not go from little to much."""
    from monai.networks.schedulers.scheduler import Scheduler

    try:
        alphas = Scheduler(**about.scheduler).alphas_cumprod
    except OPENING_ERRORS as error:
        raise TargetError("The model's noise schedule cannot be read.") from error
    if not (alphas[-1] >= 0 and alphas[0] < 1 and (alphas.diff() < 0).all()):  # NaN fails too
        raise TargetError("The model's noise schedule does not go from little noise to much.")
    return Schedule.from_alphas_cumprod(alphas)


def modern(name: str) -> str:
    """A tensor's name in MONAI, also for checkpoints of its generative package."""
    for pattern, new in OLD_TENSORS:
        name = pattern.sub(new, name)
    return name


def card_of(place: Place, about: Description, entry: str, parameters: int) -> Card:
    """What a person should know, with what was assumed."""
    assumed = about.assumed
    if entry:
        assumed += (f'Of the file the weights under "{entry[:40]}" were taken.',)
    return Card(
        title=place.name,
        description="A pixel-space diffusion model of MONAI (DiffusionModelUNet).",
        parameters=parameters,
        assumed=assumed,
    )
