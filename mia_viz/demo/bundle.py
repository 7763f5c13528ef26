"""Turn finished training runs into bundled targets, and store what the app shows before anything is asked.

python -m mia_viz.demo.bundle targets brain --a RUN_A --b RUN_B      copies targets and training ages into assets
python -m mia_viz.demo.bundle opening                                examines each family's first picture and stores it
python -m mia_viz.demo.bundle blind                                  adds to stored cases what needs no model
python -m mia_viz.demo.bundle evaluations                            copies what `evaluate` wrote under docs/results
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from mia_viz import engine
from mia_viz.case import load_case, save_case
from mia_viz.targets import bundled
from mia_viz.targets.bundled import ASSETS


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
    "digits": Words(
        "Digit model",
        "A small diffusion model that draws handwritten digits.",
        "handwritten digits",
    ),
    "emoji": Words(
        "Emoji model",
        "A small Stable Diffusion that draws an emoji from its caption.",
        "captioned emoji",
    ),
}
SHARED_PARTS = ("vae", "text_encoder", "tokenizer")
"""What the twins of a text-to-image family have in common; kept once, in targets/FAMILY-shared."""


def publish(run: Path, target: Path, family: str, half: str, age: int | None) -> None:
    """Copy one exported pipeline into the assets and complete its manifest."""
    words = FAMILIES[family]
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run, target)
    facts = json.loads((target / "manifest.json").read_text())
    config = json.loads((target / "unet" / "config.json").read_text())
    epoch, shape = facts["epoch"], [config["in_channels"], config["sample_size"], config["sample_size"]]
    size, channels = shape[-1], shape[0]
    if (target / "vae").is_dir():
        vae = json.loads((target / "vae" / "config.json").read_text())
        size, channels = vae["sample_size"], vae["in_channels"]
        facts["shares"] = share_parts(target, ASSETS / "targets" / f"{family}-shared")
    facts |= {
        "title": f"{words.title} {half.upper()}" + (f", after {epoch} passes" if age is not None else ""),
        "description": words.description,
        "trained_on": f"{len(facts['members'])} {words.pictures} (group {half.upper()})",
        "picture_size": f"{size} x {size} pixels, " + ("grey" if channels == 1 else "colour"),
        "shape": shape,
        "source": f"trained by mia_viz/demo/{'text_to_image' if 'shares' in facts else 'training'}.py",
    }
    (target / "manifest.json").write_text(json.dumps(facts, indent=1) + "\n")


def share_parts(target: Path, shared: Path) -> str:
    """Move the parts that both twins have in common to their folder and return its name."""
    shared.mkdir(exist_ok=True)
    for part in SHARED_PARTS:
        shutil.rmtree(shared / part, ignore_errors=True)
        (target / part).rename(shared / part)
    return shared.name


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


def store_opening(family: str) -> Path:
    """Examine a family's opening picture under its first twin and store the case.

    The picture is the first of group A on show: taken for its place in the list, not for its score.
    """
    from mia_viz.probe import Progress
    from mia_viz.ui.pick import pick_bundled, truth

    target = f"{family}-a"
    picked = pick_bundled(family, bundled.population(family).indices("A", "shown")[0])
    case = engine.examine_named(
        target,
        picked.prepared,
        picked.name,
        truth(picked.group, target),
        Progress(),
        lambda case: None,
        picked.caption or "",
    )
    file = bundled.case_file(family)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_case(case, file)
    return file


def add_blind_scores() -> list[Path]:
    """Add to every stored case what `mia_viz.blind` says of its picture, without asking any model; returns the files.

    Openings and the cases of the comparison were partly stored before that was kept.
    """
    import torch

    from mia_viz.blind import blind_scores
    from mia_viz.ui.pick import pick_bundled

    files = sorted([*(ASSETS / "cases").glob("*.npz"), *(ASSETS / "compare").glob("*.npz")])
    for file in files:
        case = load_case(file)
        known = pick_bundled(bundled.family_of(case.target), int(case.name.split()[-1])).prepared  # in full precision
        found = blind_scores(engine.opened(case.target), torch.from_numpy(known.values[None]))
        save_case(replace(case, blind=None if found is None else tuple(found[0].tolist())), file)
    return files


def copy_evaluations(results: Path) -> list[str]:
    """Copy every evaluation.json of `results`/TARGET into the assets; returns the targets' names."""
    folder = ASSETS / "evaluations"
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in bundled.bundled_names() if (results / name / "evaluation.json").is_file()]
    for name in names:
        shutil.copyfile(results / name / "evaluation.json", folder / f"{name}.json")
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    targets = commands.add_parser("targets")
    targets.add_argument("family", choices=FAMILIES)
    targets.add_argument("--a", type=Path, required=True)
    targets.add_argument("--b", type=Path, required=True)
    opening = commands.add_parser("opening")
    opening.add_argument("family", nargs="*", help="default: every bundled family")
    commands.add_parser("blind")
    evaluations = commands.add_parser("evaluations")
    evaluations.add_argument("--results", type=Path, default=ASSETS.parent / "docs" / "results")
    options = parser.parse_args()
    if options.command == "targets":
        print("published", ", ".join(publish_family(options.family, {"a": options.a, "b": options.b})))
    elif options.command == "blind":
        print("added to", *add_blind_scores())
    elif options.command == "evaluations":
        print("copied", ", ".join(copy_evaluations(options.results)))
    else:
        for family in options.family or bundled.families():
            print("stored", store_opening(family))


if __name__ == "__main__":
    main()
