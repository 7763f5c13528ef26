"""What ships with MIA-Viz: twin targets, their populations, and the way from a name to an open target.

A population is a folder of pictures with `population.json`: groups A, B and C (each picture in exactly one) and, within
each group, which pictures are for calibration, for choosing settings, for testing and for showing. The four are
disjoint. Target `x-a` was trained on all of group A, its twin `x-b` on all of group B, nobody on group C.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.targets.errors import TargetError

if TYPE_CHECKING:  # torch is loaded only when a target is opened, so that the first screen comes at once
    from mia_viz.targets.pixel import PixelTarget
    from mia_viz.targets.target import Target

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SPLITS = ("calibration", "choose", "test", "shown")
PIXEL_PIPELINES = ("DDPMPipeline", "DDIMPipeline", "PNDMPipeline")


@dataclass(frozen=True)
class Population:
    """A set of pictures of which every membership is known; captions where a target takes them, one per picture.

    kind: what they are, in two words. one: what a single picture is called. about: a sentence on where they come from.
    draw: whether a visitor can draw such a picture.
    """

    name: str
    title: str
    kind: str
    one: str
    about: str
    draw: bool
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
    words = (
        facts.get("kind", facts["title"]),
        facts.get("one", "picture"),
        facts.get("about", ""),
        facts.get("draw", False),
    )
    return Population(name, facts["title"], *words, folder / "pictures", *columns, captions=texts)


def bundled_names() -> list[str]:
    """Names of the bundled targets, finished ones before earlier training ages."""
    folders = sorted(p.parent.name for p in (ASSETS / "targets").glob("*/model_index.json"))
    return sorted(folders, key=lambda name: (name.count("-"), name))


def family_of(name: str) -> str:
    """The population a bundled target was trained on a part of: "brain" for brain-a and brain-a-0200."""
    return name.split("-")[0]


def families() -> list[str]:
    """Populations with at least one bundled target."""
    known = sorted({family_of(name) for name in bundled_names()})
    return [name for name in known if (ASSETS / name / "population.json").is_file()]


def captioned(family: str) -> bool:
    """Whether a family's targets are told a caption beside the picture."""
    return population(family).captions is not None


def captioned_names() -> list[str]:
    """Names of the bundled targets that take captions."""
    return [name for name in bundled_names() if captioned(family_of(name))]


def manifest(name: str) -> dict:
    """The manifest of a bundled target: title, description, what it was trained on, recipe, losses."""
    return json.loads((ASSETS / "targets" / name / "manifest.json").read_text(encoding="utf-8"))


def title(name: str) -> str:
    """What a model is called on its card: a bundled one's title, else the name itself."""
    return manifest(name)["title"] if name in bundled_names() else name


def reference_file(name: str) -> Path:
    """Where the reference of a bundled target lies."""
    return ASSETS / "references" / f"{name}.safetensors"


def case_file(family: str) -> Path:
    """Where the case lies that a family is shown with before anything is asked."""
    return ASSETS / "cases" / f"{family}.npz"


def evaluation(name: str) -> dict | None:
    """What `evaluate` wrote about a bundled target (see `commands.evaluation_report.as_json`), or None."""
    file = ASSETS / "evaluations" / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


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
    return population(family_of(name)) if name in bundled_names() else None


def open_target(
    where: str, device: str = "cpu", precision: str = "auto", lora: str | None = None, guidance: float = 1.0
) -> Target:
    """Open a bundled name, a diffusers folder, a single-file safetensors checkpoint, a research checkpoint (.pt of the
    SecMI/PIA/FreMIA layout or of guided-diffusion's), a MONAI network (folder or file) or a hub's model ("owner/name").

    precision: "auto" is float32, except on a CUDA device for latent models that were saved in half precision.
    lora: a safetensors file of LoRA weights to put on top; guidance: of models that take captions or classes, 1 for
    none. Raises TargetError with one sentence when it cannot be opened.
    """
    if where in bundled_names():  # their references were computed in float32
        exact = "float32" if precision == "auto" else precision
        return _open_folder(ASSETS / "targets" / where, where, device, exact, lora, guidance)
    path = Path(where)
    if path.is_dir():
        return _open_folder(path, path.resolve().name, device, precision, lora, guidance)
    if path.is_file() and (opened := _opener_of_state_dicts(path)) is not None:
        return opened(path, device, _pixel_precision(precision, lora, guidance))
    if path.is_file() and path.suffix.lower() == ".safetensors":
        from mia_viz.targets.latent_sources import open_single_file

        return open_single_file(path, device, precision, _file(lora), guidance)
    if not path.exists():
        return _open_hub(where, device, precision, lora, guidance)
    return _open_checkpoint(path, device, _pixel_precision(precision, lora, guidance))


def _opener_of_state_dicts(path: Path) -> Callable[[Path, str, str], Target] | None:
    """What opens a single file of named tensors, by the names in it; None for other files."""
    from mia_viz.targets.guided import is_guided, open_guided
    from mia_viz.targets.monai import is_monai_file, open_monai

    if is_guided(path):
        return open_guided
    return open_monai if is_monai_file(path) else None


def _open_folder(folder: Path, name: str, device: str, precision: str, lora: str | None, guidance: float) -> Target:
    from mia_viz.targets.monai import is_monai_folder, open_monai

    if is_monai_folder(folder):
        return open_monai(folder, device, _pixel_precision(precision, lora, guidance))
    if _pipeline(folder) in PIXEL_PIPELINES:
        from mia_viz.targets.pixel import open_folder

        return open_folder(folder, name, device, _pixel_precision(precision, lora, guidance))
    from mia_viz.targets.latent_open import open_latent

    return open_latent(folder, name, device, precision, _file(lora), guidance)


def _pipeline(folder: Path) -> object:
    """The pipeline class a folder names; that of a pixel model where it names none, so that its refusal applies."""
    index = folder / "model_index.json"
    if not index.is_file() or index.stat().st_size > 1_000_000:
        return PIXEL_PIPELINES[0]
    try:
        return json.loads(index.read_text(encoding="utf-8")).get("_class_name")
    except (ValueError, AttributeError, RecursionError):
        return PIXEL_PIPELINES[0]


def _open_hub(where: str, device: str, precision: str, lora: str | None, guidance: float) -> Target:
    if where.count("/") == 1 and not Path(where).parent.exists():
        from mia_viz.targets.latent_sources import download, is_hub_id

        if is_hub_id(where):
            return _open_folder(download(where), where.replace("/", "-"), device, precision, lora, guidance)
    raise TargetError(f'There is no model called "{Path(where).name}"; bundled are {", ".join(bundled_names())}.')


def _file(lora: str | None) -> Path | None:
    return None if lora is None else Path(lora)


def _pixel_precision(precision: str, lora: str | None, guidance: float) -> str:
    """The precision of a pixel model. Raises TargetError for what such models do not have."""
    if lora is not None:
        raise TargetError("LoRA weights can be put on text-to-image models only.")
    if guidance != 1:
        raise TargetError("This model takes no captions or classes, so it cannot be guided.")
    return "float32" if precision == "auto" else precision


def _open_checkpoint(path: Path, device: str, precision: str) -> PixelTarget:
    from mia_viz.diffusion import Schedule
    from mia_viz.targets.layout import LayoutError, is_research_checkpoint, load_research_checkpoint
    from mia_viz.targets.pixel import PixelTarget
    from mia_viz.targets.target import Card

    if not is_research_checkpoint(path):
        raise TargetError(
            "A model is a diffusers folder, a safetensors file, a hub's model (owner/name), a MONAI network or a "
            "checkpoint of a published research layout; other pickle files are never opened."
        )
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
