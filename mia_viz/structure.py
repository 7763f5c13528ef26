"""How the structure of known pictures wears away under SMIA's inversion: measured once per bundled target, and stored.

Made by `python -m mia_viz.demo.structure`; free of torch, so that the app reads it at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mia_viz.case import Structure
from mia_viz.targets.bundled import ASSETS
from mia_viz.whole import write_arrays


@dataclass(frozen=True, eq=False)
class Example:
    """A known picture (C, H, W) in [-1, 1] and how its structure wears away; caption: what the model was told."""

    values: np.ndarray
    caption: str
    structure: Structure


@dataclass(frozen=True, eq=False)
class KnownStructure:
    """SSIM of M calibration pictures of known membership at K levels, under their own captions.

    levels: the first is 0, encoded and decoded alone. similarity: (M, K). member: (M,) bool. image_sha256: of the
    prepared pixels. typical_member, typical_holdout: the pictures closest to their group's median where SMIA scores.
    """

    weights_sha256: str
    levels: tuple[int, ...]
    similarity: np.ndarray
    member: np.ndarray
    image_sha256: tuple[str, ...]
    typical_member: Example
    typical_holdout: Example

    def group(self, member: bool, without: str = "") -> np.ndarray:
        """Curves (n, K) of members or hold-outs, leaving out the picture of one SHA-256."""
        return self.similarity[(self.member == member) & (np.array(self.image_sha256) != without)]


def structure_file(target: str) -> Path:
    """Where a bundled target's curves lie."""
    return ASSETS / "structure" / f"{target}.npz"


@lru_cache(maxsize=8)
def known_structure(target: str) -> KnownStructure | None:
    """The stored curves of a bundled target, or None where there are none."""
    file = structure_file(target)
    return load(file) if file.is_file() else None


def typical(similarity: np.ndarray) -> int:
    """The row of the value (n,) closest to the median; the first of several."""
    return int(np.abs(similarity - np.median(similarity)).argmin())


def save(known: KnownStructure, file: Path) -> None:
    """Write a compressed .npz without pickles; the examples' pictures and maps in 8 bits, as a screen shows them."""
    arrays = {"similarity": known.similarity.astype(np.float32), "member": known.member}
    facts = {"weights_sha256": known.weights_sha256, "levels": known.levels, "image_sha256": known.image_sha256}
    for name in ("typical_member", "typical_holdout"):
        example: Example = getattr(known, name)
        part = example.structure
        arrays[f"{name}.values"] = _to_bytes((example.values + 1) / 2)
        arrays[f"{name}.corrupted"] = _to_bytes((part.corrupted + 1) / 2)
        arrays[f"{name}.maps"] = _to_bytes(part.maps)
        arrays[f"{name}.similarity"] = part.similarity.astype(np.float32)
        facts[name] = {"caption": example.caption, "scored": part.scored}
    write_arrays(file, arrays, facts)


def load(file: Path) -> KnownStructure:
    """Read stored curves. Raises OSError, ValueError or KeyError when the file is missing or damaged."""
    with np.load(file, allow_pickle=False) as stored:
        facts = json.loads(stored["facts"].tobytes())
        levels = tuple(facts["levels"])
        examples = []
        for name in ("typical_member", "typical_holdout"):
            part = {key: stored[f"{name}.{key}"] for key in ("values", "corrupted", "maps", "similarity")}
            pictures = [part[key].astype(np.float32) / 127.5 - 1 for key in ("values", "corrupted")]
            maps = part["maps"].astype(np.float32) / 255
            wear = Structure(levels, pictures[1], maps, part["similarity"], facts[name]["scored"])
            examples.append(Example(pictures[0], facts[name]["caption"], wear))
        arrays = stored["similarity"].astype(np.float64), stored["member"]
    return KnownStructure(facts["weights_sha256"], levels, *arrays, tuple(facts["image_sha256"]), *examples)


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
