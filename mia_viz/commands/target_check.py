"""`targets check`: open a model of your own and say what it is, what was assumed, whether it works, what can be asked.

Without pictures the model is tried on made-up ones (for bundled models: on pictures none of them was trained on).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz.commands.captions import refuse_unless_taken
from mia_viz.commands.common import (
    add_model_options,
    check_writable,
    open_target,
    table,
    unusable,
    whole_number,
    write_json,
)

if TYPE_CHECKING:
    from torch import Tensor

    from mia_viz.health import Health
    from mia_viz.targets.target import Target

BUNDLED = 4
"""Never-trained pictures a bundled model is tried on."""


@dataclass(frozen=True)
class Usable:
    """One attack: why it cannot be used, empty where it can, and its cost in evaluations per picture."""

    name: str
    title: str
    nfe: int
    reason: str


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("check", help="open a model and see whether it works", description=__doc__)
    parser.add_argument("model", help="bundled name, diffusers folder, safetensors or published checkpoint, or hub id")
    parser.add_argument("--images", nargs="+", type=Path, default=[], metavar="IMAGE", help="such as it was trained on")
    parser.add_argument(
        "--prepare", choices=("exact", "crop", "fit"), default="exact", help="as in score (default: %(default)s)"
    )
    parser.add_argument("--caption", metavar="TEXT", help="told to a model that takes one (default: empty, or class 0)")
    add_model_options(parser)
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the noise (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write one sampled picture (PNG)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from mia_viz.health import SYNTHETIC, check_health

    a = arguments
    check_writable(a.out)
    check_writable(a.json)
    if a.out is not None and a.out.suffix.lower() != ".png":
        raise ValueError("The sampled picture is written as PNG; give --out a name that ends in .png.")
    target = open_target(a.model, a.device, a.precision, a.lora, a.guidance)
    pictures, source = tried_on(target, a.images, a.prepare)
    captions = None
    if a.caption is not None:
        refuse_unless_taken(target)
        captions = [a.caption] * (SYNTHETIC if pictures is None else len(pictures))
    health = check_health(target, pictures, captions, a.seed)
    attacks = usable_attacks(target, a.caption or "")
    if a.out is not None:
        write_picture(a.out, health)
    if a.json is not None:
        write_json(a.json, as_json(target, health, attacks, source))
    print(render(target, health, attacks, source))
    return 1 if health.problems else 0


def tried_on(target: Target, images: Sequence[Path], how: str) -> tuple[Tensor | None, str]:
    """The pictures to try a model on, None for made-up ones, and what they are in words."""
    from mia_viz.analysis import to_pictures
    from mia_viz.commands.score import prepare_file
    from mia_viz.targets import bundled

    if images:
        return to_pictures([prepare_file(file, target, how) for file in images]), "the pictures given"
    population = bundled.population_of(target.name)
    if population is None or population.captions is not None:
        return None, "made-up pictures"
    files = [population.path(i) for i in population.indices("C", "calibration")[:BUNDLED]]
    if not files:
        return None, "made-up pictures"
    return to_pictures([prepare_file(f, target, "exact") for f in files]), "bundled pictures it was not trained on"


def usable_attacks(target: Target, caption: str = "") -> list[Usable]:
    """Every attack with the reason why it cannot be used on a target, if any."""
    from mia_viz.analysis import plan
    from mia_viz.attacks import names

    plans = [plan(name, schedule=target.schedule) for name in names()]
    return [Usable(p.attack.name, p.attack.title, p.evaluations, unusable(p, target, [caption])) for p in plans]


def write_picture(file: Path, health: Health) -> None:
    """The sampled picture as PNG."""
    from PIL import Image

    from mia_viz.pictures.prepare import to_uint8

    Image.fromarray(to_uint8(health.sample)).save(file)


def description(target: Target) -> list[str]:
    """What the model is, in plain sentences."""
    channels, height, width = target.picture_shape
    colour = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    how = "the pixels themselves" if target.space == "pixel" else "a compressed form of the picture (latents)"
    told = {"": "nothing but the noise level", "caption": "a caption", "class": "a class"}[target.takes]
    schedule, card = target.schedule, target.card
    first, last = ((float(schedule.alpha[k]) ** 2, float(schedule.sigma[k]) ** 2) for k in (0, -1))
    shares = [signal / (signal + noise) for signal, noise in (first, last)]
    lines = [
        f"{card.title}: a diffusion model of {colour} pictures of {width} x {height} pixels, working on {how}.",
        f"It has {card.parameters:,} numbers (weights) and is told {told} beside the noisy picture.",
        f"It knows {schedule.steps} noise levels; the signal's share of power falls from {shares[0]:.4f} to "
        f"{shares[1]:.4f}.",
    ]
    prediction = getattr(target, "prediction", "")
    words = {
        "epsilon": "the noise",
        "v_prediction": "a mixture of noise and picture (v)",
        "sample": "the picture",
        "velocity": "the direction from picture to noise (a flow)",
    }
    if prediction in words:
        lines.append(f"Its network predicts {words[prediction]}.")
    if target.weights_sha256:
        lines.append(f"SHA-256 of its weights: {target.weights_sha256}.")
    return lines


def as_json(target: Target, health: Health, attacks: Sequence[Usable], source: str) -> dict[str, Any]:
    """What was found under documented keys; the sample is not in it."""
    return {
        "target": target.name,
        "description": description(target),
        "assumed": list(target.card.assumed),
        "tried_on": source,
        "pictures": health.pictures,
        "told": health.told,
        "levels": [asdict(level) for level in health.levels],
        "clean_rms": health.clean_rms,
        "problems": list(health.problems),
        "healthy": not health.problems,
        "attacks": [asdict(attack) for attack in attacks],
    }


def render(target: Target, health: Health, attacks: Sequence[Usable], source: str) -> str:
    """The report for people."""
    lines = description(target)
    lines += ["", "Assumed, since nothing says so:"] + [f"  {text}" for text in target.card.assumed or ("Nothing.",)]
    rows = [[str(x.level), f"{x.abar:.4f}", f"{x.loss:.4f}", f"{x.expected:.4f}"] for x in health.levels]
    lines += ["", f"Tried on {health.pictures} pictures ({source}):", ""]
    if health.told is not None:
        lines[-1:] = [f'It was told "{health.told}".', ""]
    lines.append(table(("level", "signal", "loss", "filter"), rows, left=0))
    lines += [
        "loss: mean squared error of the predicted noise, 1 for no answer at all; "
        "filter: that of the best linear filter.",
        f"Noise found in the clean pictures (root mean square at level 0): {health.clean_rms:.3f}.",
    ]
    if health.sample is not None:
        low, high = float(health.sample.min()), float(health.sample.max())
        lines.append(f"A sampled picture runs from {low:.2f} to {high:.2f}; pictures run from -1 to 1.")
    lines += ["", health.sentence, *health.problems, ""]
    good, bad = ([a for a in attacks if bool(a.reason) is wanted] for wanted in (False, True))
    lines.append("Attacks that can be used (evaluations per picture): ")
    lines.append("  " + ", ".join(f"{a.name} ({a.nfe})" for a in good) if good else "  None.")
    if bad:
        lines += ["Attacks that cannot:", *(f"  {a.name}: {a.reason}" for a in bad)]
    return "\n".join(lines)
