"""One model asked in two ways is two models, and rounding is no difference."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from mia_viz.diffusion import Schedule
from mia_viz.parametrisation import difference, misfit, parametrisation, words
from mia_viz.reference import Reference, load, save
from mia_viz.targets.monai import MonaiTarget
from mia_viz.targets.pixel import PixelTarget
from mia_viz.targets.target import Card, Wrapper


def of(schedule: Schedule, prediction: str = "epsilon", **others) -> dict[str, Any]:
    return parametrisation(schedule.alpha.tolist(), schedule.sigma.tolist(), prediction, **others)


def flow(steps: int = 100) -> Schedule:
    sigma = torch.linspace(0.01, 1, steps, dtype=torch.float64)
    return Schedule(1 - sigma, sigma)


@pytest.mark.parametrize("beta_end", [0.006, 0.012, 0.02])
def test_rounding_is_no_difference_and_another_beta_is_one(beta_end):
    """float32 and float64 sums stand for processors: those of two instruction sets differ by less."""
    betas = torch.linspace(1e-4, beta_end, 1000)
    single, double = (torch.cumprod(1 - betas.to(kind), 0) for kind in (torch.float32, torch.float64))
    one, other = (of(Schedule.from_alphas_cumprod(abar)) for abar in (single, double))
    assert one["alpha"] != other["alpha"]
    assert difference(one, other) == ""
    assert difference(one, of(Schedule.linear(beta_end=beta_end * 1.01))) == "another noise schedule"
    assert difference(one, of(Schedule.linear(beta_start=2e-4, beta_end=beta_end))) == "another noise schedule"
    assert difference(one, of(Schedule.linear(steps=999, beta_end=beta_end))) == "another noise schedule"


def test_what_else_is_compared_and_what_is_not_told():
    usual = of(Schedule.linear(), picture_values=[-1.0, 1.0])
    assert difference(usual, of(Schedule.linear(), "v_prediction")) == "another kind of prediction"
    assert difference(usual, {**usual, "picture_values": [0.0, 1.0]}) == "another range of the pictures' values"
    assert difference(usual, {}) == difference({}, usual) == ""
    assert difference({**usual, "guidance": 1.0}, usual) == ""


def test_people_read_betas_or_the_flows_sigma():
    assert words(of(Schedule.linear())) == ("1000 levels, beta from 0.0001 to 0.02", "the noise (epsilon)")
    assert words(of(Schedule.linear(200, 1e-3, 0.05)))[0] == "200 levels, beta from 0.001 to 0.05"
    assert words(of(flow(), "velocity"))[0] == "100 levels, sigma from 0.01 to 1"
    assert "velocity" in words(of(flow(), "velocity"))[1]
    assert words(of(Schedule.linear(1)))[0] == "1 levels, beta from 0.0001 to 0.0001"


def test_targets_tell_how_they_are_asked(make_unet, make_murmur):
    plain = PixelTarget(make_unet(), Schedule.linear(), "a", Card("A"))
    assert Wrapper(plain).parametrisation == plain.parametrisation
    sample = PixelTarget(make_unet(), Schedule.linear(), "a", Card("A"), prediction="sample")
    assert difference(plain.parametrisation, sample.parametrisation) == "another kind of prediction"
    zero_to_one = MonaiTarget(make_unet(), Schedule.linear(), "a", Card("A"), value_range=(0.0, 1.0))
    assert difference(plain.parametrisation, zero_to_one.parametrisation) == "another range of the pictures' values"
    slower = PixelTarget(make_unet(), Schedule.linear(), "a", Card("A"))
    slower.unet.timestep_scale = 0.25
    assert difference(plain.parametrisation, slower.parametrisation) == "other times told to the network"
    assert "picture_values" not in make_murmur().parametrisation


def test_settings_that_equal_weights_do_not_tell_are_compared(make_unet):
    one, other = (PixelTarget(make_unet(), Schedule.linear(), "a", Card("A")) for _ in range(2))
    assert difference(one.parametrisation, other.parametrisation) == ""
    other.unet.register_to_config(norm_eps=0.5)
    assert difference(one.parametrisation, other.parametrisation) == "other settings of the network beside its weights"
    other.unet.register_to_config(norm_eps=one.unet.config.norm_eps, sample_size=7, known_later=3)
    assert difference(one.parametrisation, other.parametrisation) == ""
    assert json.loads(json.dumps(one.parametrisation)) == one.parametrisation


@dataclass(frozen=True)
class Model:
    weights_sha256: str = "ab" * 32
    precision: str = "float32"
    parametrisation: dict[str, Any] = field(default_factory=lambda: of(Schedule.linear()))


def test_a_reference_fits_its_own_model_only(tmp_path):
    mine = Model()
    known = Reference(
        "m",
        mine.weights_sha256,
        ("0" * 64,),
        ("a",),
        np.array([True]),
        np.array(["test"]),
        {},
        provenance={"precision": "float32"},
        parametrisation=mine.parametrisation,
    )
    save(known, tmp_path / "r.safetensors")
    known = load(tmp_path / "r.safetensors")
    assert known.parametrisation == mine.parametrisation
    assert misfit(known, mine) == ""
    assert "other weights" in misfit(known, replace(mine, weights_sha256="cd" * 32))
    faster = replace(mine, parametrisation=of(Schedule.linear(beta_end=0.006)))
    assert misfit(known, faster) == "the reference was computed with another noise schedule"
    coarse = replace(mine, precision="bfloat16")
    assert misfit(known, coarse) == "the reference was computed in float32, and the model is opened in bfloat16"
    assert misfit(known, coarse, asked=False) == ""
    old = replace(known, provenance={}, parametrisation={})
    assert misfit(old, faster) == misfit(old, coarse) == ""
