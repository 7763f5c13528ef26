"""What ships with MIA-Viz: twin targets, their populations, and the way from a name to an open target.

A population is a folder of pictures with `population.json`: groups A, B and C (each picture in exactly one) and, within
each group, which pictures are for calibration, for choosing settings, for testing and for showing. The four are
disjoint. Target `x-a` was trained on all of group A, its twin `x-b` on all of group B, nobody on group C.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.targets.errors import TargetError

if TYPE_CHECKING:  # torch is loaded only when a target is opened, so that the first screen comes at once
    from mia_viz.targets.pixel import PixelTarget

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SPLITS = ("calibration", "choose", "test", "shown")


@dataclass(frozen=True)
class Population:
    """A set of pictures of which every membership is known; captions where a target takes them, one per picture."""

    name: str
    title: str
    folder: Path
    files: tuple[str, ...]
    group: tuple[str, ...]
    split: tuple[str, ...]
    captions: tuple[str, ...] | None = None

    def indices(self, groups: str, split: str) -> list[int]:
        """Positions of the pictures of some groups ("A", "BC") in one split."""
        return [i for i, (g, s) in enumerate(zip(self.group, self.split, strict=True)) if g in groups and s == split]

    def path(self, index: int) -> Path:
        return self.folder / self.files[index]


@lru_cache(maxsize=8)
def population(name: str) -> Population:
    """A bundled population. Raises TargetError when there is none of that name."""
    folder = ASSETS / name
    if not (folder / "population.json").is_file():
        raise TargetError(f"There are no bundled pictures called {name}.")
    facts = json.loads((folder / "population.json").read_text(encoding="utf-8"))
    rows = [
        (f"{i:04d}.png", group, split)
        for group, parts in facts["groups"].items()
        for split, (first, last) in parts.items()
        for i in range(first, last)
    ]
    rows.sort()
    columns = (tuple(column) for column in zip(*rows, strict=True))
    captions = folder / "captions.json"
    texts = tuple(json.loads(captions.read_text(encoding="utf-8"))) if captions.is_file() else None
    return Population(name, facts["title"], folder / "pictures", *columns, captions=texts)


def bundled_names() -> list[str]:
    """Names of the bundled targets, finished ones before earlier training ages."""
    folders = sorted(p.parent.name for p in (ASSETS / "targets").glob("*/model_index.json"))
    return sorted(folders, key=lambda name: (name.count("-"), name))


def manifest(name: str) -> dict:
    """The manifest of a bundled target: title, description, what it was trained on, recipe, losses."""
    return json.loads((ASSETS / "targets" / name / "manifest.json").read_text(encoding="utf-8"))


def reference_file(name: str) -> Path:
    """Where the reference of a bundled target lies."""
    return ASSETS / "references" / f"{name}.safetensors"


def trained_group(name: str) -> str:
    """The group a bundled target was trained on: "A" for brain-a and its earlier ages, "B" for its twin."""
    return name.split("-")[1].upper()


def twin_of(name: str) -> str | None:
    """The bundled target of the other half: brain-a and brain-b are twins; earlier ages have none."""
    parts = name.split("-")
    if len(parts) != 2 or parts[1] not in "ab":
        return None
    other = f"{parts[0]}-{'b' if parts[1] == 'a' else 'a'}"
    return other if other in bundled_names() else None


def population_of(name: str) -> Population | None:
    """The population a bundled target belongs to; None for a model of the user's own."""
    return population(name.split("-")[0]) if name in bundled_names() else None


def open_target(where: str, device: str = "cpu", precision: str = "float32") -> PixelTarget:
    """Open a bundled name, a diffusers folder or a research checkpoint (.pt of the SecMI/PIA/FreMIA layout).

    Raises TargetError with one sentence when it cannot be opened.
    """
    from mia_viz.targets.layout import is_research_checkpoint
    from mia_viz.targets.pixel import open_folder

    if where in bundled_names():
        return open_folder(ASSETS / "targets" / where, where, device, precision)
    path = Path(where)
    if path.is_dir():
        return open_folder(path, path.resolve().name, device, precision)
    if not path.exists():
        raise TargetError(f'There is no model called "{path.name}"; bundled are {", ".join(bundled_names())}.')
    if not is_research_checkpoint(path):
        raise TargetError("A model is a diffusers folder or a checkpoint file of the published research layout.")
    return _open_checkpoint(path, device, precision)


def _open_checkpoint(path: Path, device: str, precision: str) -> PixelTarget:
    from mia_viz.diffusion import Schedule
    from mia_viz.targets.layout import LayoutError, load_research_checkpoint
    from mia_viz.targets.pixel import PixelTarget
    from mia_viz.targets.target import Card

    try:
        found = load_research_checkpoint(path)
    except LayoutError as error:
        raise TargetError(str(error)) from error
    found.unet.config["sample_size"] = found.image_size
    card = Card(
        title=path.stem,
        description="A pixel-space DDPM in the layout shared by published attack code.",
        parameters=sum(p.numel() for p in found.unet.parameters()),
        assumed=found.assumed,
    )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    schedule = Schedule.linear(found.steps, found.beta_start, found.beta_end)
    return PixelTarget(found.unet, schedule, path.stem, card, device, precision=precision, weights_sha256=sha256)
