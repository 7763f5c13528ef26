"""Latent targets answer as the pipelines of diffusers do, step by step, for every supported kind."""

from __future__ import annotations

import math

import pytest
import torch
from diffusers import DiffusionPipeline, FluxPipeline
from torch import Tensor

from mia_viz.diffusion import CLEAN, ddim_move, noised, predicted_x0
from mia_viz.probe import Probe
from mia_viz.targets.backbones import packed, unpacked
from mia_viz.targets.latent_open import open_latent
from mia_viz.targets.target import TargetError
from tests.targets.tiny_pipelines import KINDS, SIDE

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
CAPTIONS = ["a red cat, flat emoji", "brain scan 7"]
FLOWS = ("sd3", "sd3-clip", "flux", "flux-guided")
CAPTIONED = ("sd", "sd-v", "sdxl", *FLOWS)


def pipeline(folder) -> DiffusionPipeline:
    without = {"text_encoder_3": None, "tokenizer_3": None} if folder.name == "sd3-clip" else {}
    found = DiffusionPipeline.from_pretrained(folder, use_safetensors=True, local_files_only=True, **without)
    found.set_progress_bar_config(disable=True)
    return found


def start(target, count: int = 2) -> Tensor:
    return torch.randn(count, *target.shape, generator=torch.Generator().manual_seed(5))


def levels(target, *chosen: int) -> Tensor:
    return torch.tensor(chosen)


def walked(pipe, target, x: Tensor, **settings) -> tuple[list[int], list[Tensor], Tensor]:
    """(levels, the latents met there and at the end, the pictures) of the pipeline's own sampling from x."""
    met, flow, flux = [x], target.prediction == "velocity", isinstance(pipe, FluxPipeline)

    def note(_pipe, _step, _t, tensors):
        met.append(unpacked(tensors["latents"], x.shape[2] // 2, x.shape[3] // 2) if flux else tensors["latents"])
        return tensors

    plan = {"sigmas": [0.9, 0.6, 0.3]} if flow else {"num_inference_steps": 4}
    latents = packed(x) if flux else x.clone()
    pictures = pipe(
        prompt=CAPTIONS, latents=latents, height=SIDE, width=SIDE, output_type="pt", callback_on_step_end=note,
        **plan, **settings,
    ).images  # fmt: skip
    return ([899, 599, 299] if flow else pipe.scheduler.timesteps.tolist()), met, pictures


@pytest.mark.parametrize(
    ("kind", "guidance", "settings"),
    [
        *((kind, 1.0, {"guidance_scale": 1.0}) for kind in CAPTIONED),
        *((kind, 4.0, {"guidance_scale": 4.0}) for kind in ("sd", "sd-v", "sdxl", "sd3", "flux-guided")),
        ("flux", 4.0, {"true_cfg_scale": 4.0, "negative_prompt": ["", ""]}),
    ],
)
def test_every_step_of_the_pipelines_own_sampling(saved, kind, guidance, settings):
    """Same x_t, same captions: the same next latent, level by level, and the same pictures at the end."""
    target, pipe = open_latent(saved(kind), guidance=guidance), pipeline(saved(kind))
    at, met, pictures = walked(pipe, target, start(target), **settings)
    condition = target.condition(CAPTIONS)
    gains = target.schedule.gains
    for here, there, x, following in zip(at, [*at[1:], CLEAN], met[:-1], met[1:], strict=True):
        eps_hat = target.predict_noise(x, levels(target, here, here), condition)
        torch.testing.assert_close(ddim_move(x, eps_hat, gains(here), gains(there)), following, **CLOSE)
    torch.testing.assert_close(target.decode(met[-1]) / 2 + 0.5, pictures, **CLOSE)


@pytest.mark.parametrize("kind", ["ldm-vq", "ldm-kl", "dit"])
def test_every_step_where_the_pipeline_shows_none(saved, kind):
    """These pipelines have no callback: their scheduler is asked directly, with what their code tells the network."""
    target, pipe = open_latent(saved(kind)), pipeline(saved(kind))
    scheduler, x = pipe.scheduler, start(target)
    scheduler.set_timesteps(4)
    condition = target.condition(["3", "999"])
    for t in scheduler.timesteps.tolist():
        with torch.no_grad():
            if kind == "dit":
                output = pipe.transformer(x, torch.tensor([t, t]), class_labels=torch.tensor([3, 999])).sample[:, :4]
            else:
                output = pipe.unet(x, t).sample
        step = scheduler.step(output, t, x)
        eps_hat = target.predict_noise(x, levels(target, t, t), condition)
        here, there = target.schedule.gains(t), target.schedule.gains(t - 250 if t >= 250 else CLEAN)
        torch.testing.assert_close(predicted_x0(x, eps_hat, here), step.pred_original_sample, **CLOSE)
        torch.testing.assert_close(ddim_move(x, eps_hat, here, there), step.prev_sample, **CLOSE)
        x = step.prev_sample


def test_a_guided_class_is_what_the_pipeline_makes_of_it(saved, monkeypatch):
    """The DiT pipeline takes no latents, so its start is slipped in where it draws them."""
    from diffusers.pipelines.dit import pipeline_dit

    target, pipe = open_latent(saved("dit"), guidance=4.0), pipeline(saved("dit"))
    x = start(target)
    monkeypatch.setattr(pipeline_dit, "randn_tensor", lambda *_args, **_kwargs: x.clone())
    made = pipe([3, 999], guidance_scale=4.0, num_inference_steps=4, output_type="pt").images
    condition, at = target.condition(["3", "999"]), pipe.scheduler.timesteps.tolist()
    for here, there in zip(at, [*at[1:], CLEAN], strict=True):
        eps_hat = target.predict_noise(x, levels(target, here, here), condition)
        x = ddim_move(x, eps_hat, target.schedule.gains(here), target.schedule.gains(there))
    torch.testing.assert_close(target.decode(x) / 2 + 0.5, made, **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_latents_are_the_mode_scaled_as_the_pipeline_scales(saved, pictures, kind):
    """Against the VAE itself; its posterior has a spread, so that a drawn latent would differ."""
    target, pipe = open_latent(saved(kind)), pipeline(saved(kind))
    images = pictures(3, SIDE, 3)
    vae = pipe.vqvae if kind.startswith("ldm") else pipe.vae
    with torch.no_grad():
        found = vae.encode(images)
    config, x_0 = vae.config, target.encode(images)
    if kind == "ldm-vq":
        expected = found.latents * 0.6
    else:
        assert found.latent_dist.std.min() > 0.01
        mode = found.latent_dist.mode()
        if kind == "sdxl":
            mean, std = (torch.tensor(config[name]).view(1, 4, 1, 1) for name in ("latents_mean", "latents_std"))
            expected = (mode - mean) / std * config.scaling_factor
        else:
            expected = (mode - (config.shift_factor or 0)) * config.scaling_factor
    torch.testing.assert_close(x_0, expected, **CLOSE)
    with torch.no_grad():
        through = vae.decode(found.latents if kind == "ldm-vq" else mode).sample
    torch.testing.assert_close(target.decode(x_0), through.clamp(-1, 1), rtol=1e-4, atol=1e-4)
    assert target.picture_shape == (3, SIDE, SIDE)
    assert target.shape == tuple(x_0.shape[1:])


def test_captions_are_told_as_the_pipelines_tell_them(saved):
    told = {}
    for kind in ("sd", "sdxl", "sd3", "sd3-clip", "flux"):
        target, pipe = open_latent(saved(kind)), pipeline(saved(kind))
        with torch.no_grad():
            if kind == "sd":
                told = {"encoder_hidden_states": pipe.encode_prompt(CAPTIONS, "cpu", 1, False)[0]}
            elif kind == "sdxl":
                states, _, pooled, _ = pipe.encode_prompt(CAPTIONS, do_classifier_free_guidance=False)
                sizes = torch.tensor([[16.0, 16, 0, 0, 16, 16]] * 2)
                told = {"encoder_hidden_states": states, "text_embeds": pooled, "time_ids": sizes}
            elif kind == "flux":
                states, pooled, _ = pipe.encode_prompt(CAPTIONS)
                told = {"encoder_hidden_states": states, "pooled_projections": pooled}
            else:
                states, _, pooled, _ = pipe.encode_prompt(CAPTIONS, CAPTIONS, CAPTIONS)
                told = {"encoder_hidden_states": states, "pooled_projections": pooled}
        condition = target.condition(CAPTIONS)
        assert condition.tensors.keys() == told.keys()
        for name, tensor in told.items():
            torch.testing.assert_close(condition.tensors[name], tensor, **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_one_answer_whatever_else_is_in_the_batch(saved, kind):
    """Rows of a condition belong to rows of x_t, also under guidance, and equal captions are told alike."""
    target = open_latent(saved(kind), guidance=1.0 if kind.startswith("ldm") else 3.0)
    texts = ["3", "", "3", "12"] if target.takes == "class" else ["cat", "", "cat", "a dog"]
    x_t, condition = start(target, 4), target.condition(texts)
    t = levels(target, 10, 400, 700, 999)
    together = target.predict_noise(x_t, t, condition)
    assert together.dtype == torch.float32
    assert together.shape == x_t.shape
    for i, text in enumerate(texts):
        alone = target.predict_noise(x_t[i : i + 1], t[i : i + 1], target.condition([text]))
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)
    if target.takes:
        assert len(condition) == 4
        other = target.predict_noise(x_t, t, condition.rows(slice(0, 1)).tiled(4))
        assert not torch.allclose(other[1], together[1], atol=1e-6)


def test_no_condition_means_the_empty_caption(saved):
    target = open_latent(saved("sd"))
    x_t, t = start(target), levels(target, 100, 100)
    torch.testing.assert_close(target.predict_noise(x_t, t), target.predict_noise(x_t, t, target.condition(["", ""])))
    assert open_latent(saved("ldm-kl")).condition(["anything"]) is None


@pytest.mark.parametrize("kind", ["sd3", "flux-guided"])
def test_levels_of_rectified_flows(saved, kind):
    """T levels from little noise to pure noise, shifted in closed form; alpha + sigma = 1."""
    target = open_latent(saved(kind))
    schedule, u = target.schedule, torch.arange(1, 1001, dtype=torch.float64) / 1000
    if kind == "sd3":
        expected = 3 * u / (1 + 2 * u)
    else:  # 16 patches: mu on the line through .5 at 256 and 1.15 at 4096
        factor = math.exp(0.5 + 0.65 * (16 - 256) / (4096 - 256))
        expected = factor / (factor + 1 / u - 1)
    torch.testing.assert_close(schedule.sigma, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(schedule.alpha + schedule.sigma, torch.ones(1000, dtype=torch.float64))
    x_0, eps = start(target), start(target).flip(0)
    x_t = noised(x_0, eps, schedule.gains(400))
    alpha = schedule.gains(400)[0]
    torch.testing.assert_close(x_t + alpha * (eps - x_0), eps, **CLOSE)


@pytest.mark.parametrize("kind", ["sd", "sd-v", "sdxl", "sd3", "flux", "ldm-vq", "dit"])
def test_gradients_are_those_of_the_loss(saved, kind):
    """Squared norms per weight tensor against plain backpropagation through the pipeline's own network object."""
    target = open_latent(saved(kind))
    x_t, eps, t = start(target, 3), start(target, 3).flip(0), levels(target, 50, 100, 300)
    told = () if target.condition(["1"]) is None else (target.condition(["1"] * 3),)
    eps_hat, squares = target.loss_gradients(x_t, t, eps, *told)
    torch.testing.assert_close(eps_hat, target.predict_noise(x_t, t, *told), **CLOSE)
    weights = list(target.backbone.network.parameters())
    assert squares.shape == (len(weights),)
    for weight in weights:
        weight.requires_grad_(True)
    (target.predict_noise(x_t, t, *told) - eps).square().mean().backward()
    expected = torch.stack([torch.zeros(()) if w.grad is None else w.grad.square().sum() for w in weights])
    torch.testing.assert_close(squares, expected, rtol=1e-3, atol=1e-9)
    assert squares.sum() > 0


def test_a_probe_asks_under_captions_and_counts_both_passes(saved, pictures):
    target = open_latent(saved("sd"), guidance=2.0)
    probe = Probe.of(target, pictures(3, SIDE, 3), captions=["cat", "dog", ""])
    eps_hat = probe.predict(probe.noised(100))
    assert eps_hat.shape == (3, *target.shape)
    assert probe.nfe == 2
    assert not torch.equal(eps_hat, probe.predict(probe.noised(100).told(("dog", "cat", ""))))
    torch.testing.assert_close(probe.x_0, target.encode(pictures(3, SIDE, 3)))


def test_classes_have_numbers_and_names(saved):
    target = open_latent(saved("dit"))
    told = target.condition(["3", " emoji ", "Head Scan", "brain", "", "999"]).tensors["class_labels"]
    assert told.tolist() == [3, 3, 0, 0, 1000, 999]
    for unknown in ("1000", "-1", "cat", "3.5"):
        with pytest.raises(TargetError, match="no class of this model; give a number from 0 to 999"):
            target.condition([unknown])


def test_lower_precision_runs_and_says_so(saved, pictures):
    exact, lower = open_latent(saved("sd")), open_latent(saved("sd"), precision="bfloat16")
    assert (exact.precision, lower.precision) == ("float32", "bfloat16")
    assert exact.has_gradients
    assert not lower.has_gradients
    x_t, t = start(exact), levels(exact, 100, 100)
    answers = [m.predict_noise(x_t, t, m.condition(CAPTIONS)) for m in (exact, lower)]
    assert answers[1].dtype == torch.float32
    torch.testing.assert_close(*answers, rtol=0.1, atol=0.05)
    torch.testing.assert_close(exact.encode(pictures(1, SIDE, 3)), lower.encode(pictures(1, SIDE, 3)))


def test_a_model_without_captions_cannot_be_guided(saved):
    with pytest.raises(TargetError, match="cannot be guided"):
        open_latent(saved("ldm-kl"), guidance=2.0)
