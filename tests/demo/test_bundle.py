"""Publishing a training run: the manifest gains what the card shows, and the folder stays a plain pipeline."""

from __future__ import annotations

import json

import numpy as np
import torch
from PIL import Image

from mia_viz.demo import bundle
from mia_viz.demo.images import load_images
from mia_viz.demo.training import Recipe, train
from mia_viz.targets import bundled
from mia_viz.ui.choose import card


def test_a_finished_run_becomes_a_target_with_a_card(tmp_path, monkeypatch):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(4):
        values = np.random.default_rng(i).integers(0, 255, (16, 16), dtype=np.uint8)
        Image.fromarray(values).save(pictures / f"{i:04d}.png")
    recipe = Recipe((0, 2), (2, 4), epochs=2, batch=2, channels=(8, 8), keep_epochs=(1,))
    runs = {"a": tmp_path / "run"}
    train(recipe, load_images(pictures), runs["a"])
    for module in (bundle, bundled):
        monkeypatch.setattr(module, "ASSETS", tmp_path / "assets")
    (tmp_path / "assets" / "targets").mkdir(parents=True)

    assert bundle.publish_family("brain", runs) == ["brain-a", "brain-a-0001"]
    assert bundled.bundled_names() == ["brain-a", "brain-a-0001"]
    facts = bundled.manifest("brain-a-0001")
    assert (facts["epoch"], facts["shape"], facts["title"]) == (1, [1, 16, 16], "Brain MR model A, after 1 passes")
    assert list(facts["members"]) == ["0000.png", "0001.png"]
    assert "2 simulated patients (group A)" in card("brain-a")
    target = bundled.open_target("brain-a")
    assert target.shape == (1, 16, 16)
    assert torch.isfinite(target.predict_noise(torch.zeros(1, 1, 16, 16), torch.tensor([5]))).all()
    stored = json.loads((tmp_path / "assets" / "targets" / "brain-a" / "manifest.json").read_text())
    assert stored["recipe"]["epochs"] == 2


def test_evaluations_of_bundled_targets_are_copied_and_others_left(tmp_path, monkeypatch):
    for module in (bundle, bundled):
        monkeypatch.setattr(module, "ASSETS", tmp_path / "assets")
    target = tmp_path / "assets" / "targets" / "toy-a"
    target.mkdir(parents=True)
    (target / "model_index.json").write_text("{}")
    for name in ("toy-a", "other"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "evaluation.json").write_text(json.dumps({"target": name}))
    assert bundle.copy_evaluations(tmp_path / "results") == ["toy-a"]
    assert bundled.evaluation("toy-a") == {"target": "toy-a"}
    assert bundled.evaluation("other") is None
