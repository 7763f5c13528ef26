"""What `report` and `verify` share: from flags to a picture, a model, its reference and its twin. Free of torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.commands.common import add_target, open_target, target_of
from mia_viz.commands.views import add_view, view_of

if TYPE_CHECKING:
    from mia_viz.report.make import Asked
    from mia_viz.statement import Gallery
    from mia_viz.targets.target import Target


def add_asked(parser: argparse.ArgumentParser, target: bool = True) -> None:
    """What `report` and `verify` are told about picture, model and known pictures.

    target: whether also --target and its kin and what is done to the picture, which `verify` reads from the report.
    """
    if target:
        add_target(parser)
        parser.add_argument("--prepare", choices=("exact", "crop", "fit"), default="exact", help="default: exact")
        parser.add_argument("--caption", default="", metavar="TEXT", help="of the picture, for text-to-image models")
        add_view(parser)
        parser.add_argument("--no-twin", action="store_true", help="do not ask a bundled model's twin as well")
        parser.add_argument("--keep-name", action="store_true", help="write the picture's file name into the report")
    parser.add_argument("--reference", type=Path, metavar="FILE", help="a reference you built (default: the bundled)")
    words = "the reference's pictures themselves, to look for near-duplicates among"
    parser.add_argument("--members", type=Path, metavar="DIR", help=f"{words}: what it was trained on")
    parser.add_argument("--holdouts", type=Path, metavar="DIR", help=f"{words}: what it never saw")


def asked_of(arguments: argparse.Namespace, image: Path, target: Target | None = None) -> Asked:
    """What the flags ask for. Raises ValueError with one sentence."""
    from mia_viz.commands.captions import refuse_unless_taken
    from mia_viz.commands.score import known_pictures
    from mia_viz.report.make import Asked
    from mia_viz.targets import bundled

    target = target or target_of(arguments)
    if arguments.caption:
        refuse_unless_taken(target)
    known = known_pictures(argparse.Namespace(**vars(arguments), seed=0, noise_key="content"), target)
    if known.reference is None and arguments.reference is not None:
        raise ValueError(f"This reference cannot be used: {known.reason}.")
    own, here = target.name in bundled.bundled_names(), Path(arguments.target).exists()
    file = arguments.reference or (bundled.reference_file(target.name) if own else None)
    twin = None
    if own and not arguments.no_twin and arguments.reference is None and known.reference is not None:
        twin = _twin(target.name, arguments.device)
    return Asked(
        target,
        image,
        arguments.prepare,
        arguments.caption,
        known.reference,
        file if known.reference is not None else None,
        known.reason,
        gallery_of(arguments, target),
        twin,
        arguments.keep_name,
        flags_of(arguments),
        target.name if own else Path(arguments.target).resolve().name if here else arguments.target,
        view_of(arguments),
    )


def _twin(name: str, device: str):
    """The opened twin of a bundled model with its reference, if it has both."""
    from mia_viz import reference
    from mia_viz.parametrisation import misfit
    from mia_viz.targets import bundled

    other = bundled.twin_of(name)
    if other is None or not bundled.reference_file(other).is_file():
        return None
    twin, known = open_target(other, device), reference.load(bundled.reference_file(other))
    return None if misfit(known, twin) else (twin, known)


def gallery_of(arguments: argparse.Namespace, target: Target) -> Gallery | None:
    """The known pictures themselves: those of the flags, or of the bundled population, or None."""
    from mia_viz import engine
    from mia_viz.commands.known import own_pictures
    from mia_viz.statement import Gallery

    if arguments.members is None and arguments.holdouts is None:
        return engine.gallery(target.name, tuple(target.picture_shape))
    found = own_pictures(target, arguments.members, arguments.holdouts, arguments.prepare, 0.0)
    names = found.names if arguments.keep_name else [f"number {i + 1}" for i in range(len(found.names))]
    return Gallery(found.pictures.numpy(), tuple(names), found.member, found.sha256)


def flags_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The flags that matter to the result, with capital letters in place of this machine's folders and files."""
    import shlex

    places = (("lora", "--lora LORA"), ("reference", "--reference REFERENCE"), ("members", "--members MEMBERS"))
    found = [text for name, text in (*places, ("holdouts", "--holdouts HOLDOUTS")) if getattr(arguments, name)]
    if arguments.guidance != 1:
        found.append(f"--guidance {arguments.guidance:g}")
    if arguments.precision != "auto":
        found.append(f"--precision {arguments.precision}")
    if arguments.device != "auto":
        found.append(f"--device {arguments.device}")
    if arguments.caption:
        found.append(f"--caption {shlex.quote(arguments.caption)}")
    found += [
        flag for name, flag in (("no_twin", "--no-twin"), ("keep_name", "--keep-name")) if getattr(arguments, name)
    ]
    return (*found, *view_of(arguments).flags)
