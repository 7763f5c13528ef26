"""Training pictures: a folder of PNG or JPEG files of one size as one tensor, with the files' identities."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Images:
    """Training pictures: `pixels` (N, C, H, W) float32 in [-1, 1], file names and SHA-256 of the files' bytes."""

    pixels: Tensor
    names: tuple[str, ...]
    sha256: tuple[str, ...]


def load_images(folder: Path) -> Images:
    """Every PNG or JPEG of a folder, sorted by name; all must share one size and mode. Raises ValueError."""
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not files:
        raise ValueError(f"There is no PNG or JPEG picture in {folder}.")
    arrays, hashes = [], []
    for file in files:
        with Image.open(file) as picture:
            array = np.asarray(picture.convert("L" if picture.mode in ("L", "1", "I;16") else "RGB"))
        arrays.append(array if array.ndim == 3 else array[..., None])
        hashes.append(hashlib.sha256(file.read_bytes()).hexdigest())
        if arrays[-1].shape != arrays[0].shape:
            raise ValueError(f"{file.name} has another size or another number of channels than {files[0].name}.")
    pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return Images(pixels.contiguous(), tuple(f.name for f in files), tuple(hashes))
