"""What the page "Compare" opens with: every case is there, says what the manifests say, and is what the model says."""

from __future__ import annotations

import numpy as np
import pytest

from mia_viz import engine
from mia_viz.demo.ages import RESIDUAL, examined, trimmed, wanted
from mia_viz.targets import bundled
from mia_viz.ui.compare_cases import ages, examples, passes, stored, stored_file

HALF = 2**-10
"""Relative spacing of float16 numbers; the walk itself repeats far more exactly."""


@pytest.mark.parametrize("family", bundled.families())
def test_every_case_is_stored_and_tells_the_truth(family):
    asked = list(wanted(family))
    assert len(asked) == len(set(asked)) == 2 * (len(ages(family)) + 1)
    for target, index in asked:
        case = stored(target, index)
        file = bundled.population(family).files[index]
        assert (case.target, case.name[-4:], case.live) == (target, f"{index:04d}", False)
        assert (case.truth == "member") == (file in bundled.manifest(target)["members"])
        assert {"loss", "drc"} <= {finding.attack for finding in case.findings}
        assert None not in (case.restoration, case.rebuilt, case.noises, case.residuals)
        assert RESIDUAL in case.residuals.keys


def test_ages_are_in_order_and_end_with_the_finished_model():
    assert [passes(name) for name in ages("brain")] == [200, 350, 550, 700]
    assert ages("brain")[-1] == "brain-a"
    assert ages("digits") == ("digits-a",)


def test_the_files_stay_small():
    sizes = [stored_file(target, index) for family in bundled.families() for target, index in wanted(family)]
    assert sum(file.stat().st_size for file in sizes if file.is_file()) < 1.5e6


def test_a_stored_age_is_what_the_model_says():
    index = examples("brain")[0]
    kept, fresh = stored("brain-a-0350", index), trimmed(examined("brain-a-0350", index))
    assert [f.key for f in kept.findings] == [f.key for f in fresh.findings]
    np.testing.assert_allclose([f.score for f in kept.findings], [f.score for f in fresh.findings], rtol=1e-4)
    for part, name in (
        ("restoration", "restored"),
        ("rebuilt", "rebuilt"),
        ("noises", "predicted"),
        ("residuals", "maps"),
    ):
        one, other = (getattr(getattr(case, part), name) for case in (kept, fresh))
        # Half precision of numbers up to a few standard deviations, and a little for another processor's sums.
        np.testing.assert_allclose(one, other, rtol=HALF, atol=2e-3, err_msg=part)
    assert kept.overall.zone == fresh.overall.zone
    assert engine.reference("brain-a-0350").columns.keys() >= {f.key for f in kept.findings if f.verdict}
