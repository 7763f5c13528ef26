"""guided-diffusion checkpoints against outputs of two public packages that took over the published networks.

tests/data/guided_oracle.npz was computed once (torch 2.13, one thread) with weights made by `weights`: the cases
"improved" and "one_head" by UNetModel of improved-diffusion-for-SMLM 0.4.8 (from improved-diffusion), the others by
UNetModel of audioldm 0.1.1 (from guided-diffusion). It holds names and shapes of every network's tensors, the settings,
and the outputs (2, outputs, 16, 16).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from safetensors.torch import save_file

from mia_viz.allowed import ROOT_VARIABLE, NotAllowed, allowed_model
from mia_viz.parametrisation import difference
from mia_viz.targets.bundled import open_target
from mia_viz.targets.guided import is_guided, read_architecture
from mia_viz.targets.guided_network import BLOCK, CONVOLUTION, POOLING, Architecture, GuidedUNet, Heads
from mia_viz.targets.guided_settings import PUBLISHED, SIDES, Settings, cosine, linear, read_settings
from mia_viz.targets.target import TargetError
from tests.targets.refusals import refused

torch.set_num_threads(1)
ORACLE = np.load(Path(__file__).parents[1] / "data" / "guided_oracle.npz")
CASES = json.loads(bytes(ORACLE["described"]))


def weights(shapes: dict[str, list[int]], seed: int) -> dict[str, torch.Tensor]:
    """Random tensors: norms near 1, everything else of variance one over its inputs (of 0.01 for vectors)."""
    rng, made = np.random.default_rng(seed), {}
    for name in sorted(shapes):
        values = rng.standard_normal(shapes[name]).astype(np.float32)
        if values.ndim > 1:
            made[name] = values / np.float32(np.prod(shapes[name][1:]) ** 0.5)
        else:
            made[name] = 1 + 0.1 * values if name.endswith("weight") else values / np.float32(10)
    return {name: torch.from_numpy(values) for name, values in made.items()}


@cache
def state_of(case: str) -> dict[str, torch.Tensor]:
    return weights(CASES[case]["shapes"], CASES[case]["seed"])


def saved(folder: Path, case: str, flags: dict | None = None, name: str = "model.pt", **changed) -> Path:
    """A checkpoint of a case with its settings beside it."""
    file = folder / name
    state = {k: v for k, v in (state_of(case) | changed).items() if v is not None}
    save_file(state, file) if file.suffix == ".safetensors" else torch.save(state, file)
    file.with_suffix(".json").write_text(json.dumps(CASES[case]["flags"] if flags is None else flags))
    return file


def asked(case: str) -> tuple[torch.Tensor, torch.Tensor]:
    """x_t and the levels the stored outputs belong to."""
    rng = np.random.default_rng(100 + CASES[case]["seed"])
    x_t = rng.standard_normal((2, CASES[case]["channels"], 16, 16)).astype(np.float32)
    return torch.from_numpy(x_t), torch.tensor(CASES[case]["levels"])


@pytest.mark.parametrize(("case", "name"), [*((case, "model.pt") for case in CASES), ("pooling", "model.safetensors")])
@torch.no_grad()
def test_eps_hat_equals_the_original_network(tmp_path, case, name):
    target = open_target(str(saved(tmp_path, case, name=name)))
    x_t, levels = asked(case)
    told = target.condition([str(c) for c in CASES[case]["classes"]]) if CASES[case]["classes"] else None
    expected = torch.from_numpy(ORACLE[case])[:, : CASES[case]["channels"]]
    eps_hat = target.predict_noise(x_t, levels, told)
    assert (eps_hat - expected).abs().max() < 2e-5
    assert target.shape == (CASES[case]["channels"], 16, 16)
    assert target.takes == ("class" if told else "")
    assert target.card.parameters == sum(tensor.numel() for tensor in state_of(case).values())


def test_architecture_is_read_from_the_tensors():
    found = {case: read_architecture(state_of(case)) for case in CASES}
    assert found["new_order"] == Architecture(32, (32, 64), 1, (1,), 3, 6, 7, True, BLOCK)
    assert found["older_order"] == Architecture(32, (32, 32, 64), 2, (1, 2), 3, 6, 0, True, BLOCK)
    assert found["convolutions"] == Architecture(32, (32, 64), 1, (0,), 1, 1, 0, False, CONVOLUTION)
    assert found["pooling"] == Architecture(32, (32, 64, 32), 2, (), 3, 3, 0, True, POOLING)
    assert found["improved"] == Architecture(32, (32, 64, 64, 64), 1, (1, 2), 3, 6, 10, True, CONVOLUTION)


@pytest.mark.parametrize(("base", "side", "blocks", "classes", "resampling", "scale"), list(PUBLISHED))
def test_published_models_are_known_by_their_shapes(tmp_path, base, side, blocks, classes, resampling, scale):
    """Built without memory, read back from names and shapes, and given the flags of the public READMEs."""
    multiples = next(m for m, s in SIDES.items() if s == side)
    places = ([16, 8] if scale else [16]) if resampling == CONVOLUTION else [32, 16, 8]
    attention = tuple(k for k in range(len(multiples)) if side >> k in places)
    widths = tuple(int(base * m) for m in multiples)
    built = Architecture(base, widths, blocks, attention, 3, 6, 1000 * classes, scale, resampling)
    with torch.device("meta"):
        network = GuidedUNet(built, Heads(1, 1, None, False))
    assert read_architecture(network.state_dict()) == built
    settings, said = read_settings(tmp_path / "none.json", built)
    assert settings.image_size == side
    assert any("published model of this shape" in sentence for sentence in said)
    flags = {"image_size": side, "num_channels": base, "num_res_blocks": blocks, "class_cond": classes}
    flags |= {"attention_resolutions": ",".join(map(str, places)), "learn_sigma": True, "dropout": 0.1}
    (tmp_path / "flags.json").write_text(json.dumps(flags))
    assert read_settings(tmp_path / "flags.json", built)[0] == settings


def test_sizes_of_published_networks():
    """The sizes of ImageNet models at 64 to 512 pixels (Dhariwal & Nichol 2021, appendix, hyperparameters)."""
    printed = {(192, 64, 3): 296, (256, 128, 2): 422, (256, 256, 2): 554, (256, 512, 2): 559}
    for (base, side, blocks), millions in printed.items():
        multiples = next(m for m, s in SIDES.items() if s == side)
        levels = tuple(k for k in range(len(multiples)) if side >> k in (32, 16, 8))
        a = Architecture(base, tuple(int(base * m) for m in multiples), blocks, levels, 3, 6, 1000, True, BLOCK)
        with torch.device("meta"):
            network = GuidedUNet(a, Heads(1, 1, 64, False))
        assert round(sum(p.numel() for p in network.parameters()) / 1e6) == millions


def test_schedules():
    """Linear as diffusers has it; cosine by its closed form (Nichol & Dhariwal 2021, eq. 17)."""
    theirs = DDPMScheduler(1000, beta_start=1e-4, beta_end=0.02).alphas_cumprod.double()
    assert torch.allclose(torch.cumprod(1 - linear(1000), 0), theirs, rtol=1e-4)
    assert float(linear(4000)[-1]) == pytest.approx(0.005)
    t = torch.arange(1, 3000, dtype=torch.float64) / 4000
    closed = (
        torch.cos((t + 0.008) / 1.008 * torch.pi / 2) ** 2 / torch.cos(torch.tensor(0.008 / 1.008 * torch.pi / 2)) ** 2
    )
    assert torch.allclose(torch.cumprod(1 - cosine(4000), 0)[:2999], closed.double(), rtol=1e-6)
    assert float(cosine(4000)[-1]) == 0.999
    assert Settings(diffusion_steps=4000, rescale_timesteps=True).timestep_scale == 0.25


@torch.no_grad()
def test_a_predicted_picture_becomes_noise(tmp_path):
    target = open_target(str(saved(tmp_path, "pooling", CASES["pooling"]["flags"] | {"predict_xstart": True})))
    x_t, levels = asked("pooling")
    abar = torch.cumprod(1 - linear(1000), 0)[levels].view(-1, 1, 1, 1)
    expected = (x_t - abar.sqrt() * torch.from_numpy(ORACLE["pooling"])) / (1 - abar).sqrt()
    assert torch.allclose(target.predict_noise(x_t, levels).double(), expected, atol=1e-3, rtol=1e-4)


def test_equal_weights_with_other_heads_are_another_model(tmp_path):
    one, other = (
        open_target(str(saved(tmp_path, "older_order", {"image_size": 32, "num_heads": heads}))) for heads in (2, 4)
    )
    assert one.weights_sha256 == other.weights_sha256
    assert difference(one.parametrisation, other.parametrisation).startswith("other settings of the network")


def test_what_was_assumed_is_said(tmp_path):
    card = open_target(str(saved(tmp_path, "older_order", {"image_size": 32}))).card
    told = " ".join(card.assumed)
    for words in ("4 heads", "older", "linear one of 1000", "the noise was assumed", "variance", "EMA", "-1 to 1"):
        assert words in told
    stated = CASES["older_order"]["flags"] | {"noise_schedule": "linear", "diffusion_steps": 1000}
    stated |= {"predict_xstart": False, "use_new_attention_order": False}
    card = open_target(str(saved(tmp_path, "older_order", stated, "ema_0.9999_5.pt"))).card
    assert len(card.assumed) == 2


def test_gradients_and_a_class_are_told(tmp_path):
    target = open_target(str(saved(tmp_path, "new_order")))
    x_t, levels = asked("new_order")
    told = target.condition(["1", "5"])
    eps_hat, squared = target.loss_gradients(x_t, levels, torch.zeros_like(x_t), told)
    assert torch.allclose(eps_hat, torch.from_numpy(ORACLE["new_order"])[:, :3], atol=1e-3)
    assert len(squared) == len(CASES["new_order"]["shapes"])
    with pytest.raises(TargetError, match="0 to 6"):
        target.condition(["7"])


def test_settings_that_lead_out_of_the_listed_folder_are_not_read(tmp_path, monkeypatch):
    (listed := tmp_path / "listed").mkdir()
    file = saved(listed, "one_head")
    monkeypatch.setenv(ROOT_VARIABLE, str(listed))
    assert allowed_model("model.pt") == str(file.resolve())
    settings = file.with_suffix(".json").rename(tmp_path / "elsewhere.json")
    file.with_suffix(".json").symlink_to(settings)
    with pytest.raises(NotAllowed):
        allowed_model("model.pt")


def test_refusals(tmp_path):
    def settings(said: str, case: str = "older_order", **flags) -> None:
        refused(saved(tmp_path, case, {"image_size": 16} | flags), said)

    settings("another num_res_blocks", num_res_blocks=3)
    settings("another attention_resolutions", attention_resolutions="16")
    settings("another learn_sigma", learn_sigma=False)
    settings("levels", image_size=18)
    settings("levels", image_size=10**9)
    settings("whole number", num_heads="four")
    settings("neither", noise_schedule="sqrt")
    settings("rescale_timesteps", diffusion_steps=4000)
    settings("more than 20", diffusion_steps=20, rescale_timesteps=False)
    settings("do not fit", num_heads=5)
    settings("do not fit", num_heads=0)
    settings("do not fit", num_head_channels=-2)
    refused(saved(tmp_path, "older_order", {}), "picture size is not stated")


def test_refusals_of_tensors(tmp_path):
    flags, first = {"image_size": 16}, "input_blocks.0.0.weight"
    refused(saved(tmp_path, "new_order", flags, **{"out.0.weight": None}), "do not fit")
    refused(saved(tmp_path, "new_order", flags, extra=torch.zeros(2)), "do not fit")
    refused(saved(tmp_path, "new_order", flags, **{"out.0.weight": torch.full((32,), torch.nan)}), "not finite")
    refused(saved(tmp_path, "new_order", flags, **{first: torch.zeros(32, 6, 3, 3)}), "grey or RGB")
    refused(saved(tmp_path, "new_order", flags, **{"output_blocks.9.0.in_layers.2.weight": torch.zeros(1)}), "form")
    refused(saved(tmp_path, "new_order", flags, **{"out.2.bias": torch.zeros(1).expand(10**9)}), "than the file")
    file = saved(tmp_path, "new_order", flags)
    assert is_guided(file)
    content = torch.load(file)
    torch.save({"state_dict": {f"model.diffusion_model.{name}": tensor for name, tensor in content.items()}}, file)
    assert not is_guided(file)
    refused(file, "published research layout")
