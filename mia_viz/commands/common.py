"""What several commands share: flags, from flags to targets and plans, tables, files. Free of torch."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz.whole import whole_file

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.targets.target import Target

DEFAULT_TARGET = "brain-a"
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Choice:
    """The plans to run on a target, and a sentence about each attack of "all" that cannot be."""

    plans: tuple[Plan, ...]
    skipped: tuple[str, ...] = ()


def whole_number(low: int) -> Callable[[str], int]:
    """An argparse type: an integer of at least `low`."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(f"needs a whole number of at least {low}, not {text!r}")
        return value

    return convert


def finite_number(text: str) -> float:
    """An argparse type: a number that is neither infinite nor no number at all."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"needs a number, not {text!r}")
    return value


def add_target(parser: argparse.ArgumentParser, precision: bool = True) -> None:
    """--target, --lora, --guidance, --device and --precision."""
    parser.add_argument(
        "--target",
        default=DEFAULT_TARGET,
        metavar="MODEL",
        help="bundled name, diffusers folder, safetensors or published checkpoint, or hub id (default: %(default)s)",
    )
    add_model_options(parser, precision)


def add_model_options(parser: argparse.ArgumentParser, precision: bool = True) -> None:
    """--lora, --guidance, --device and --precision."""
    parser.add_argument("--lora", metavar="FILE", help="LoRA weights (safetensors) to put on top of the model")
    parser.add_argument(
        "--guidance",
        type=finite_number,
        default=1.0,
        metavar="SCALE",
        help="ask with classifier-free guidance of this scale, at twice the cost (default: 1, none)",
    )
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto", help="default: auto")
    if precision:
        parser.add_argument(
            "--precision", choices=PRECISIONS, default="auto", help="of the network (default: %(default)s)"
        )


def add_attacks(parser: argparse.ArgumentParser, default: str) -> None:
    """--attack, --set and --filter."""
    parser.add_argument(
        "--attack", default=default, metavar="NAME[,NAME]|all", help="which attacks (default: %(default)s)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="ATTACK.NAME=VALUE",
        help="change a parameter, such as drc.ratio=0.3 (levels also as loss.t=abar:0.66); may be repeated",
    )
    parser.add_argument(
        "--filter",
        default="none",
        help="none, lowpass:r=5,s=0.2[,shape=square] or band:lo=0.15,hi=0.85 (default: %(default)s)",
    )


def open_target(
    where: str, device: str = "auto", precision: str = "auto", lora: str | None = None, guidance: float = 1.0
) -> Target:
    """The target of the flags. Raises ValueError with one sentence."""
    from diffusers.utils import logging

    from mia_viz import engine
    from mia_viz.targets import bundled

    logging.set_verbosity_error()  # its remarks on configurations would mix with our one sentence
    engine.limit_threads()
    chosen = engine.pick_device(device)
    if precision == "float16" and chosen == "cpu":
        raise ValueError("float16 needs a CUDA device; use bfloat16 or float32 on the CPU.")
    return bundled.open_target(where, chosen, precision, lora, guidance)


def target_of(arguments: argparse.Namespace) -> Target:
    """The target of --target, --device, --precision, --lora and --guidance. Raises ValueError with one sentence."""
    return open_target(arguments.target, arguments.device, arguments.precision, arguments.lora, arguments.guidance)


def settings_by_attack(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """{"drc": {"ratio": "0.3"}} from ["drc.ratio=0.3"]. Raises ValueError with a sentence."""
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        attack, dot, name = place.strip().partition(".")
        if not (attack and dot and name and equals):
            raise ValueError(f'"{text}" is not a setting; write ATTACK.NAME=VALUE, such as drc.ratio=0.3.')
        found.setdefault(attack, {})[name] = value.strip()
    return found


def choose(
    attack_list: str,
    settings: Sequence[str],
    filter_text: str,
    target: Target,
    captions: Sequence[str] | None = None,
) -> Choice:
    """The plans of the flags. Raises ValueError for unknown names and a named attack that cannot be used.

    captions: of the pictures, for attacks that need them; None for none.
    """
    from mia_viz.analysis import plan
    from mia_viz.attacks import names
    from mia_viz.frequency import Filter

    asked = list(dict.fromkeys(part.strip() for part in attack_list.split(",") if part.strip()))
    everything = "all" in asked
    wanted = names() if everything else asked
    if not wanted:
        raise ValueError("No attack was named; choose some, or all of them with --attack all.")
    chosen_filter, by_attack = Filter.parse(filter_text), settings_by_attack(settings)
    levels = {name: level_settings(by_attack.get(name, {}), target) for name in wanted}
    plans = [plan(name, levels[name], chosen_filter, target.schedule) for name in wanted]
    for name in by_attack:
        if name not in wanted:
            raise ValueError(f'A setting was given for "{name}", which is not among the attacks run.')
    usable, skipped = [], []
    for chosen in plans:
        reason = unusable(chosen, target, captions or [""])
        if reason and not everything:
            raise ValueError(f"{chosen.attack.name}: {reason}")
        if reason:
            skipped.append(f"{chosen.attack.name} was left out: {reason}")
        else:
            usable.append(chosen)
    return Choice(tuple(usable), tuple(skipped))


def level_settings(settings: dict[str, str], target: Target) -> dict[str, str]:
    """Settings with "abar:0.66" replaced by the level of that share of signal power under the target's schedule.

    So that an attack can be asked at matched noise on models of different schedules. Raises ValueError.
    """
    found = dict(settings)
    for name, text in settings.items():
        if text.startswith("abar:"):
            try:
                found[name] = str(target.schedule.level_of_abar(float(text.removeprefix("abar:"))))
            except ValueError:
                raise ValueError(
                    f'{name} needs a level, or abar: and a number between 0 and 1, not "{text}".'
                ) from None
    return found


def unusable(chosen: Plan, target: Target, captions: Sequence[str]) -> str:
    """Why a plan cannot be run on a target; empty when it can, as far as can be said before running it."""
    from mia_viz.attacks.attack import refusal

    return refusal(chosen.attack, target, captions, chosen.params)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """An aligned text table; the first `left` columns flush left, the others flush right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = []
    for row in (header, ["-" * width for width in widths], *rows):
        padded = [f"{cell:{'<' if i < left else '>'}{widths[i]}}" for i, cell in enumerate(row)]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def short(value: float | None, digits: int = 4) -> str:
    """A number for a table; a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def write_file(file: Path, text: str) -> None:
    """Write a text file; the old one stays whole until the new one is complete."""
    with whole_file(file) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(file: Path, content: Any) -> None:
    """Write JSON without NaN, which JSON does not know."""
    write_file(file, json.dumps(content, indent=1, allow_nan=False) + "\n")


def check_writable(file: Path | None) -> None:
    """Raise ValueError before any work is done when a file could not be written afterwards."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise ValueError(f"{file} cannot be written: it is a folder, or its folder does not exist.")


def reporter(what: str) -> Callable[[int, int], None]:
    """A callback (done, total) that shows progress on one line of a terminal, and nothing elsewhere."""

    def report(done: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\r" if done < total else "\n"
            print(f"\x1b[2K{what}: {done} of {total}", end=end, file=sys.stderr, flush=True)

    return report
