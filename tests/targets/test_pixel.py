"""Pixel targets: folders that diffusers wrote behave as in diffusers; everything else is refused in one sentence."""

from __future__ import annotations

import hashlib
import json
import pickle

import pytest
import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file

from mia_viz.diffusion import Schedule, ddim_move, noised, predicted_x0
from mia_viz.targets.pixel import PixelTarget, open_folder
from mia_viz.targets.target import Card, TargetError, noise_from_prediction

UNET, SCHEDULER = "unet/config.json", "scheduler/scheduler_config.json"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(make_unet, tmp_path):
    DDPMPipeline(make_unet(), DDPMScheduler(beta_schedule="linear")).save_pretrained(tmp_path)
    return tmp_path


def edit(file, **values) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_moves_equal_the_pipelines_own_scheduler_steps(make_unet, pictures, tmp_path, schedule, prediction):
    scheduler = DDIMScheduler(beta_schedule=schedule, prediction_type=prediction, clip_sample=False)
    DDPMPipeline(make_unet(), DDPMScheduler.from_config(scheduler.config)).save_pretrained(tmp_path)
    target = open_folder(tmp_path)
    pipeline = DDPMPipeline.from_pretrained(tmp_path)
    scheduler.set_timesteps(100)
    x_t = pictures(2)
    for t in (700, 100):
        with torch.no_grad():
            step = scheduler.step(pipeline.unet(x_t, t).sample, t, x_t, eta=0.0)
        eps_hat = target.predict_noise(x_t, torch.full((2,), t))
        here, there = target.schedule.gains(t), target.schedule.gains(t - 10)
        torch.testing.assert_close(predicted_x0(x_t, eps_hat, here), step.pred_original_sample, rtol=1e-4, atol=1e-4)
        moved = ddim_move(x_t, eps_hat, here, there)
        torch.testing.assert_close(moved, step.prev_sample, rtol=1e-4, atol=1e-4)


def test_what_a_folder_tells_about_itself(folder):
    target = open_folder(folder, name="mine")
    assert (target.name, target.shape, target.schedule.steps) == ("mine", (1, 16, 16), 1000)
    assert target.weights_sha256 == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    assert target.card.parameters == sum(v.numel() for v in load_file(folder / WEIGHTS).values())
    assert not any(p.requires_grad for p in target.unet.parameters())
    (folder / "manifest.json").write_text(json.dumps({"title": "Twin A", "members": {"0001.png": "ab"}}))
    card = open_folder(folder).card
    assert (card.title, card.members) == ("Twin A", {"0001.png": "ab"})


def test_half_precision_weights_run_in_single_precision(make_unet, pictures, tmp_path):
    DDPMPipeline(make_unet().half(), DDPMScheduler()).save_pretrained(tmp_path)
    eps_hat = open_folder(tmp_path).predict_noise(pictures(1), torch.tensor([5]))
    assert eps_hat.dtype == torch.float32
    exact = PixelTarget(make_unet(), Schedule.linear(), "x", Card("x")).predict_noise(pictures(1), torch.tensor([5]))
    torch.testing.assert_close(eps_hat, exact, rtol=0, atol=0.02)


def test_levels_may_differ_within_a_batch(tiny_target, pictures):
    x = pictures(3)
    together = tiny_target.predict_noise(x, torch.tensor([0, 10, 999]))
    single = [tiny_target.predict_noise(x[i : i + 1], torch.tensor([t])) for i, t in enumerate((0, 10, 999))]
    torch.testing.assert_close(together, torch.cat(single), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("t", [0, 300, 900])
def test_every_kind_of_prediction_means_the_same_noise(pictures, t):
    x_0, eps = pictures(2).double(), pictures(2, seed=8).double()
    alpha, sigma = Schedule.linear().gains(t)
    x_t = noised(x_0, eps, (alpha, sigma))
    outputs = {"epsilon": eps, "v_prediction": alpha * eps - sigma * x_0, "sample": x_0}
    for kind, output in outputs.items():
        torch.testing.assert_close(noise_from_prediction(output, x_t, kind, alpha, sigma), eps, rtol=0, atol=1e-10)
    with pytest.raises(TargetError, match="flow"):
        noise_from_prediction(eps, x_t, "flow", alpha, sigma)


def refused(folder, said: str) -> None:
    """Opening fails with one sentence, and only with a TargetError."""
    with pytest.raises(TargetError, match=said) as caught:
        open_folder(folder)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 200


def test_missing_parts_are_refused(folder, tmp_path):
    refused(tmp_path / "nowhere", "no model folder")
    refused(folder / "unet" / "config.json", "no model folder")
    (folder / WEIGHTS).rename(folder / "hidden")
    refused(folder, "has no weights")
    (folder / SCHEDULER).unlink()
    refused(folder, "has no weights")
    (folder / "hidden").rename(folder / WEIGHTS)
    refused(folder, "has no noise schedule")
    (folder / UNET).unlink()
    refused(folder, "has no network description")


@pytest.mark.parametrize("place", ["model.bin", "unet/diffusion_pytorch_model.bin", "optimizer.PT", "a/b/c.pkl"])
def test_a_pickle_anywhere_is_refused_and_not_opened(folder, place):
    class Bomb:
        def __reduce__(self):
            return (open, (str(folder / "exploded"), "w"))

    file = folder / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(Bomb()))
    refused(folder, "pickle file that could run code")
    assert not (folder / "exploded").exists()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"_class_name": "UNet2DConditionModel"}, "need a UNet2DModel"),
        ({"_class_name": None}, "need a UNet2DModel"),
        ({"sample_size": 100_000}, "picture size"),
        ({"sample_size": None}, "picture size"),
        ({"sample_size": [16]}, "picture size"),
        ({"sample_size": [16, "16"]}, "picture size"),
        ({"block_out_channels": [8, 10**9]}, "channel widths"),
        ({"block_out_channels": []}, "channel widths"),
        ({"block_out_channels": 8}, "channel widths"),
        ({"block_out_channels": [8] * 11}, "channel widths"),
        ({"block_out_channels": [8000, 8000]}, "do not fit"),
        ({"layers_per_block": 10**6}, "number of layers"),
        ({"in_channels": 4, "out_channels": 4}, "grey or RGB"),
        ({"out_channels": 3}, "grey or RGB"),
        ({"out_channels": 2}, "do not fit"),
        ({"class_embed_type": "timestep"}, "told a class"),
        ({"num_class_embeds": 10**9}, "told a class"),
        ({"num_class_embeds": 10}, "do not fit"),
        ({"norm_num_groups": 0}, "do not fit"),
        ({"layers_per_block": 2}, "do not fit"),
        ({"block_out_channels": [8, 16]}, "do not fit"),
        ({"down_block_types": ["A", "B"]}, "do not fit"),
    ],
)
def test_impossible_networks_are_refused_before_memory_is_taken(folder, values, said):
    edit(folder / UNET, **values)
    refused(folder, said)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"prediction_type": "flow"}, 'predicts "flow"'),
        ({"num_train_timesteps": 0}, "number of steps"),
        ({"num_train_timesteps": 10**9}, "number of steps"),
        ({"beta_schedule": "mystery"}, "cannot be read"),
        ({"beta_start": -1.0}, "little noise to much"),
        ({"beta_end": 1.5}, "little noise to much"),
        ({"trained_betas": [float("nan")] * 10}, "little noise to much"),
        ({"trained_betas": "abc"}, "cannot be read"),
    ],
)
def test_impossible_schedules_are_refused(folder, values, said):
    edit(folder / SCHEDULER, **values)
    refused(folder, said)


def test_schedulers_without_betas_are_refused(folder):
    (folder / SCHEDULER).write_text(json.dumps({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 1.0}))
    refused(folder, "FlowMatchEulerDiscreteScheduler is not one of discrete betas")


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"unet"', "\xff"])
def test_broken_descriptions_are_refused(folder, text):
    (folder / UNET).write_bytes(text.encode("latin-1"))
    refused(folder, "network description")


def test_a_huge_description_is_not_read(folder):
    (folder / UNET).write_bytes(b" " * 1_000_001)
    refused(folder, "too large")


def test_damaged_weights_are_refused(folder):
    whole = (folder / WEIGHTS).read_bytes()
    for damaged in (whole[:-100], whole[: len(whole) // 3], b"garbage", b"", b"\xff" * 64 + whole):
        (folder / WEIGHTS).write_bytes(damaged)
        refused(folder, "incomplete or damaged")


def test_weights_that_are_missing_or_too_many_are_not_made_up(folder):
    """diffusers would fill the gap with random numbers and warn."""
    weights = load_file(folder / WEIGHTS)
    without = {k: v for k, v in weights.items() if k != "conv_in.weight"}
    save_file(without, folder / WEIGHTS, metadata={"format": "pt"})
    refused(folder, "do not fit")
    save_file({**weights, "extra.weight": torch.zeros(2)}, folder / WEIGHTS, metadata={"format": "pt"})
    refused(folder, "do not fit")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(folder, number):
    weights = load_file(folder / WEIGHTS)
    weights["conv_out.bias"] = torch.full_like(weights["conv_out.bias"], number)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    refused(folder, "not finite")


def test_a_learned_variance_is_left_out(make_unet, pictures, tmp_path):
    unet = UNet2DModel(**{**make_unet().config, "out_channels": 2})
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path)
    target, x = open_folder(tmp_path), pictures(2)
    with torch.no_grad():
        noise = unet.eval()(x, 300).sample[:, :1]
    torch.testing.assert_close(target.predict_noise(x, torch.full((2,), 300)), noise, rtol=1e-4, atol=1e-5)
    assert any("variance" in sentence for sentence in target.card.assumed)


def test_a_class_is_told_by_its_number(make_unet, pictures, tmp_path):
    unet = UNet2DModel(**{**make_unet().config, "num_class_embeds": 4})
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path)
    target, x, t = open_folder(tmp_path), pictures(2), torch.full((2,), 300)
    assert target.takes == "class"
    with torch.no_grad():
        noise = unet.eval()(x, 300, class_labels=torch.tensor([3, 0])).sample
    told = target.condition(["3", " 0"])
    torch.testing.assert_close(target.predict_noise(x, t, told), noise, rtol=1e-4, atol=1e-5)
    gradients = target.loss_gradients(x, t, pictures(2, seed=1), told)
    torch.testing.assert_close(gradients[0], noise, rtol=1e-4, atol=1e-5)
    for caption in ("", "4", "-1", "cat"):
        with pytest.raises(TargetError, match="from 0 to 3"):
            target.condition([caption])
