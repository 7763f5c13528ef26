"""The tiny model, reference and pictures of the command line's tests, for tests that break things."""

from __future__ import annotations

from pathlib import Path

import pytest

from mia_viz.cli import main
from tests.commands.conftest import write_model, write_pictures


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny", seed=0)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Flags that name eight members and eight hold-outs."""
    folder = tmp_path_factory.mktemp("known")
    write_pictures(folder / "in", 8, seed=1)
    write_pictures(folder / "out", 8, seed=2)
    return ["--members", str(folder / "in"), "--holdouts", str(folder / "out")]


@pytest.fixture(scope="module")
def build(model, known):
    """Arguments of `reference build` for two attacks, without the file."""
    return ["reference", "build", "--target", str(model), "--attack", "loss,pia", *known, "--device", "cpu"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory, build) -> Path:
    file = tmp_path_factory.mktemp("reference") / "own.safetensors"
    assert main([*build, "--out", str(file)]) == 0
    return file


@pytest.fixture(scope="module")
def train(known):
    """Arguments of `train` for a very small network, without the folder."""
    size = ("--channels", "8,8", "--batch", "4", "--epochs", "6", "--measure-every", "1", "--threads", "1")
    return ["train", "--images", known[1], *size, "--device", "cpu"]
