"""A tiny model, tiny pictures, and a tiny bundled world of twins for the tests of the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from PIL import Image

from mia_viz.cli import main
from mia_viz.targets import bundled

SIDE = 16
ATTACKS = ["--attack", "loss,noise_aggregation,fcre"]
"""Of references and reports."""


def write_model(folder: Path, seed: int, steps: int = 1000) -> Path:
    """A random DDPM of 16 x 16 grey pictures with two levels, as diffusers saves it."""
    torch.manual_seed(seed)
    unet = UNet2DModel(
        sample_size=SIDE,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
        norm_num_groups=8,
    )
    DDPMPipeline(unet=unet, scheduler=DDPMScheduler(num_train_timesteps=steps)).save_pretrained(folder)
    return folder


def write_pictures(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Smooth random grey pictures 0000.png and on."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    files = [folder / f"{i:04d}.png" for i in range(count)]
    for file in files:
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5), dtype=np.uint8))
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(file)
    return files


@pytest.fixture(scope="session")
def make_model():
    """write_model(folder, seed, steps=1000)."""
    return write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny", seed=0)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_pictures(tmp_path_factory.mktemp("pictures"), 20)


@pytest.fixture(scope="session")
def folders(tmp_path_factory, files) -> tuple[Path, Path]:
    """Folders of twelve members and, varied from the other eight, sixteen hold-outs."""
    root = tmp_path_factory.mktemp("known")
    (root / "in").mkdir()
    (root / "out").mkdir()
    for file in files[:12]:
        shutil.copy(file, root / "in" / file.name)
    for file in files[12:]:
        shutil.copy(file, root / "out" / file.name)
        Image.open(file).rotate(90).save(root / "out" / f"turned-{file.name}")
    return root / "in", root / "out"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Bundled assets with the twins toy-a and toy-b, the age toy-a-0002 and a population of 34 pictures."""
    assets = tmp_path / "assets"
    write_pictures(assets / "toy" / "pictures", 34, seed=5)
    groups = {
        "A": {"calibration": [0, 4], "test": [4, 10]},
        "B": {"calibration": [10, 14], "test": [14, 20]},
        "C": {"calibration": [20, 28], "test": [28, 34]},
    }
    facts = {"title": "Toys", "groups": groups}
    (assets / "toy" / "population.json").write_text(json.dumps(facts))
    for seed, name in enumerate(("toy-a", "toy-b", "toy-a-0002")):
        folder = write_model(assets / "targets" / name, seed)
        (folder / "manifest.json").write_text(json.dumps({"title": name, "epoch": 2, "members": {}}))
    monkeypatch.setattr(bundled, "ASSETS", assets)
    bundled.population.cache_clear()
    yield assets
    bundled.population.cache_clear()


@pytest.fixture(scope="module")
def own(tmp_path_factory, model, folders) -> Path:
    """A reference of own pictures."""
    file = tmp_path_factory.mktemp("own") / "own.safetensors"
    known = ["--members", str(folders[0]), "--holdouts", str(folders[1])]
    assert main(["reference", "build", "--target", str(model), *ATTACKS, *known, "--out", str(file)]) == 0
    return file


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    """A picture with a telling name and metadata that must not travel."""
    file = tmp_path_factory.mktemp("query") / "Jane Doe 1970.png"
    values = np.random.default_rng(8).integers(60, 200, (4, 4), dtype=np.uint8)
    image = Image.fromarray(values).resize((16, 16), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[315] = "Doctor Secret"
    image.save(file, exif=exif)
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory, model, own, picture) -> Path:
    folder = tmp_path_factory.mktemp("report")
    assert main(["report", str(picture), "--target", str(model), "--reference", str(own), "--out", str(folder)]) == 0
    return folder


def read(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())
