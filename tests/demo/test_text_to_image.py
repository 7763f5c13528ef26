"""The captioned twins' recipe: shared parts and UNet end as an ordinary StableDiffusionPipeline folder."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image
from safetensors.torch import load_file

from mia_viz.demo import shared_parts, text_to_image
from mia_viz.demo.images import load_images
from mia_viz.demo.recipe import Recipe
from mia_viz.demo.shared_parts import batch_of, build_tokenizer, latents_of, train_text, train_vae
from mia_viz.demo.text_to_image import CaptionedTraining, Parts
from mia_viz.demo.training import finish

CAPTIONS = [f"{colour} {thing}, {style} emoji" for colour in ("red", "blue") for thing in ("ball", "box")
            for style in ("flat", "3d")]  # fmt: skip
RECIPE = Recipe(members=(0, 4), holdouts=(4, 8), epochs=2, batch=4, warmup=2, channels=(16, 16, 16), keep_epochs=(1,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight coloured pictures with captions."""
    made = tmp_path_factory.mktemp("known")
    (made / "pictures").mkdir()
    for i in range(8):
        blocks = np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(np.kron(blocks, np.ones((8, 8, 1), dtype=np.uint8))).save(made / f"pictures/{i:04d}.png")
    (made / "captions.json").write_text(json.dumps(CAPTIONS))
    return made


@pytest.fixture(scope="module")
def shared(folder, tmp_path_factory):
    """Shared parts after a few steps."""
    out = tmp_path_factory.mktemp("shared")
    pixels = load_images(folder / "pictures").pixels
    train_vae(pixels, out, epochs=2, batch=4)
    train_text(pixels, CAPTIONS, out, epochs=2, batch=4)
    return out


def test_every_epoch_takes_every_picture_once():
    epochs = [torch.cat([batch_of(step, 10, 4) for step in range(first, first + 3)]).tolist() for first in (0, 3)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 2
    assert epochs[0] != epochs[1]


def test_the_scaled_latents_have_unit_spread(shared, folder):
    pixels = load_images(folder / "pictures").pixels
    vae = AutoencoderKL.from_pretrained(shared / "vae").float()
    assert float((latents_of(vae, pixels) * vae.config.scaling_factor).std()) == pytest.approx(1, rel=1e-2)


def test_a_stopped_vae_goes_on_to_the_same_weights(shared, folder, tmp_path, monkeypatch):
    pixels = load_images(folder / "pictures").pixels
    learn, steps = shared_parts.Run.learn, []

    def until_stopped(self, loss):
        if len(steps) == 3:
            raise KeyboardInterrupt
        steps.append(loss)
        learn(self, loss)

    monkeypatch.setattr(shared_parts.Run, "learn", until_stopped)
    with pytest.raises(KeyboardInterrupt):
        train_vae(pixels, tmp_path, epochs=2, batch=4)
    monkeypatch.setattr(shared_parts.Run, "learn", learn)
    train_vae(pixels, tmp_path, epochs=2, batch=4)
    weights = [load_file(out / "vae/diffusion_pytorch_model.safetensors") for out in (shared, tmp_path)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_tokenizer_spells_words_it_never_saw(tmp_path):
    tokenizer = build_tokenizer(CAPTIONS, tmp_path)
    assert tokenizer.tokenize("red ball") == ["red</w>", "ball</w>"]
    unseen = tokenizer("Zébra, 3d emoji").input_ids
    assert tokenizer.decode(unseen, skip_special_tokens=True).replace(" ", "") == "zébra,3demoji"
    assert unseen[0] == tokenizer.bos_token_id
    assert unseen[-1] == tokenizer.eos_token_id


@pytest.fixture(scope="module")
def trained(folder, shared, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    images = load_images(folder / "pictures")
    run = CaptionedTraining(RECIPE, images, CAPTIONS, Parts(shared), out, "cpu")
    return run, finish(run, measure_every=1)


def test_the_result_is_an_ordinary_stable_diffusion_folder(trained):
    run, target = trained
    pipeline = StableDiffusionPipeline.from_pretrained(target)
    assert pipeline.scheduler.config.beta_schedule == "scaled_linear"
    told = pipeline.encode_prompt(CAPTIONS[0], "cpu", 1, False)[0]
    torch.testing.assert_close(told[0].float(), run.told[0], atol=2e-2, rtol=0)  # saved in half precision
    assert (target.parent / "epoch-0001/model_index.json").is_file()
    members = json.loads((target / "manifest.json").read_text())["members"]
    assert list(members) == [f"{i:04d}.png" for i in range(4)]


def test_training_tells_each_picture_its_own_caption_and_a_few_none(trained, monkeypatch):
    run, _ = trained
    asked = []
    monkeypatch.setattr(run, "unet", lambda x, t, told: asked.append(told) or type("Out", (), {"sample": x}))
    index = torch.arange(4)
    run.predict(torch.zeros(4, 4, 16, 16), index, index)
    torch.testing.assert_close(asked[0], run.told[:4], rtol=0, atol=0)
    monkeypatch.setattr(text_to_image, "EMPTY_SHARE", 1.0)
    run.predict(torch.zeros(4, 4, 16, 16), index, index, training=True)
    torch.testing.assert_close(asked[1], run.told[-1:].expand(4, -1, -1), rtol=0, atol=0)
