"""What a report states beside the finding: which files, which model, which settings, which program."""

from __future__ import annotations

import platform
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz import __version__
from mia_viz.report.hashes import of_file, of_source

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.pictures.picture import Picture
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target

PACKAGES = ("torch", "diffusers", "numpy", "scipy", "scikit-learn", "pillow")
SEED = 0


@dataclass(frozen=True, eq=False)
class Facts:
    """Plain values, by name, that go into the report's appendix and its JSON.

    picture: of the file, as far as known. target, reference (None without one), settings of every attack, program,
    command that reproduces the report, utc and seconds: when and how long.
    """

    picture: Mapping[str, Any]
    target: Mapping[str, Any]
    reference: Mapping[str, Any] | None
    settings: Sequence[Mapping[str, Any]]
    program: Mapping[str, Any]
    command: str
    utc: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def versions() -> dict[str, str]:
    """Versions of this program, of Python and of the libraries that numbers depend on."""
    found = {"mia-viz": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


def picture_facts(picture: Picture | None, how: str, name: str | None = None, caption: str = "") -> dict[str, Any]:
    """Of the file as it came; only its pixels' hash (of the case) is known where there is no file.

    name: written only when the person asked for it. EXIF and other metadata are never written.
    """
    found: dict[str, Any] = {"prepare": how, "caption": caption}
    if name is not None:
        found["name"] = name
    if picture is not None:
        height, width = picture.pixels.shape[:2]
        found |= {
            "file_sha256": picture.sha256,
            "byte_size": picture.byte_size,
            "size": [width, height],
            "mode": picture.mode,
            "bits": picture.bits,
            "decoding": list(picture.notes),
        }
        if picture.view is not None:
            found["view"] = asdict(picture.view)
    return found


def target_facts(target: Target) -> dict[str, Any]:
    """The model in question; nothing of where it lies on this machine."""
    return {
        "name": target.name,
        "title": target.card.title,
        "trained_on": target.card.trained_on,
        "parameters": target.card.parameters,
        "assumed": list(target.card.assumed),
        "weights_sha256": target.weights_sha256,
        "space": target.space,
        "picture_shape": list(target.picture_shape),
        "noise_levels": target.schedule.steps,
        "parametrisation": target.parametrisation,
        "precision": target.precision,
        "passes": target.passes,
        "device": target.device.type,
    }


def reference_facts(reference: Reference | None, file: Path | None) -> dict[str, Any] | None:
    """The known pictures the scores are placed among."""
    if reference is None:
        return None
    counts = [int(reference.choose(member, "calibration").sum()) for member in (True, False)]
    return {
        "file_sha256": of_file(file) if file is not None and file.is_file() else "",
        "target": reference.target,
        "weights_sha256": reference.weights_sha256,
        "members": counts[0],
        "holdouts": counts[1],
        "provenance": dict(reference.provenance),
        "parametrisation": dict(reference.parametrisation),
    }


def settings_facts(plans: Sequence[Plan]) -> list[dict[str, Any]]:
    """Every attack's parameters, all of them, with its paper."""
    return [
        {
            "key": chosen.key,
            "attack": chosen.attack.name,
            "title": chosen.attack.title,
            "paper": chosen.attack.paper,
            "url": chosen.attack.url,
            "params": chosen.params.as_dict(),
            "filter": str(chosen.filter),
        }
        for chosen in plans
    ]


def command(target: str, how: str = "exact", *extra: str) -> str:
    """The command that makes the report again; IMAGE stands for the picture, whose name is nobody's business."""
    parts = ["python -m mia_viz report IMAGE --target", shlex.quote(target)]
    if how != "exact":
        parts += ["--prepare", how]
    return " ".join([*parts, *extra, "--out DIR"])


def program_facts() -> dict[str, Any]:
    """The program that made the report."""
    found = {"versions": versions(), "source_sha256": of_source()}
    return {**found, "seed": SEED, "noise": "named by the picture's content"}
