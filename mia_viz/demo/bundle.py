"""Turn finished training runs into bundled targets, and store the case the app opens on.

python -m mia_viz.demo.bundle targets brain --a RUN_A --b RUN_B      copies targets and training ages into assets
python -m mia_viz.demo.bundle opening                                examines the opening picture and stores the case
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from mia_viz import engine
from mia_viz.case import save_case
from mia_viz.targets.bundled import ASSETS

OPENING_TARGET = "brain-a"
OPENING_PICTURE = 112
"""The first picture of group A on show: taken for its place in the list, not for its score."""


@dataclass(frozen=True)
class Words:
    """How a family of targets is described on its cards."""

    title: str
    description: str
    pictures: str


FAMILIES = {
    "brain": Words(
        "Brain MR model",
        "A small diffusion model that draws axial brain MR slices.",
        "simulated patients",
    ),
}


def publish(run: Path, target: Path, family: str, half: str, age: int | None) -> None:
    """Copy one exported pipeline into the assets and complete its manifest."""
    words = FAMILIES[family]
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run, target)
    facts = json.loads((target / "manifest.json").read_text())
    config = json.loads((target / "unet" / "config.json").read_text())
    size, channels = config["sample_size"], config["in_channels"]
    epoch = facts["epoch"]
    facts |= {
        "title": f"{words.title} {half.upper()}" + (f", after {epoch} passes" if age is not None else ""),
        "description": words.description,
        "trained_on": f"{len(facts['members'])} {words.pictures} (group {half.upper()})",
        "picture_size": f"{size} x {size} pixels, " + ("grey" if channels == 1 else "colour"),
        "shape": [channels, size, size],
        "source": "trained by mia_viz/demo/training.py",
    }
    (target / "manifest.json").write_text(json.dumps(facts, indent=1) + "\n")


def publish_family(family: str, runs: dict[str, Path]) -> list[str]:
    """Publish the finished targets of both halves and every kept training age; returns their names."""
    names = []
    for half, run in runs.items():
        if (run / "target").is_dir():
            names.append(f"{family}-{half}")
            publish(run / "target", ASSETS / "targets" / names[-1], family, half, None)
        for folder in sorted(run.glob("epoch-*")):
            age = int(re.fullmatch(r"epoch-(\d+)", folder.name)[1])
            names.append(f"{family}-{half}-{age:04d}")
            publish(folder, ASSETS / "targets" / names[-1], family, half, age)
    return names


def store_opening() -> Path:
    """Examine the opening picture under the opening target and store the case."""
    from mia_viz.probe import Progress
    from mia_viz.ui.choose import pick_bundled, truth

    picked = pick_bundled(OPENING_TARGET.split("-")[0], OPENING_PICTURE)
    case = engine.examine_bundled(
        OPENING_TARGET,
        picked.prepared,
        picked.name,
        truth(picked.group, OPENING_TARGET),
        Progress(),
        lambda case: None,
    )
    file = ASSETS / "cases" / "opening.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    save_case(case, file)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    targets = commands.add_parser("targets")
    targets.add_argument("family", choices=FAMILIES)
    targets.add_argument("--a", type=Path, required=True)
    targets.add_argument("--b", type=Path, required=True)
    commands.add_parser("opening")
    options = parser.parse_args()
    if options.command == "targets":
        print("published", ", ".join(publish_family(options.family, {"a": options.a, "b": options.b})))
    else:
        print("stored", store_opening())


if __name__ == "__main__":
    main()
