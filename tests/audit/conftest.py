"""Small pictures in every kind of source."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mia_viz.audit.source import Source

SIDE = 16


def png(seed: int) -> bytes:
    """A smooth random grey picture of 16 x 16 as a PNG file."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (5, 5), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def pngs() -> list[bytes]:
    return [png(seed) for seed in range(12)]


@pytest.fixture
def folder(tmp_path: Path, pngs) -> Path:
    """0000.png and on, the last four in a folder below, with a caption beside each."""
    place = tmp_path / "pictures"
    (place / "more").mkdir(parents=True)
    for i, data in enumerate(pngs):
        file = place / ("more" if i >= 8 else ".") / f"{i:04d}.png"
        file.write_bytes(data)
        file.with_suffix(".txt").write_text(f"picture {i}\n")
    (place / "readme.md").write_text("no picture")
    (place / ".hidden.png").write_bytes(pngs[0])
    return place


def write_tar(file: Path, pngs: list[bytes], mode: str = "w", caption_first: bool = False) -> Path:
    with tarfile.open(file, mode) as archive:
        for i, data in enumerate(pngs):
            sample = [(f"{i:04d}.png", data), (f"{i:04d}.txt", f"picture {i}".encode())]
            for name, content in reversed(sample) if caption_first else sample:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return file


def write_zip(file: Path, pngs: list[bytes]) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for i, data in enumerate(pngs):
            archive.writestr(f"in/{i:04d}.png", data)
            archive.writestr(f"in/{i:04d}.txt", f"picture {i}")
        archive.writestr("__MACOSX/0000.png", b"no picture")
    return file


def write_parquet(file: Path, pngs: list[bytes], hugging_face: bool = True) -> Path:
    images = [{"bytes": data, "path": f"{i:04d}.png"} for i, data in enumerate(pngs)] if hugging_face else pngs
    captions = [f"picture {i}" for i in range(len(pngs))]
    table = pa.table({"text": captions, "image": images, "label": list(range(len(pngs)))})
    pq.write_table(table, file, row_group_size=5)
    return file


WRITERS = {
    "zip": lambda folder, pngs: write_zip(folder / "a.zip", pngs),
    "tar": lambda folder, pngs: write_tar(folder / "a.tar", pngs),
    "tar, captions first": lambda folder, pngs: write_tar(folder / "a.tar", pngs, caption_first=True),
    "tgz": lambda folder, pngs: write_tar(folder / "a.tar.gz", pngs, "w:gz"),
    "Hugging Face": lambda folder, pngs: write_parquet(folder / "a.parquet", pngs),
    "Parquet": lambda folder, pngs: write_parquet(folder / "a.parquet", pngs, hugging_face=False),
}


@pytest.fixture(params=WRITERS)
def container(request: pytest.FixtureRequest, tmp_path: Path, pngs) -> Path:
    """The same twelve pictures with captions in one file of each kind."""
    return WRITERS[request.param](tmp_path, pngs)


@pytest.fixture
def make_container():
    """make(kind, folder, pngs): see WRITERS."""
    return lambda kind, folder, pngs: WRITERS[kind](folder, pngs)


@pytest.fixture
def wavy(make_wavy):
    return make_wavy()


@pytest.fixture
def bad(folder):
    """Twelve pictures, of which 3 are unusable: no picture, another size, cut off."""
    (folder / "0001.png").write_bytes(b"words")
    (folder / "0005.png").write_bytes((folder / "0005.png").read_bytes()[:60])
    (folder / "more" / "0009.png").unlink()
    (folder / "more" / "0009.png").symlink_to(folder / "nowhere")
    return Source(str(folder))


CRASHES = """
import ctypes
from mia_viz.pictures import files
decode = files._decode
def crashing(data, kind):
    if data.endswith(b"deadly"):
        ctypes.string_at(0)
    return decode(data, kind)
files._decode = crashing
"""
"""Run by every Python program that finds it as `sitecustomize`: a decoder that reads from a wrong address."""


@pytest.fixture
def deadly(tmp_path, monkeypatch):
    """What a picture ends in that crashes the decoder of every process started from here."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(CRASHES)
    monkeypatch.syspath_prepend(tmp_path / "site")
    return b"deadly"
