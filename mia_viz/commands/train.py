"""`train`: train a small pixel diffusion model on a folder of pictures, as the bundled ones were."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.commands.common import whole_number
from mia_viz.demo.recipe import Recipe

if TYPE_CHECKING:
    from mia_viz.demo.images import Images


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("train", help="train a small model of your own", description=__doc__)
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="PNG or JPEG, of one size")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a run there is continued")
    parser.add_argument("--members", type=index_range, metavar="FIRST:END", help="default: all pictures")
    parser.add_argument("--holdouts", type=index_range, metavar="FIRST:END", help="watched; default: none")
    for item in _recipe_fields():
        flag = f"--{item.name.replace('_', '-')}"
        shown = ",".join(map(str, item.default)) if isinstance(item.default, tuple) else item.default
        text = f"{item.metadata['help']} (default: {'none' if shown == '' else shown})"
        kind = whole_numbers if isinstance(item.default, tuple) else type(item.default)
        parser.add_argument(flag, type=kind, default=item.default, help=text)
    parser.add_argument("--measure-every", type=whole_number(1), default=40, help="epochs (default: 40)")
    parser.add_argument("--threads", type=whole_number(1), help="of the CPU (default: torch's choice)")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto", help="default: auto")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    import torch

    from mia_viz.demo.training import train
    from mia_viz.engine import pick_device

    settings = {item.name: getattr(arguments, item.name) for item in _recipe_fields()}
    check_settings(settings)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    images = read_images(arguments.images, len(settings["channels"]))
    members = arguments.members or (0, len(images.names))
    holdouts = arguments.holdouts or (0, 0)
    for name, (first, end) in (("members", members), ("hold-outs", holdouts)):
        if end > len(images.names):
            raise ValueError(f"The {name} {first}:{end} do not lie within the {len(images.names)} pictures given.")
    if max(members[0], holdouts[0]) < min(members[1], holdouts[1]):
        raise ValueError("Members and hold-outs overlap; a hold-out must never be trained on.")
    recipe = Recipe(members, holdouts, **settings)
    folder = train(recipe, images, arguments.out, pick_device(arguments.device), arguments.measure_every)
    print(f"The model is in {folder}.")


def _recipe_fields() -> list[dataclasses.Field]:
    return [item for item in dataclasses.fields(Recipe) if item.name not in ("members", "holdouts")]


def index_range(text: str) -> tuple[int, int]:
    """(0, 128) from "0:128", the end left out."""
    first, colon, end = text.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal() and int(first) < int(end)):
        raise argparse.ArgumentTypeError(f"needs FIRST:END with FIRST below END, not {text!r}")
    return int(first), int(end)


def whole_numbers(text: str) -> tuple[int, ...]:
    """(16, 32) from "16,32"."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"needs whole numbers joined by commas, not {text!r}")
    return tuple(int(part) for part in parts)


def check_settings(settings: dict[str, object]) -> None:
    """Raise ValueError with a sentence for settings no training can be run with."""
    for name in ("epochs", "batch", "warmup", "learning_rate"):
        if not 0 < settings[name] < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} must be above 0, not {settings[name]}.")
    if not 0 <= settings["decay_share"] <= 1 or not 0 <= settings["ema"] < 1:
        raise ValueError("--decay-share must lie between 0 and 1, and --ema from 0 to below 1.")
    widths = settings["channels"]
    if not widths or any(width % min(8, widths[0]) for width in widths):
        raise ValueError("--channels needs one width per level, each a multiple of 8 (or of the first, if smaller).")
    if any(epoch > settings["epochs"] for epoch in settings["keep_epochs"]):
        raise ValueError("--keep-epochs names an epoch beyond the last one.")
    if settings["seed"] < 0:
        raise ValueError("--seed must be 0 or above.")


def read_images(folder: Path, levels: int) -> Images:
    """The pictures of a folder, checked to fit the network. Raises ValueError with a sentence."""
    from PIL import Image, UnidentifiedImageError

    from mia_viz.demo.images import load_images

    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}.")
    try:
        images = load_images(folder)
    except (UnidentifiedImageError, SyntaxError, Image.DecompressionBombError, OSError) as error:
        raise ValueError(f"A picture in {folder} is damaged, unreadable or far too large.") from error
    height, width = images.pixels.shape[2:]
    if height != width or height % 2 ** (levels - 1):
        raise ValueError(
            f"A network of {levels} levels needs square pictures with sides that are multiples of "
            f"{2 ** (levels - 1)}; these are {width} x {height}."
        )
    return images
