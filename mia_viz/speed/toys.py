"""The smallest models and pictures that speed can be measured with: random weights, random smooth pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 16


def write_model(folder: Path, side: int = SIDE, widths: tuple[int, ...] = (8, 8)) -> Path:
    """A DDPM of grey pictures with random weights, as diffusers saves it."""
    import torch
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=side,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=widths,
        down_block_types=("DownBlock2D",) * len(widths),
        up_block_types=("UpBlock2D",) * len(widths),
        norm_num_groups=4,
    )
    DDPMPipeline(unet=unet, scheduler=DDPMScheduler()).save_pretrained(folder)
    return folder


def write_pictures(file: Path, count: int, side: int = SIDE) -> Path:
    """A Parquet file of `count` different PNG files, a thousand of them in memory at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    columns = pa.schema([("image", pa.binary())])
    with pq.ParquetWriter(file, columns) as writer:
        for start in range(0, count, 1000):
            some = [_png(rng, side) for _ in range(min(1000, count - start))]
            writer.write_table(pa.table({"image": some}, columns))
    return file


def _png(rng: np.random.Generator, side: int) -> bytes:
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((side, side), Image.Resampling.BICUBIC).save(buffer, format="PNG")
    return buffer.getvalue()
