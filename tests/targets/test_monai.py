"""MONAI networks: the target against MONAI's own network, its scheduler's add_noise and its step."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mia_viz.diffusion import noised, predicted_x0
from mia_viz.targets.bundled import open_target
from mia_viz.targets.monai import MISSING
from mia_viz.targets.target import TargetError
from tests.targets.refusals import refused

pytest.importorskip("monai", reason="MONAI is an optional extra (requirements-monai.txt)")
pytest.importorskip("einops", reason="MONAI's attention needs einops (requirements-monai.txt)")
from monai.networks.nets import DiffusionModelUNet
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler

torch.set_num_threads(1)
NETWORK = {
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 1,
    "channels": [8, 16],
    "attention_levels": [False, True],
    "num_res_blocks": 1,
    "num_head_channels": 8,
    "norm_num_groups": 4,
}
SCHEDULER = {
    "_target_": "DDPMScheduler",
    "num_train_timesteps": 50,
    "schedule": "linear_beta",
    "prediction_type": "epsilon",
}
SCHEDULES = {
    "linear_beta": {"beta_start": 0.0005, "beta_end": 0.0195},
    "scaled_linear_beta": {"beta_start": 0.0015, "beta_end": 0.0195},
    "sigmoid_beta": {"sig_range": 5},
    "cosine": {"s": 0.01},
}
LEVELS = (0, 7, 30, 49)


def network(seed: int = 0, **changed) -> DiffusionModelUNet:
    """A tiny network of random weights, also where MONAI starts from zero."""
    torch.manual_seed(seed)
    made = DiffusionModelUNet(**(NETWORK | changed)).eval()
    for name, weight in made.named_parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
        elif name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.1)
    return made


def saved(folder: Path, made: DiffusionModelUNet, description: dict, name: str = "model.safetensors") -> Path:
    """A folder of weights and config.json."""
    folder.mkdir(exist_ok=True)
    state = made.state_dict()
    save_file(state, folder / name) if name.endswith("safetensors") else torch.save(state, folder / name)
    (folder / "config.json").write_text(json.dumps(description))
    return folder


def description(**changed) -> dict:
    return {
        "network": {"_target_": "monai.networks.nets.DiffusionModelUNet"} | NETWORK,
        "scheduler": SCHEDULER,
        "image_size": [16, 8],
        "value_range": [-1, 1],
    } | changed


def pictures(count: int, channels: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, 16, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("schedule", list(SCHEDULES))
@torch.no_grad()
def test_eps_hat_equals_monai(tmp_path, schedule, prediction):
    """The noised picture is add_noise's, eps_hat and x0_hat are those of DDIMScheduler.step."""
    made = network()
    arguments = {"num_train_timesteps": 50, "schedule": schedule, "prediction_type": prediction, **SCHEDULES[schedule]}
    about = description(scheduler={"_target_": "DDIMScheduler", "clip_sample": False, **arguments})
    target = open_target(str(saved(tmp_path / "model", made, about)))
    theirs = DDIMScheduler(clip_sample=False, **arguments)
    x_0, noise = pictures(len(LEVELS)), torch.randn(len(LEVELS), 1, 16, 8, generator=torch.Generator().manual_seed(2))
    x_t = theirs.add_noise(x_0, noise, torch.tensor(LEVELS))
    eps_hat = target.predict_noise(x_t, torch.tensor(LEVELS))
    for k, level in enumerate(LEVELS):
        gains = target.schedule.gains(level)
        assert torch.allclose(noised(x_0[k], noise[k], gains), x_t[k], atol=1e-5)
        output = made(x_t[k : k + 1], torch.tensor([level]))
        previous, clean = theirs.step(output, level, x_t[k : k + 1])
        # What step moves along; at the lowest level it goes to the clean picture, where that says nothing.
        abar = theirs.alphas_cumprod[level]
        implied = (x_t[k] - abar.sqrt() * clean[0]) / (1 - abar).sqrt()
        if level:
            before = theirs.alphas_cumprod[level - 1]
            implied = (previous[0] - before.sqrt() * clean[0]) / (1 - before).sqrt()
        scale = max(1, float(implied.abs().max()))
        assert torch.allclose(eps_hat[k], implied, atol=1e-5 * scale)
        x0_hat = predicted_x0(x_t[k], eps_hat[k], gains)
        assert torch.allclose(x0_hat, clean[0], atol=1e-5 * max(1, float(clean.abs().max())) / min(1, gains[0]))


@pytest.mark.parametrize(
    "changed",
    [
        {"in_channels": 3, "out_channels": 6},
        {"num_class_embeds": 4, "resblock_updown": True},
        {"channels": [8, 8, 16], "attention_levels": [True, False, True], "num_res_blocks": [1, 2, 1]},
        {"use_combined_linear": True, "include_fc": False, "upcast_attention": True, "use_flash_attention": True},
    ],
)
@torch.no_grad()
def test_other_networks_equal_monai(tmp_path, changed):
    made = network(**changed)
    target = open_target(str(saved(tmp_path / "m", made, description(network=NETWORK | changed), "model.pt")))
    x_t, levels = pictures(3, made.in_channels), torch.tensor([0, 9, 49])
    told, labels = None, None
    if "num_class_embeds" in changed:
        told, labels = target.condition(["0", "3", "1"]), torch.tensor([0, 3, 1])
    expected = made(x_t, levels, class_labels=labels)[:, : made.in_channels]
    assert torch.allclose(target.predict_noise(x_t, levels, told), expected, atol=1e-5)
    assert target.takes == ("class" if labels is not None else "")
    assert target.card.parameters == sum(p.numel() for p in made.parameters())


@torch.no_grad()
def test_a_bundle_is_opened_without_evaluating_it(tmp_path):
    """configs/inference.json with the usual expressions around plain sections, and metadata.json for the pictures."""
    made, root = network(), tmp_path / "bundle"
    for part in ("configs", "models"):
        (root / part).mkdir(parents=True)
    torch.save(
        {"model": {f"module.{k}": v for k, v in made.state_dict().items()}, "epoch": 3}, root / "models/model.pt"
    )
    touched = tmp_path / "touched"
    config = {
        "imports": [f"$open({str(touched)!r}, 'w')"],
        "device": "$torch.device('cuda')",
        "image_channels": 1,
        "network_def": {
            "_target_": "monai.networks.nets.DiffusionModelUNet",
            **NETWORK,
            "in_channels": "@image_channels",
        },
        "network": "$@network_def.to(@device)",
        "noise_scheduler": SCHEDULER,
        "checkpointloader": {"_target_": "os.system", "command": f"touch {touched}"},
    }
    (root / "configs/inference.json").write_text(json.dumps(config))
    inputs = {"image": {"num_channels": 1, "spatial_shape": [16, 8], "value_range": [0, 1]}, "timesteps": {}}
    (root / "configs/metadata.json").write_text(json.dumps({"network_data_format": {"inputs": inputs}}))
    target = open_target(str(root))
    assert not touched.exists()
    assert (target.name, target.shape, target.x0_range) == ("bundle", (1, 16, 8), (0, 1))
    x_t, levels = pictures(2), torch.tensor([3, 40])
    assert torch.allclose(target.predict_noise(x_t, levels), made(x_t, levels), atol=1e-5)
    assert torch.allclose(target.encode(pictures(2)), (pictures(2) + 1) / 2)
    assert torch.allclose(target.decode(target.encode(pictures(2))), pictures(2), atol=1e-6)
    assert target.card.assumed == ('Of the file the weights under "model" were taken.',)


@torch.no_grad()
def test_checkpoints_of_the_generative_package(tmp_path):
    """Its names: attention without `attn`, `proj_attn`, `num_channels`, a schedule called `linear`."""
    made = network()
    old = {}
    for name, tensor in made.state_dict().items():
        name = re.sub(r"\.attn\.(to_[qkv])\.", r".\1.", name).replace(".attn.out_proj.", ".proj_attn.")
        old[name.replace("upsampler.postconv.", "upsampler.conv.")] = tensor
    theirs = network(seed=5)
    theirs.load_old_state_dict(dict(old))  # MONAI's own reading of the old names
    file = tmp_path / "old.pt"
    torch.save(old, file)
    arguments = {key: value for key, value in NETWORK.items() if key != "channels"} | {"num_channels": [8, 16]}
    about = description(network=arguments, scheduler={"schedule": "linear", "num_train_timesteps": 1000})
    file.with_suffix(".json").write_text(json.dumps(about))
    target = open_target(str(file))
    x_t, levels = pictures(2), torch.tensor([3, 999])
    assert torch.allclose(target.predict_noise(x_t, levels), theirs(x_t, levels), atol=1e-5)
    abar = DDPMScheduler(1000, "linear_beta").alphas_cumprod.double()
    assert torch.allclose(target.schedule.alpha, abar.sqrt())


def test_what_is_not_stated_is_assumed_and_said(tmp_path):
    about = description()
    del about["scheduler"], about["value_range"]
    target = open_target(str(saved(tmp_path / "model", network(), about)))
    told = " ".join(target.card.assumed)
    for words in ("DDPMScheduler", "the noise was assumed", "1000", "linear", "-1 to 1"):
        assert words in told
    assert (target.schedule.steps, target.prediction) == (1000, "epsilon")


def test_gradients_reach_every_weight(tmp_path):
    made = network()
    target = open_target(str(saved(tmp_path / "model", made, description())))
    levels = torch.tensor([3, 40])
    eps_hat, squared = target.loss_gradients(pictures(2), levels, torch.zeros(2, 1, 16, 8))
    assert torch.allclose(eps_hat, made(pictures(2), levels), atol=1e-5)
    assert len(squared) == len(list(made.parameters()))


def test_refusals_of_descriptions(tmp_path):
    made = network()

    def said(words: str, network: dict | None = None, scheduler: dict | None = None, **others) -> None:
        about = description(network={"_target_": "DiffusionModelUNet"} | NETWORK | (network or {}), **others)
        about["scheduler"] = SCHEDULER | (scheduler or {})
        refused(saved(tmp_path / "model", made, about), words)

    said("3-D", {"spatial_dims": 3})
    said("context", {"with_conditioning": True, "cross_attention_dim": 8})
    said("never evaluated", {"channels": "$[8, 16]"})
    said("never evaluated", {"channels": "@nowhere"})
    said("never evaluated", {}, {"num_train_timesteps": "$50"})
    said("unknown entry", {"hidden": 1})
    said("absurdly large", {"channels": [8, 10**9]})
    said("absurdly large", {"num_res_blocks": 10**6})
    said("absurdly large", {"norm_num_groups": 0})
    said("grey or RGB", {"in_channels": 2})
    said("do not fit", {"channels": [8, 24]})
    said("do not fit", {"num_head_channels": 7})
    said("PNDM|DDPMScheduler and DDIMScheduler", {}, {"_target_": "monai.networks.schedulers.PNDMScheduler"})
    said("kind of prediction", {}, {"prediction_type": "flow"})
    said("none of linear_beta", {}, {"schedule": "karras"})
    said("number of steps", {}, {"num_train_timesteps": 10**9})
    said("unknown or no sensible", {}, {"betas": 3})
    said("little noise to much", {}, {"beta_start": 0, "beta_end": 0})
    said("picture size is not stated", image_size=None)
    said("of no use", image_size=[15, 8])
    said("rising numbers", value_range=[1, 0])
    said("latents", autoencoder={"_target_": "monai.networks.nets.AutoencoderKL"})
    said("more than one", second={"_target_": "DiffusionModelUNet", "spatial_dims": 2})


def test_refusals_of_files(tmp_path, monkeypatch):
    made, file = network(), tmp_path / "alone.safetensors"
    save_file(made.state_dict(), file)
    refused(file, "alone.json")
    folder = saved(tmp_path / "model", made, description())
    (folder / "model.safetensors").unlink()
    refused(folder, "no weights")
    torch.save(made.state_dict() | {"hook": print}, folder / "model.pt")
    refused(folder, "not executed")
    state = made.state_dict()
    torch.save({name: tensor for name, tensor in state.items() if "middle" not in name}, folder / "model.pt")
    refused(folder, "do not fit")
    torch.save(state | {"time_embed.0.bias": torch.full((32,), torch.inf)}, folder / "model.pt")
    refused(folder, "not finite")
    (tmp_path / "yaml" / "configs").mkdir(parents=True)
    (tmp_path / "yaml" / "configs" / "inference.yaml").write_text("network: 1")
    (tmp_path / "yaml" / "models").mkdir()
    torch.save(state, tmp_path / "yaml" / "models" / "model.pt")
    refused(tmp_path / "yaml", "inference.json")


def test_without_monai_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    folder = saved(tmp_path / "model", network(), description())
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "monai" else real(name))
    with pytest.raises(TargetError) as caught:
        open_target(str(folder))
    assert str(caught.value) == MISSING
