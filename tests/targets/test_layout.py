"""The research layout against an independent forward pass, published scores and bad files."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mia_viz.targets.layout import LayoutError, is_research_checkpoint, load_research_checkpoint
from mia_viz.targets.pickled import rehearse
from tests.targets.layout_oracle import TABLE, oracle, random_state, sinusoids

PARITY = Path(__file__).parents[1] / "data" / "parity"
TIMESTEPS = (0, 1, 50, 500, 999)
torch.set_num_threads(1)


def saved(folder: Path, content: object, flags: str | None = None, **options) -> Path:
    file = folder / "checkpoint.pt"
    torch.save(content, file, **options)
    if flags is not None:
        (folder / "flagfile.txt").write_text(flags)
    return file


@torch.no_grad()
def assert_same_function(unet: torch.nn.Module, state: dict[str, Tensor], side: int) -> None:
    """The network equals the oracle: in float32 up to rounding, in float64 up to float64's own."""
    x = torch.randn(len(TIMESTEPS), unet.config.in_channels, side, side, generator=torch.Generator().manual_seed(1))
    expected = oracle(state, x, torch.tensor(TIMESTEPS))[:, : x.shape[1]]
    difference = unet(x, torch.tensor(TIMESTEPS)).sample - expected
    assert difference.square().mean().sqrt() < 2e-6 * expected.square().mean().sqrt()
    # diffusers computes its sinusoids in float32, which at t = 0 are exact on every machine.
    x, t = x[:1].double(), torch.tensor([0])
    expected = oracle({name: tensor.double() for name, tensor in state.items()}, x, t)[:, : x.shape[1]]
    difference = copy.deepcopy(unet).double()(x, t).sample - expected
    assert difference.abs().max() < 1e-12 * expected.square().mean().sqrt()


# --- The same function. ---


@pytest.mark.parametrize(
    ("ch", "mult", "attn", "n", "channels"),
    [
        (32, (1,), (), 1, 1),
        (32, (1,), (0,), 2, 3),
        (32, (1, 2), (0, 1), 3, 3),
        (64, (1, 1), (1,), 1, 1),
        (32, (1, 3, 2), (), 2, 3),
        (96, (1, 2), (0,), 1, 3),
        (32, (1, 2, 2, 2), (1,), 2, 3),
        (32, (1, 2, 1, 2), (0, 3), 1, 1),
        (32, (1, 1, 2, 2, 4), (1, 3, 4), 1, 3),
    ],
)
def test_random_architectures_equal_the_oracle(tmp_path, ch, mult, attn, n, channels):
    state = random_state(ch, mult, attn, n, channels)
    opened = load_research_checkpoint(saved(tmp_path, {"ema_model": state}))
    config = opened.unet.config
    assert tuple(config.block_out_channels) == tuple(ch * factor for factor in mult)
    assert (config.layers_per_block, config.in_channels, opened.steps) == (n, channels, 1000)
    # Four pixels per side at the deepest level: norms over a single pixel would amplify rounding.
    assert_same_function(opened.unet, state, side=2 ** (len(mult) + 1))


def test_parity_checkpoint_equals_the_oracle():
    opened = load_research_checkpoint(PARITY / "checkpoint.pt")
    state = torch.load(PARITY / "checkpoint.pt", weights_only=True)["ema_model"]
    assert_same_function(opened.unet, state, side=32)
    assert not opened.unet.training
    assert all(p.dtype == torch.float32 and p.device.type == "cpu" for p in opened.unet.parameters())
    assert (opened.steps, opened.beta_start, opened.beta_end, opened.image_size) == (1000, 1e-4, 0.02, 32)
    assert (opened.step, opened.weights) == (0, "ema_model")
    assert len(opened.assumed) == 1
    assert "one head" in opened.assumed[0]


def test_a_predicted_variance_is_cut_off(tmp_path):
    state = random_state(channels=3, outputs=6)
    opened = load_research_checkpoint(saved(tmp_path, state))
    assert_same_function(opened.unet, state, side=8)
    assert any("mean" in sentence for sentence in opened.assumed)


# --- The published numbers. ---


def test_published_scores_are_reproduced():
    """SecMI-stat, PIA, SimA and the naive loss of their authors' code (methods.md 6.1 to 6.3 and 6.7)."""
    opened = load_research_checkpoint(PARITY / "checkpoint.pt")
    betas = torch.linspace(opened.beta_start, opened.beta_end, opened.steps, dtype=torch.float64)
    abar = torch.cumprod(1 - betas, 0)
    alpha, sigma = abar.sqrt().tolist(), (1 - abar).sqrt().tolist()
    x = torch.from_numpy(np.load(PARITY / "images16.npz")["images"]).permute(0, 3, 1, 2) / 127.5 - 1
    draws = [np.random.default_rng([11, 0, i]).standard_normal((3, 32, 32)) for i in range(16)]
    noise = torch.from_numpy(np.stack(draws).astype(np.float32))

    @torch.no_grad()
    def eps(x_t: Tensor, t: int) -> Tensor:
        return opened.unet(x_t, t).sample

    def move(x_t: Tensor, t: int, u: int) -> Tensor:
        e = eps(x_t, t)
        return alpha[u] * (x_t - sigma[t] * e) / alpha[t] + sigma[u] * e

    state = x
    for t in range(0, 90, 10):
        state = move(state, t, t + 10)
    e0, e100 = eps(x, 0), eps(x, 100)
    at_200 = eps(alpha[200] * x + sigma[200] * e0, 200)
    ours = {
        "secmi.stat": [(move(move(state, 90, 100), 100, 90) - state) ** 2],
        "pia.pia_t200": [(e0 - at_200) ** 4],
        "sima.sima_t100": [e0**4, e100**4],
        "pia.naive_t200": [(eps(alpha[200] * x + sigma[200] * noise, 200) - noise) ** 2],
    }
    published = json.loads((PARITY / "scores.json").read_text())["attacks"]
    for name, maps in ours.items():
        scores = np.stack([m.sum(dim=(1, 2, 3)).numpy() for m in maps])
        theirs = np.atleast_2d(published[name]["scores"])
        assert np.all(np.abs(scores - theirs) <= 1e-3 * theirs.max(axis=1, keepdims=True)), name


# --- What a file may hold, and what is said about it. ---


def test_settings_not_stated_are_assumed_and_said(tmp_path):
    opened = load_research_checkpoint(saved(tmp_path, {"net_model": random_state(), "step": 7}))
    assert (opened.image_size, opened.beta_start, opened.beta_end) == (32, 1e-4, 0.02)
    assert (opened.weights, opened.step) == ("net_model", 7)
    told = " ".join(opened.assumed)
    for words in ("flagfile.txt", "32 x 32", "0.0001", "0.02", "EMA", "one head", "noise"):
        assert words in told


def test_flags_and_stored_noise_give_the_settings(tmp_path):
    content = {"ema_model": random_state(steps=400), "x_T": torch.zeros(2, 1, 16, 16), "optim": {"lr": 0.1}}
    file = saved(tmp_path, content, "--T=400\n--beta_1=0.001\n--beta_T=0.03\n--nosample\n--mean_type=epsilon\n")
    opened = load_research_checkpoint(file)
    assert (opened.steps, opened.beta_start, opened.beta_end, opened.image_size) == (400, 0.001, 0.03, 16)
    assert opened.step is None
    assert len(opened.assumed) == 1


@pytest.mark.parametrize("old_format", [False, True])
def test_bare_weights_of_parallel_training_open(tmp_path, old_format):
    state = {f"module.{name}": tensor.double() for name, tensor in random_state().items()}
    file = saved(tmp_path, state, _use_new_zipfile_serialization=not old_format)
    assert is_research_checkpoint(file)
    assert_same_function(load_research_checkpoint(file).unet, random_state(), side=8)


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("bare", [False, True])
def test_a_pickle_with_code_is_not_executed(tmp_path, bare):
    content = {"ema_model": random_state(), "sched": Bomb(tmp_path / "executed")}
    file = saved(tmp_path, content)
    if bare:
        file.write_bytes(pickle.dumps(content))
    is_research_checkpoint(file)
    with pytest.raises(LayoutError, match="not executed"):
        load_research_checkpoint(file)
    assert not (tmp_path / "executed").exists()


class Greedy:
    """What a pickle can ask for although nothing in it is foreign code."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("call", [(bytearray, 1 << 40), (torch.FloatStorage, 1 << 40), (torch.FloatTensor, 1 << 40)])
def test_memory_that_a_file_asks_for_is_not_taken(tmp_path, call, old):
    file = saved(
        tmp_path, {"ema_model": random_state(), "sched": Greedy(*call)}, _use_new_zipfile_serialization=not old
    )
    with pytest.raises(LayoutError, match=r"not executed|damaged"):
        load_research_checkpoint(file)


def test_tensors_larger_than_their_file_are_refused(tmp_path):
    file = saved(tmp_path, {"ema_model": random_state()}, _use_new_zipfile_serialization=False)
    data = file.read_bytes()
    shape = random_state()["head.weight"].numel()
    said = pickle.dumps(shape, protocol=2)[2:-1]
    changed = data.replace(said, b"\x8a\x08" + (1 << 50).to_bytes(8, "little"), 1)
    assert changed != data
    file.write_bytes(changed)
    with pytest.raises(ValueError, match="larger than the file"):
        rehearse(file)
    with pytest.raises(LayoutError, match="damaged"):
        load_research_checkpoint(file)


def test_files_that_are_no_checkpoint_are_refused(tmp_path):
    text, cut, other = tmp_path / "text.pt", tmp_path / "cut.pt", tmp_path / "other.pt"
    text.write_text("--T=1000\n")
    cut.write_bytes((PARITY / "checkpoint.pt").read_bytes()[:100_000])
    torch.save({"weight": torch.zeros(3)}, other)
    for file in (text, cut, other, tmp_path / "absent.pt"):
        assert not is_research_checkpoint(file)
        with pytest.raises(LayoutError):
            load_research_checkpoint(file)
    assert is_research_checkpoint(PARITY / "checkpoint.pt")
    assert not is_research_checkpoint(PARITY / "images16.npz")


def spoiled(name: str, tensor: Tensor | None) -> dict[str, Tensor | None]:
    state = random_state() | {name: tensor}
    return {name: tensor for name, tensor in state.items() if tensor is not None}


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("upblocks.0.block1.2.weight", None, "incomplete"),
        ("head.weight", None, "incomplete"),
        ("label_embedding.weight", torch.zeros(10, 128), "unknown"),
        ("tail.0.bias", torch.full((32,), torch.nan), "not finite"),
        ("tail.0.bias", torch.zeros(64), "shape"),
        ("tail.0.bias", torch.zeros(32, dtype=torch.int64), "floating-point"),
        ("tail.2.weight", torch.zeros(5, 32, 3, 3), "5 outputs"),
        ("head.weight", torch.zeros(32, 4, 3, 3), "4 channels"),
        ("head.weight", torch.zeros(1).expand(32, 100_000_000, 1, 1), "more than 2,000,000,000"),
        ("head.weight", torch.zeros(1).expand(32, 10_000_000, 1, 1), "more numbers than the file"),
        (TABLE, sinusoids(1000, 32).roll(1, dims=1), "sinusoid"),
    ],
)
def test_spoiled_tensors_are_refused(tmp_path, name, tensor, words):
    with pytest.raises(LayoutError, match=words):
        load_research_checkpoint(saved(tmp_path, {"ema_model": spoiled(name, tensor)}))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--T=500", "T = 500.*1000"),
        ("--ch=128", "ch = 128.*32"),
        ("--ch_mult=1\n--ch_mult=2\n--ch_mult=2", r"\(1, 2, 2\).*\(1, 2\)"),
        ("--attn=0", r"\(0,\).*\(1,\)"),
        ("--num_res_blocks=2", "= 2.*1"),
        ("--img_size=33", "33 pixels"),
        ("--img_size=large", "not a number"),
        ("--beta_1=0.5", "noise schedule"),
        ("--mean_type=xstart", "xstart"),
        ("--logdir=runs", "none of the flags"),
    ],
)
def test_flag_files_that_contradict_or_make_no_sense_are_refused(tmp_path, flags, words):
    with pytest.raises(LayoutError, match=words):
        load_research_checkpoint(saved(tmp_path, random_state(), flags))


def test_a_flag_file_that_was_asked_for_must_exist(tmp_path):
    file = shutil.copy(PARITY / "checkpoint.pt", tmp_path)
    with pytest.raises(LayoutError, match="missing"):
        load_research_checkpoint(file, tmp_path / "flags.txt")
    assert load_research_checkpoint(file, PARITY / "flagfile.txt").image_size == 32
