"""The training recipe: a killed run ends with the weights of an undisturbed one; the result is an ordinary folder."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline
from PIL import Image
from safetensors.torch import load_file

from mia_viz.demo import training as module
from mia_viz.demo.images import load_images
from mia_viz.demo.recipe import Recipe
from mia_viz.demo.training import Training, step_draw, train
from mia_viz.targets.pixel import open_folder

ROOT = Path(__file__).parents[2]
RECIPE = Recipe(
    members=(0, 8),
    holdouts=(8, 12),
    epochs=10,
    batch=4,
    warmup=3,
    channels=(8, 8),
    seed=5,
    keep_epochs=(3,),
)
KILLED_AT = 11  # of 20 steps; states are saved after steps 4, 6 (a kept age) and 8

KILLED_RUN = f"""
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from mia_viz.demo.recipe import Recipe
from mia_viz.demo.images import load_images
from mia_viz.demo.training import Training, train
advance = Training.advance
def until_killed(self):
    if self.step == {KILLED_AT}:
        os.kill(os.getpid(), signal.SIGKILL)
    return advance(self)
Training.advance = until_killed
train({RECIPE!r}, load_images(Path(sys.argv[1])), Path(sys.argv[2]), measure_every=2)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pictures) -> Path:
    made = tmp_path_factory.mktemp("pictures")
    for i, picture in enumerate(pictures(12)):
        array = ((picture[0].numpy() + 1) * 127.5).round().astype(np.uint8)
        Image.fromarray(array).save(made / f"{i:02d}.png")
    return made


@pytest.fixture(scope="module")
def runs(folder, tmp_path_factory) -> tuple[Path, Path]:
    """Where an undisturbed run and one that was killed and resumed have left their results."""
    calm, killed = tmp_path_factory.mktemp("calm"), tmp_path_factory.mktemp("killed")
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED_RUN, str(folder), str(killed)], cwd=ROOT, stderr=subprocess.PIPE
    )
    train(RECIPE, load_images(folder), calm, measure_every=2)  # while the other imports torch
    _, said = child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL, said.decode()[-500:]
    assert torch.load(killed / "state.pt", weights_only=True)["step"] == 8
    assert not (killed / "target").exists()
    (killed / "state.partial").write_bytes(b"left by an interrupted save")
    train(RECIPE, load_images(folder), killed, measure_every=2)
    return calm, killed


def flattened(value, name: str = "") -> dict[str, object]:
    """Every leaf of nested dicts and lists by its path."""
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, part in items for k, v in flattened(part, f"{name}/{key}").items()}
    return {name: value}


def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(runs):
    calm, killed = (flattened(torch.load(run / "state.pt", weights_only=True)) for run in runs)
    assert calm.keys() == killed.keys()
    tensors = [name for name, value in calm.items() if isinstance(value, torch.Tensor)]
    assert len(tensors) > 100  # network, average and both moments of the optimiser
    for name, value in calm.items():
        same = torch.equal(value, killed[name]) if name in tensors else value == killed[name]
        assert same, name
    for part in ("target", "epoch-0003"):
        files = [run / part / "unet" / "diffusion_pytorch_model.safetensors" for run in runs]
        assert files[0].read_bytes() == files[1].read_bytes()
        assert (runs[0] / part / "losses.csv").read_text() == (runs[1] / part / "losses.csv").read_text()


def test_the_run_has_learned_something_and_ages_differ(runs):
    late, early = (
        load_file(runs[0] / p / "unet/diffusion_pytorch_model.safetensors") for p in ("target", "epoch-0003")
    )
    assert all(value.dtype == torch.float16 for value in late.values())
    assert not torch.equal(late["conv_in.weight"], early["conv_in.weight"])


def test_the_result_is_an_ordinary_pipeline_and_target(runs, pictures):
    pipeline = DDPMPipeline.from_pretrained(runs[0] / "target")
    target = open_folder(runs[0] / "target")
    assert target.shape == (1, 16, 16)
    x, t = pictures(2), torch.tensor([150, 150])
    with torch.no_grad():
        theirs = pipeline.unet.float()(x, t).sample
    torch.testing.assert_close(target.predict_noise(x, t), theirs)
    alphas = pipeline.scheduler.alphas_cumprod.double()
    torch.testing.assert_close(target.schedule.alpha.square(), alphas)


def test_the_manifest_names_every_member_by_its_hash(runs, folder):
    manifest = json.loads((runs[0] / "target" / "manifest.json").read_text())
    expected = {f"{i:02d}.png": hashlib.sha256((folder / f"{i:02d}.png").read_bytes()).hexdigest() for i in range(8)}
    assert manifest["members"] == expected
    assert manifest["epoch"] == 10
    assert json.loads((runs[0] / "epoch-0003" / "manifest.json").read_text())["epoch"] == 3


def test_the_averaged_weights_are_exported_and_not_left_in_the_network(folder, tmp_path):
    run = Training(RECIPE, load_images(folder), tmp_path)
    for _ in range(3):
        run.advance()
    trained = {k: v.clone() for k, v in run.unet.state_dict().items()}
    exported = load_file(run.export("age") / "unet/diffusion_pytorch_model.safetensors")
    names = [name for name, _ in run.unet.named_parameters()]
    for name, average in zip(names, run.ema.shadow_params, strict=True):
        assert torch.equal(exported[name], average.half())
    assert all(torch.equal(v, trained[k]) for k, v in run.unet.state_dict().items())
    assert not torch.equal(exported["conv_in.weight"], trained["conv_in.weight"].half())


def test_an_interrupted_save_keeps_the_old_state(folder, tmp_path, monkeypatch):
    run = Training(RECIPE, load_images(folder), tmp_path)
    run.save_state()
    before = run.state_file.read_bytes()

    def half(state, path):
        Path(path).write_bytes(before[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(module.torch, "save", half)
    run.advance()
    with pytest.raises(KeyboardInterrupt):
        run.save_state()
    assert run.state_file.read_bytes() == before


def test_a_state_of_other_settings_is_not_continued(folder, tmp_path):
    images = load_images(folder)
    Training(RECIPE, images, tmp_path).save_state()
    with pytest.raises(ValueError, match="other settings"):
        Training(replace(RECIPE, seed=6), images, tmp_path).resume()
    assert not Training(RECIPE, images, tmp_path / "fresh").resume()
    with pytest.raises(ValueError, match="0:13"):
        Training(replace(RECIPE, members=(0, 13)), images, tmp_path)


def test_every_member_is_seen_once_an_epoch_at_spread_out_levels():
    shape = torch.Size((1, 4, 4))
    recipe = replace(RECIPE, members=(0, 10))  # the last batch of an epoch is smaller
    orders = []
    for epoch in range(2):
        draws = [step_draw(recipe, 3 * epoch + place, 10, shape, 1000) for place in range(3)]
        seen = torch.cat([index for index, _, _ in draws])
        assert sorted(seen.tolist()) == list(range(10))
        orders.append(seen.tolist())
        for index, t, eps in draws:
            assert sorted((t * len(index) // 1000).tolist()) == list(range(len(index)))
            assert eps.shape == (len(index), 1, 4, 4)
    assert orders[0] != orders[1]


def test_draws_follow_from_seed_and_step_alone():
    shape = torch.Size((1, 4, 4))
    first = step_draw(RECIPE, 7, 8, shape, 1000)
    torch.manual_seed(1)
    again, other, seeded = (
        step_draw(r, s, 8, shape, 1000) for r, s in ((RECIPE, 7), (RECIPE, 6), (replace(RECIPE, seed=6), 7))
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[2], other[2])
    assert not torch.equal(first[2], seeded[2])


def test_the_learning_rate_rises_stays_and_falls_to_zero():
    recipe = replace(RECIPE, epochs=50, warmup=10, learning_rate=1e-3)  # 100 steps
    assert recipe.rate_at(0) == pytest.approx(1e-4)
    assert {recipe.rate_at(s) for s in range(9, 71)} == {1e-3}
    assert recipe.rate_at(85) == pytest.approx(0.5e-3)
    assert recipe.rate_at(99) == pytest.approx(1e-3 / 30)
    assert recipe.rate_at(100) == 0


def test_folders_that_cannot_be_trained_on_are_refused_with_a_sentence(folder, tmp_path):
    with pytest.raises(ValueError, match="no PNG or JPEG"):
        load_images(tmp_path)
    images = load_images(folder)
    assert images.pixels.shape == (12, 1, 16, 16)
    assert images.pixels.min() >= -1
    assert images.pixels.max() <= 1
    Image.new("L", (16, 16)).save(tmp_path / "a.png")
    Image.new("RGB", (16, 16)).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"b\.png has another size"):
        load_images(tmp_path)
