"""The captioned population: every emoji in two styles (Noto by Google, Apache-2.0; Fluent 3D by Microsoft, MIT).

    npm pack emoji-datasource-google @lobehub/fluent-emoji-3d      (unpack each into a folder of its own)
    python -m mia_viz.demo.emoji --noto NOTO/package --fluent FLUENT/package --out DIR

Writes RGB PNGs of 64 x 64 pixels on white with their captions, twice: DIR/known holds groups A, B and C (a picture's
name tells its place in population.json), DIR/spare what trains the shared parts, the VAE and the text encoder, which so
know no picture of any group. A concept's two styles, its genders and its look-alikes never part.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64
SEED = 2026
CONCEPTS = {"A": 160, "B": 160, "C": 320}
"""Concepts per group; every concept is two pictures."""
LARGEST_FAMILY = 4
"""Families of more look-alikes (smileys, clocks) go to the spare pictures: in one group they would tilt it."""
ALIKE = 0.9
"""Correlation from which two pictures of one style count as look-alikes."""
LEFT_OUT = ("Flags", "Component")
PEOPLE = re.compile(r"\b(man|woman|men|women|male|female|person|people|boy|girl|boys|girls|adult|older|mr|mrs)\b")
STYLES = ("flat", "3d")


@dataclass(frozen=True, eq=False)
class Concept:
    """One emoji: its plain name and its pictures in both styles, (2, 64, 64, 3) uint8."""

    name: str
    pictures: np.ndarray

    @property
    def captions(self) -> tuple[str, str]:
        """What a text-to-image model is told: the name and the style."""
        return tuple(f"{self.name}, {style} emoji" for style in STYLES)


def load_concepts(noto: Path, fluent: Path) -> list[Concept]:
    """Every emoji that both packages draw, in the order of their code points. Raises FileNotFoundError."""
    facts = json.loads((noto / "emoji.json").read_text(encoding="utf-8"))
    concepts = []
    for fact in sorted(facts, key=lambda fact: fact["unified"]):
        files = [noto / "img/google/64" / fact["image"], fluent / "assets" / f"{fact['unified'].lower()}.webp"]
        if fact["category"] in LEFT_OUT or not all(file.is_file() for file in files):
            continue
        concepts.append(Concept(plain_name(fact["short_name"]), np.stack([on_white(file) for file in files])))
    return concepts


def plain_name(short: str) -> str:
    """ "racing_car" -> "racing car", "tiger2" -> "tiger"."""
    return re.sub(r"(?<=[a-z])\d$", "", short.lower()).replace("_", " ").replace("-", " ").strip()


def on_white(file: Path) -> np.ndarray:
    """A picture with transparency, laid on white and brought to 64 x 64, (64, 64, 3) uint8."""
    with Image.open(file) as picture:
        drawn = picture.convert("RGBA")
    white = Image.new("RGBA", drawn.size, "white")
    white.alpha_composite(drawn)
    return np.asarray(white.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def families(concepts: Sequence[Concept]) -> np.ndarray:
    """A number per concept; those that share a name but for people, or look alike in either style, share it."""
    parent = np.arange(len(concepts))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    def join(pairs: Sequence[tuple[int, int]]) -> None:
        for i, j in pairs:
            parent[root(i)] = root(j)

    first: dict[str, int] = {}
    for i, concept in enumerate(concepts):
        plain = " ".join(PEOPLE.sub("", concept.name).split()) or "people"
        join([(i, first.setdefault(plain, i))])
    for style in range(len(STYLES)):
        join(np.argwhere(np.triu(likeness(concepts, style), 1) >= ALIKE).tolist())
    return np.array([root(i) for i in range(len(concepts))])


def likeness(concepts: Sequence[Concept], style: int) -> np.ndarray:
    """Correlation of every two concepts in one style at 16 x 16 pixels, (N, N)."""
    small = [np.asarray(Image.fromarray(c.pictures[style]).resize((16, 16), Image.Resampling.BOX)) for c in concepts]
    return np.corrcoef(np.stack(small).reshape(len(small), -1).astype(np.float64))


def deal(family: np.ndarray, seed: int = SEED) -> dict[str, list[int]]:
    """Concepts of groups A, B, C and "spare"; whole families only, in random order."""
    rng = np.random.default_rng(seed)
    names, counts = np.unique(family, return_counts=True)
    small = rng.permutation(names[counts <= LARGEST_FAMILY])
    groups: dict[str, list[int]] = {name: [] for name in CONCEPTS}
    spare = list(names[counts > LARGEST_FAMILY])
    for name in small:
        members = np.flatnonzero(family == name).tolist()
        # The group that lacks the largest share of its concepts takes the next family that fits.
        open_groups = [g for g, wanted in CONCEPTS.items() if len(groups[g]) + len(members) <= wanted]
        if not open_groups:
            spare.append(name)
            continue
        chosen = min(open_groups, key=lambda g: len(groups[g]) / CONCEPTS[g])
        groups[chosen] += members
    short = {g: wanted - len(groups[g]) for g, wanted in CONCEPTS.items() if len(groups[g]) < wanted}
    if short:
        raise ValueError(f"There are too few emoji for these groups; still wanted: {short}.")
    groups["spare"] = sorted(np.flatnonzero(np.isin(family, spare)).tolist())
    return groups


def write(concepts: Sequence[Concept], out: Path) -> None:
    """PNGs named by their place, and captions.json in the same order."""
    pictures = out / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    captions = [caption for concept in concepts for caption in concept.captions]
    values = [picture for concept in concepts for picture in concept.pictures]
    for i, picture in enumerate(values):
        Image.fromarray(picture).save(pictures / f"{i:04d}.png", optimize=True)
    (out / "captions.json").write_text(json.dumps(captions, indent=0) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noto", type=Path, required=True, help="unpacked npm package emoji-datasource-google")
    parser.add_argument("--fluent", type=Path, required=True, help="unpacked npm package @lobehub/fluent-emoji-3d")
    parser.add_argument("--out", type=Path, required=True, help="folder for known/ and spare/")
    options = parser.parse_args()
    concepts = load_concepts(options.noto, options.fluent)
    groups = deal(families(concepts))
    write([concepts[i] for name in CONCEPTS for i in groups[name]], options.out / "known")
    write([concepts[i] for i in groups["spare"]], options.out / "spare")
    print("concepts: " + ", ".join(f"{name} {len(members)}" for name, members in groups.items()))


if __name__ == "__main__":
    main()
