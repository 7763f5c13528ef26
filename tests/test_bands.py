"""Bands from stored energies against filtering the residuals themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mia_viz.analysis import plan, run
from mia_viz.bands import (
    LITERAL,
    Energies,
    band_gains,
    choose_band,
    evaluate_band,
    nyquist_shares,
    ring_edges,
)
from mia_viz.evaluation import Scores, auc, auc_difference
from mia_viz.frequency import BANDS, Filter, radial_energy, radius, ring_gains, ring_index
from mia_viz.probe import Probe
from mia_viz.reference import evidence_energy

SIDES = [(16, 16), (32, 32), (64, 64), (15, 16), (256, 256)]


def residuals(count: int, side: int, band: Filter, seed: int) -> torch.Tensor:
    """Residuals with some more energy inside a band and, outside .3 to .6, grain of another strength in each."""
    rng = np.random.default_rng(seed)
    plain, extra, grain = (torch.from_numpy(rng.standard_normal((count, 1, side, side))) for _ in range(3))
    strength = torch.from_numpy(rng.uniform(0, 1, (count, 1, 1, 1)))
    outside = grain - Filter("band", lo=0.3, hi=0.6).apply(grain)
    return plain + 0.4 * band.apply(extra) + strength * outside


def energies(members: torch.Tensor, holdouts: torch.Tensor) -> Energies:
    return Energies(radial_energy(members).numpy(), radial_energy(holdouts).numpy())


@pytest.mark.parametrize(("height", "width"), SIDES)
def test_ring_edges_cut_the_bins_as_the_rings_do(height, width):
    edges, index = ring_edges(height, width, BANDS), ring_index(height, width)
    np.testing.assert_allclose(nyquist_shares(height, width), radius(height, width).numpy())
    for first, end in ((0, BANDS), (0, 1), (3, 19), (10, 11), (31, 32)):
        inside = Filter("band", lo=edges[first], hi=edges[end]).mask(height, width) > 0
        assert torch.equal(inside, (index >= first) & (index < end))


@pytest.mark.parametrize(("height", "width"), SIDES)
def test_shares_of_rings_equal_the_engines(height, width):
    for lo, hi in (LITERAL, (0.0, 1.5), (0.3, 0.31)):
        expected = ring_gains(Filter("band", lo=lo, hi=hi), height, width).numpy()
        np.testing.assert_allclose(band_gains(lo, hi, height, width, BANDS), expected, atol=1e-12)


def test_scores_from_energies_are_those_of_the_filtered_residual():
    members, holdouts = (residuals(n, 32, Filter("band", lo=0.3, hi=0.6), n) for n in (12, 15))
    stored, edges = energies(members, holdouts), ring_edges(32, 32, BANDS)
    for first, end in ((0, 32), (5, 9), (20, 32)):
        cut = Filter.parse(f"band:lo={edges[first]:.6f},hi={edges[end]:.6f}")
        expected = [-cut.apply(x).square().sum((1, 2, 3)).numpy() for x in (members, holdouts)]
        inside = np.arange(BANDS)
        scores = stored.scores(((inside >= first) & (inside < end)).astype(float))
        np.testing.assert_allclose(scores.members, expected[0], rtol=1e-9)
        np.testing.assert_allclose(scores.holdouts, expected[1], rtol=1e-9)


def test_the_band_that_tells_is_found_and_measured_elsewhere():
    """Hold-outs have more energy between .3 and .6 of Nyquist only, drowned in noise outside."""
    told, nothing = Filter("band", lo=0.3, hi=0.6), Filter("band", lo=0.3, hi=0.300001)
    calibration, test = (
        energies(residuals(60, 32, nothing, seed), residuals(80, 32, told, seed + 1)) for seed in (10, 20)
    )
    first, end, found = choose_band(calibration)
    edges = ring_edges(32, 32, BANDS)
    assert abs(edges[first] - 0.3) < 0.1
    assert abs(edges[end] - 0.6) < 0.1
    tried = [
        auc(calibration.scores(band_gains(edges[a], edges[b], 32, 32, BANDS)))
        for a in range(BANDS)
        for b in range(a + 1, BANDS + 1)
    ]
    assert found == max(tried)

    choice = evaluate_band("loss", calibration, test, 32, 32)
    assert (choice.lo, choice.hi, choice.calibration) == (edges[first], edges[end], found)
    direct = test.scores(band_gains(choice.lo, choice.hi, 32, 32, BANDS))
    whole = Scores(-test.members.sum(1), -test.holdouts.sum(1))
    assert choice.test.value == pytest.approx(auc(direct))
    assert choice.over_unfiltered == auc_difference(direct, whole)
    assert choice.over_unfiltered.low > 0
    literal = test.scores(band_gains(*LITERAL, 32, 32, BANDS))
    assert choice.literal.value == pytest.approx(auc(literal))
    assert choice.over_literal.value == pytest.approx(auc(direct) - auc(literal))


def test_of_equally_good_bands_the_widest_is_taken():
    perfect = Energies(np.zeros((5, 8)), np.ones((5, 8)))
    assert choose_band(perfect) == (0, 8, 1.0)


def test_stored_energies_give_fcre_v3_and_secmi_in_a_band(make_wavy, pictures):
    """One residual serves both: SecMI's squared error in a band is FCRE's without SSIM, squared and summed."""
    probe, edges = Probe(make_wavy(), pictures(6)), ring_edges(16, 16, BANDS)
    lo, hi = edges[4], edges[17]
    gains = band_gains(lo, hi, 16, 16, BANDS)
    secmi = evidence_energy(run(probe, plan("secmi")).evidence)[:, 0] @ gains
    direct = run(probe, plan("secmi", {}, Filter("band", lo=lo, hi=hi))).raw
    np.testing.assert_allclose(secmi, direct, rtol=1e-5)
    settings = {"variant": "v3", "ssim": "false", "lo": f"{lo:.6f}", "hi": f"{hi:.6f}"}
    np.testing.assert_allclose(np.sqrt(secmi / 256), run(probe, plan("fcre", settings)).raw, rtol=1e-5)
