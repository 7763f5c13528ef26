"""Whole files to be damaged by `tests.fuzz`: pictures and scans, archives of them, models and references."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import tempfile
import zipfile
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import nibabel
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pydicom
import skimage
from PIL import Image

from tests.pictures.samples import ORIENTATION, png, tiff

ASSETS = Path(__file__).resolve().parents[1] / "assets"
LARGEST_SEED = 200_000
DICOM, NIFTI = Path(pydicom.__file__).parent / "data" / "test_files", Path(nibabel.__file__).parent / "tests" / "data"
PHOTOGRAPHS = Path(skimage.__file__).parent / "data"
ENDINGS = {".png": "PNG", ".jpg": "JPEG", ".tif": "TIFF", ".npy": "numpy"}
"""How the files that scikit-image ships end, by format."""
ARCHIVES = {"tar": ".tar", "tar packed": ".tar.gz", "zip of pictures": ".zip", "Parquet": ".parquet", "Arrow": ".arrow"}
"""Kinds that hold many pictures, and how their files end."""
MODEL = {
    "safetensors": "unet/diffusion_pytorch_model.safetensors",
    "config.json": "unet/config.json",
    "scheduler": "scheduler/scheduler_config.json",
    "index": "model_index.json",
}
"""Files of a model's folder of which one is damaged."""
CHECKPOINT, REFERENCE = "checkpoint", "reference"


@lru_cache(maxsize=1)
def pictures() -> dict[str, list[bytes]]:
    """Pictures and scans by format, at most LARGEST_SEED bytes each."""
    rng = np.random.default_rng(1)
    found: dict[str, list[bytes]] = defaultdict(list)
    colour, grey = rng.integers(0, 256, (23, 19, 3), dtype=np.uint8), rng.integers(0, 65536, (23, 19), dtype=np.uint16)
    for kind in ("PNG", "JPEG", "TIFF", "WEBP", "BMP"):
        for options in ({}, {"lossless": True} if kind == "WEBP" else {"progressive": True}):
            found[kind].append(saved(Image.fromarray(colour), kind, **options))
        if kind in ("PNG", "TIFF"):
            found[kind].append(saved(Image.fromarray(grey), kind))
    for kind, data in _rarer(rng, colour):
        found[kind].append(data)
    for file in sorted(PHOTOGRAPHS.iterdir()):
        if file.suffix in ENDINGS and file.stat().st_size < LARGEST_SEED:
            found[ENDINGS[file.suffix]].append(file.read_bytes())
    scans = [file.read_bytes() for file in sorted(DICOM.glob("*.dcm")) if file.stat().st_size < LARGEST_SEED]
    found["DICOM"] = scans
    scans = [file.read_bytes() for file in sorted(NIFTI.glob("*.nii*")) if file.stat().st_size < LARGEST_SEED]
    found["NIfTI"] = [gzip.decompress(scan) if scan[:2] == b"\x1f\x8b" else scan for scan in scans]
    found["NIfTI packed"] = [gzip.compress(scan, 1) for scan in found["NIfTI"] if len(scan) < LARGEST_SEED]
    for array in (grey, colour, rng.random((5, 9, 7), dtype=np.float32), grey.astype(">u2"), grey > 9, grey % 256 + 0):
        found["numpy"].append(_array(array))
    found["numpy"].append(_array(np.dstack([colour, np.full((23, 19), 255, np.uint8)])))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for k in range(3):
                archive.writestr(f"slice{k}.dcm", (DICOM / "MR_small.dcm").read_bytes())
            archive.writestr("report.txt", "three slices")
        found["zip"].append(file.getvalue())
    return dict(found)


def _rarer(rng: np.random.Generator, colour: np.ndarray) -> list[tuple[str, bytes]]:
    """Inks, opacity, palettes, pictures on their side, 16 bits per colour, and TIFF of other numbers."""
    inks = Image.fromarray(rng.integers(0, 256, (23, 19, 4), dtype=np.uint8), "CMYK")
    clear = Image.fromarray(np.dstack([colour, rng.integers(0, 256, (23, 19), dtype=np.uint8)]))
    few = Image.fromarray(colour).quantize(7)
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    wide = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rng.integers(0, 65536, (5, 12)))
    found = [(kind, saved(inks, kind)) for kind in ("JPEG", "TIFF")]
    found += [(kind, saved(clear, kind)) for kind in ("PNG", "TIFF", "WEBP")]
    found += [("PNG", saved(few, "PNG")), ("PNG", saved(few, "PNG", transparency=2)), ("TIFF", saved(few, "TIFF"))]
    found += [(kind, saved(Image.fromarray(colour), kind, exif=turned)) for kind in ("JPEG", "PNG", "TIFF", "WEBP")]
    found.append(("PNG", png(4, 5, 16, 2, wide)))
    floats = rng.random(19)
    found.append(("TIFF", saved(Image.fromarray(floats.astype(np.float32)[None]), "TIFF")))
    found.append(("TIFF", tiff(19, 64, 1, struct.pack("<19d", *floats), 3)))
    found.append(("TIFF", tiff(19, 16, 1, struct.pack("<19h", *range(-9, 10)), 2)))
    return found


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _array(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@lru_cache(maxsize=1)
def archives() -> dict[str, list[bytes]]:
    """Files of several small pictures with captions, in the ways that an audit reads."""
    rng = np.random.default_rng(2)
    some = [saved(Image.fromarray(rng.integers(0, 256, (7, 6), dtype=np.uint8)), "PNG") for _ in range(5)]
    members = [(f"{i}{end}", data) for i, one in enumerate(some) for end, data in ((".png", one), (".txt", b"words"))]
    members += [("x" * 150 + ".png", some[0]), ("IM0001", bytes(128) + b"DICM" + bytes(90))]
    plain = [_tar(members, form) for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)]
    found: dict[str, list[bytes]] = {"tar": plain, "tar packed": [gzip.compress(data, 1) for data in plain]}
    found["zip of pictures"] = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, data in members:
                archive.writestr(name, data)
        found["zip of pictures"].append(file.getvalue())
    named = pa.table({"image": [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(some)], "text": ["a"] * 5})
    bare, found["Parquet"], found["Arrow"] = pa.table({"jpg": some * 9}), [], []
    for table in (named, bare):
        for how in ({"compression": "zstd"}, {"use_dictionary": False, "data_page_version": "2.0"}):
            file = io.BytesIO()
            pq.write_table(table, file, row_group_size=20, **how)
            found["Parquet"].append(file.getvalue())
        for opened in (pa.ipc.new_stream, pa.ipc.new_file):
            file = io.BytesIO()
            with opened(file, table.schema) as writer:
                writer.write_table(table, max_chunksize=4)
            found["Arrow"].append(file.getvalue())
    return found


def _tar(members: list[tuple[str, bytes]], form: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, data in members:
            if form == tarfile.USTAR_FORMAT:
                name = name[-90:]
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


@lru_cache(maxsize=1)
def models() -> dict[str, list[bytes]]:
    """Files of a tiny model as diffusers saves it, a checkpoint of the research layout, and a bundled reference."""
    import torch

    from tests.commands.conftest import write_model
    from tests.targets.layout_oracle import random_state

    with tempfile.TemporaryDirectory() as place:
        folder = write_model(Path(place) / "model", 0)
        found = {kind: [(folder / name).read_bytes()] for kind, name in MODEL.items()}
        found[CHECKPOINT] = []
        for zipped in (True, False):
            torch.save(
                {"ema_model": random_state(32, (1, 1), (), 1, 1), "step": 3},
                Path(place) / "a.pt",
                _use_new_zipfile_serialization=zipped,
            )
            found[CHECKPOINT].append((Path(place) / "a.pt").read_bytes())
    found[REFERENCE] = [min((ASSETS / "references").glob("*.safetensors"), key=lambda f: f.stat().st_size).read_bytes()]
    return found
