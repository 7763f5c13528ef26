"""`verify`: check a report's hashes and files, and compute its scores again. Exit code 1 where something disagrees."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz.commands.asked import add_asked, asked_of
from mia_viz.commands.common import open_target
from mia_viz.targets.errors import TargetError

if TYPE_CHECKING:
    from mia_viz.report.verify import Check
    from mia_viz.targets.target import Target

DISAGREES = 1
MODEL, PICTURE = "the model with --target", "the picture with --image"
MARKS = {True: "agrees", False: "DIFFERS", None: "open"}


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("verify", help="check a report and compute its scores again", description=__doc__)
    parser.add_argument("report", metavar="REPORT.json", type=Path)
    parser.add_argument(
        "--image", type=Path, metavar="FILE", help="the picture, to compute its scores again (bundled ones are found)"
    )
    parser.add_argument("--target", metavar="MODEL", help="where the model is (default: the bundled one of that name)")
    parser.add_argument("--lora", metavar="FILE", help="LoRA weights, if the report names any")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto", help="default: auto")
    add_asked(parser, target=False)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from mia_viz import reference
    from mia_viz.report import verify
    from mia_viz.report.make import make
    from mia_viz.targets import bundled

    content = verify.read(arguments.report)
    try:
        checks = [*verify.seals(content), *verify.page_beside(content, arguments.report)]
        target = _target(arguments, content)
        own = bundled.reference_file(content["target"]["name"])
        file = arguments.reference or (own if content["reference"] is not None and own.is_file() else None)
        known = None if file is None else reference.load(file)
        image = arguments.image or _bundled_picture(content, target)
        model = [*verify.weights(content, target), *verify.same_way(content, target, known)]
        checks += [*verify.identity(content, file, image), *model]
        if known is not None:
            checks += verify.answer_again(content, known)
        reason = _not_again(image, target, model)
        if reason:
            checks.append(verify.Check(None, f"Scores were not computed again: {reason}."))
        else:
            asked = asked_of(_as_asked(arguments, content), image, target)
            checks += verify.scores_again(content, make(asked))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{arguments.report.name} lacks a part that a report has, or holds a wrong one.") from error
    return _print(checks)


def _target(arguments: argparse.Namespace, content: Mapping[str, Any]) -> Target | None:
    """The model of the flag, or the bundled one of the report's name; None where it is not at hand."""
    from mia_viz.targets import bundled

    name = arguments.target or content["target"]["name"]
    if arguments.target is None and name not in bundled.bundled_names():
        return None
    try:
        return open_target(name, arguments.device, content["target"]["precision"], arguments.lora, _guidance(content))
    except TargetError:
        if arguments.target is None:
            return None
        raise


def _bundled_picture(content: Mapping[str, Any], target: Target | None) -> Path | None:
    """The file of a report's picture where it is one of those that a bundled model's members are known by."""
    if target is None:
        return None
    from mia_viz.engine import known_picture
    from mia_viz.report.hashes import of_file

    picture, shape = content["picture"], tuple(target.picture_shape)
    found = known_picture(content["target"]["name"], shape, picture["pixels_sha256"])
    if found is None or picture.get("file_sha256", of_file(found)) != of_file(found):
        return None
    return found


def _not_again(image: Path | None, target: Target | None, model: list[Check]) -> str:
    """Why scores cannot be computed again, as half a sentence; empty where they can."""
    missing = [words for words, given in ((MODEL, target), (PICTURE, image)) if given is None]
    if missing:
        return f"give {' and '.join(missing)}"
    wrong = any(check.agrees is False for check in model)
    return "model or reference are not those of the report" if wrong else ""


def _guidance(content: Mapping[str, Any]) -> float:
    return float(_flag(content, "--guidance", "1"))


def _flag(content: Mapping[str, Any], name: str, usual: str) -> str:
    """What the report's command gives a flag."""
    words = content["command"].split()
    return words[words.index(name) + 1] if name in words[:-1] else usual


def _as_asked(arguments: argparse.Namespace, content: Mapping[str, Any]) -> argparse.Namespace:
    """The flags of the command that made the report, with the places of files on this machine."""
    facts = {
        "target": arguments.target or content["target"]["name"],
        "prepare": content["picture"]["prepare"],
        "caption": content["picture"]["caption"],
        "no_twin": "--no-twin" in content["command"].split(),
        "keep_name": "name" in content["picture"],
        **{name: content["picture"].get("view", {}).get(name) for name in ("slice", "axis", "window")},
        "guidance": _guidance(content),
        "precision": _flag(content, "--precision", "auto"),
    }
    return argparse.Namespace(**{**vars(arguments), **facts})


def _print(checks: list[Check]) -> int:
    """Print every check; the exit code."""
    print("\n".join(f"{MARKS[check.agrees]:8} {check.words}" for check in checks))
    wrong = sum(check.agrees is False for check in checks)
    open_ones = sum(check.agrees is None for check in checks)
    verdict = "Nothing disagrees" if not wrong else f"{wrong} of {len(checks)} checks disagree"
    unmade = f"; {open_ones} check{'s' if open_ones > 1 else ''} could not be made" if open_ones else ""
    print(f"\n{verdict}{unmade}.")
    return DISAGREES if wrong else 0
