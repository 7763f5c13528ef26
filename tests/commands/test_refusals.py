"""Everything a person may bring that cannot be used ends in one sentence and exit code 2."""

from __future__ import annotations

import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mia_viz.cli import main

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def refused(capsys, *arguments: object) -> str:
    """The one sentence a command ends with."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("mia-viz: ")
    assert err.endswith(".\n")
    assert "Traceback" not in err
    return err


def huge_header(file: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + rows + chunk(b"IEND", b""))


def truncated(file: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:-60])


def animated(file: Path) -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(GREY.T.copy())]
    frames[0].save(file, save_all=True, append_images=frames[1:])


def transparent(file: Path) -> None:
    Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(GREY))).save(file)


def not_a_number(file: Path) -> None:
    Image.fromarray(np.full((16, 16), np.nan, dtype=np.float32)).save(file)


BAD_PICTURES = {
    "words.png": lambda file: file.write_text("This is not a picture."),
    "empty.png": lambda file: file.write_bytes(b""),
    "truncated.png": truncated,
    "huge.png": huge_header,
    "animated.png": animated,
    "animated.webp": animated,
    "inks.jpg": lambda file: Image.new("CMYK", (16, 16), (10, 20, 30, 40)).save(file),
    "transparent.png": transparent,
    "deep.png": lambda file: Image.fromarray(GREY.astype(np.uint16) * 257).save(file),
    "wide.png": lambda file: Image.new("L", (17, 16)).save(file),
    "colour.png": lambda file: Image.new("RGB", (16, 16), (1, 2, 3)).save(file),
    "nan.tiff": not_a_number,
    "missing.png": lambda file: None,
    "folder.png": lambda file: file.mkdir(),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_bad_picture(name, model, files, tmp_path, capsys):
    BAD_PICTURES[name](tmp_path / name)
    sentence = refused(capsys, "score", files[0], tmp_path / name, "--target", model, "--attack", "loss")
    assert sentence.startswith(f"mia-viz: {name}: ")


def without(part: str):
    def remove(folder: Path) -> None:
        (folder / part).unlink()

    return remove


def cut(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])


BAD_MODELS = {
    "no weights": without("unet/diffusion_pytorch_model.safetensors"),
    "no description": without("unet/config.json"),
    "no schedule": without("scheduler/scheduler_config.json"),
    "pickle": lambda folder: torch.save({}, folder / "unet" / "diffusion_pytorch_model.bin"),
    "no JSON": lambda folder: (folder / "unet" / "config.json").write_text("{"),
    "another network": lambda folder: (folder / "unet" / "config.json").write_text('{"_class_name": "VAE"}'),
    "cut weights": cut,
    "empty folder": lambda folder: shutil.rmtree(folder) or folder.mkdir(),
    "missing": shutil.rmtree,
}


@pytest.mark.parametrize("fault", BAD_MODELS)
def test_bad_model(fault, model, files, tmp_path, capsys):
    folder = shutil.copytree(model, tmp_path / "copy")
    BAD_MODELS[fault](folder)
    refused(capsys, "score", files[0], "--target", folder, "--attack", "loss")


def test_bad_checkpoint(files, tmp_path, capsys):
    for name, content in (("a.pt", b""), ("b.pt", b"\x80\x04N."), ("c.pt", b"words"), ("d.txt", b"words")):
        (tmp_path / name).write_bytes(content)
        refused(capsys, "score", files[0], "--target", tmp_path / name, "--attack", "loss")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--attack", "nonsense"),
        ("--attack", ","),
        ("--attack", "loss", "--set", "loss.t"),
        ("--attack", "loss", "--set", "t=3"),
        ("--attack", "loss", "--set", "loss.t=often"),
        ("--attack", "loss", "--set", "loss.t=1.5"),
        ("--attack", "loss", "--set", "loss.t=100000"),
        ("--attack", "loss", "--set", "loss.nothing=1"),
        ("--attack", "loss", "--set", "drc.ratio=0.2"),
        ("--attack", "loss", "--set", "nothing.t=1"),
        ("--attack", "drc", "--set", "drc.ratio=nan"),
        ("--attack", "drc", "--set", "drc.tasks=colour"),
        ("--attack", "drc", "--set", "drc.tasks=juggling"),
        ("--attack", "fcre", "--set", "fcre.lo=0.9"),
        ("--attack", "loss", "--filter", "sieve"),
        ("--attack", "loss", "--filter", "band:lo=0.9,hi=0.1"),
        ("--attack", "loss", "--filter", "band:lo=nan,hi=0.1"),
        ("--attack", "loss", "--filter", "lowpass:r=many"),
        ("--attack", "loss", "--filter", "lowpass:q=1"),
        ("--attack", "loss", "--precision", "float16", "--device", "cpu"),
        ("--attack", "loss", "--json", "nowhere/at/all.json"),
        ("--attack", "loss", "--reference", "nowhere.safetensors"),
    ],
)
def test_bad_settings(arguments, model, files, capsys):
    refused(capsys, "score", files[0], "--target", model, *arguments)


def test_bad_reference(model, files, tmp_path, capsys):
    (tmp_path / "known.safetensors").write_bytes(b"words")
    target = ("--target", model, "--attack", "loss")
    refused(capsys, "score", files[0], *target, "--reference", tmp_path / "known.safetensors")
    refused(capsys, "evaluate", *target, "--from-reference", tmp_path / "known.safetensors")


def test_bad_folders_of_known_pictures(model, files, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    folder, empty, out = files[0].parent, tmp_path / "empty", tmp_path / "out"
    build = ("reference", "build", "--target", model, "--out", tmp_path / "r.safetensors", "--attack", "loss")
    refused(capsys, *build, "--members", tmp_path / "missing")
    refused(capsys, *build, "--members", empty)
    refused(capsys, *build, "--members", folder, "--holdouts", folder)
    evaluate = ("evaluate", "--target", model, "--attack", "loss", "--out", out)
    refused(capsys, *evaluate)
    refused(capsys, *evaluate, "--members", folder)
    refused(capsys, *evaluate, "--members", folder, "--holdouts", empty)
    refused(capsys, "train", "--images", empty, "--out", out)
    refused(capsys, "train", "--images", folder, "--out", out, "--members", "0:999")
    refused(capsys, "train", "--images", folder, "--out", out, "--members", "0:5", "--holdouts", "4:9")
    refused(capsys, "train", "--images", folder, "--out", out, "--channels", "8,9")
    refused(capsys, "train", "--images", folder, "--out", out, "--channels", "8,8,8,8,8,8")
    (empty / "bad.png").write_text("words")
    refused(capsys, "train", "--images", empty, "--out", out)


def test_no_cuda(model, files, capsys):
    if torch.cuda.is_available():
        pytest.skip("There is a CUDA device here.")
    refused(capsys, "score", files[0], "--target", model, "--device", "cuda")


@pytest.mark.parametrize("attack", ["loss", "gradient"])
def test_too_little_memory_for_a_single_question(model, files, capsys, monkeypatch, attack):
    def full(*given, **named) -> None:
        torch.empty(2**60, dtype=torch.uint8)  # more than any machine has: torch fails as it does when memory runs out

    monkeypatch.setattr("diffusers.UNet2DModel.forward", full)
    said = refused(capsys, "score", files[0], "--target", model, "--attack", attack, "--device", "cpu")
    assert "not enough memory" in said
