"""Which methods and residuals a case brings along."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mia_viz import engine
from mia_viz.analysis import plan, run
from mia_viz.case import Case, load_case
from mia_viz.laboratory.subject import ALSO_ASKED, grid_size, methods, query_energy, residual
from mia_viz.probe import Probe
from mia_viz.reference import evidence_energy
from mia_viz.shown import with_residual
from mia_viz.targets import bundled


@pytest.mark.parametrize("name", ["loss", "fcre", "pia", "secmi"])
def test_the_residual_kept_has_the_energy_a_reference_keeps(name, make_wavy, pictures):
    probe = Probe.of(make_wavy(), pictures(1))
    result = run(probe, plan(name))
    case = with_residual(Case("wavy", "query", pictures(1)[0].numpy(), "ab"), result)
    assert case.residuals.keys == (name,)
    expected = evidence_energy(result.evidence)[0].mean(axis=0)
    np.testing.assert_allclose(query_energy(residual(case, name), 32), expected, rtol=1e-5, atol=1e-9)


def test_a_latent_models_residual_lives_on_its_own_grid(make_murmur, pictures):
    target, shown = make_murmur(32), pictures(1, 32, 3)
    probe = Probe.of(target, shown, captions=["a"])
    case = Case("murmur", "query", shown[0].numpy(), "ab")
    for name in ("loss", "pia"):
        case = with_residual(case, run(probe, plan(name)))
    assert case.residuals.maps.shape == (2, 4, 8, 8)
    assert grid_size(case, (3, 32, 32)) == (8, 8)
    assert grid_size(dataclasses.replace(case, residuals=None), (3, 32, 32)) == (32, 32)


def test_filtered_plans_and_other_methods_are_not_kept(make_wavy, pictures):
    probe = Probe.of(make_wavy(), pictures(1))
    case = Case("wavy", "query", pictures(1)[0].numpy(), "ab")
    for chosen in (plan("sima"), dataclasses.replace(plan("loss"), filter=_low_pass())):
        assert with_residual(case, run(probe, chosen)).residuals is None


def _low_pass():
    from mia_viz.frequency import FREMIA

    return FREMIA


def test_a_stored_case_of_the_app_brings_every_method_with_it():
    case = load_case(bundled.case_file("brain"))
    known = engine.reference(case.target)
    found = methods(known, case)
    assert list(found.values()) == ["PIA", "SecMI", "Denoising loss", "Noise aggregation", "FCRE"]
    assert set(ALSO_ASKED) <= set(case.residuals.keys)
    for key in found:
        assert residual(case, key) is not None
        # In the same unit as the reference's: within the range of its pictures, give or take a factor of ten.
        total, others = query_energy(residual(case, key), 32).sum(), known.columns[key].energy.mean(axis=1).sum(axis=1)
        assert others.min() / 10 < total < others.max() * 10


def test_scores_under_another_kind_of_captions_are_not_compared():
    case = load_case(bundled.case_file("brain"))
    known = engine.reference(case.target)
    told = {
        key: dataclasses.replace(c, settings=c.settings[:-1] + ', "captions": "given"}')
        for key, c in known.columns.items()
    }
    captioned = dataclasses.replace(known, columns=told)
    assert methods(captioned, case) == methods(captioned, dataclasses.replace(case, caption=" ")) == {}
    assert len(methods(captioned, dataclasses.replace(case, caption="a brain"))) == 5


def test_an_older_case_still_brings_the_loss(make_wavy):
    case = load_case(bundled.case_file("brain"))
    older = dataclasses.replace(case, residuals=None)
    np.testing.assert_allclose(residual(older, "loss")[0], residual(case, "loss")[0], atol=5e-3)
    assert residual(older, "pia") is None
    assert methods(None, older) == {}


def test_the_laboratory_needs_neither_torch_nor_scikit_learn():
    import subprocess
    import sys

    code = "import sys, mia_viz.ui.lab; print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
