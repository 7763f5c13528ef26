"""The numpy filters against those of the engine, and ring sums against filtering real residuals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mia_viz.bands import ring_edges
from mia_viz.case import load_case
from mia_viz.frequency import FREMIA, Filter, radial_energy, ring_gains, ring_index
from mia_viz.laboratory.sieve import EVERYTHING, FCRE, HIGHEST, SHAPES, Sieve, fremia, ring_of, ring_weights
from mia_viz.laboratory.subject import query_energy, residual
from mia_viz.targets import bundled

SIZES = [(64, 64), (32, 32), (16, 16), (28, 20), (15, 16)]
EDGES = [(0.0, 0.3), (0.15, 0.85), (0.4, HIGHEST), (0.0, HIGHEST)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_masks_are_the_engines(size, shape):
    for lo, hi in EDGES:
        sieve = Sieve(lo, hi, shape)
        expected = Filter.parse(sieve.text).mask(*size).numpy()
        np.testing.assert_allclose(sieve.mask(*size), expected, atol=2e-6)  # an open edge is written as a far one


@pytest.mark.parametrize("side", [64, 32, 16])
def test_fremias_low_pass_is_the_engines(side):
    np.testing.assert_array_equal(fremia(side).mask(side, side), FREMIA.mask(side, side).numpy())


def test_a_text_names_the_same_filter_or_none():
    assert EVERYTHING.text == "none"
    assert FCRE.text == "band:lo=0.15,hi=0.85"
    assert fremia(64).text == ""
    assert Filter.parse(Sieve(0.2, HIGHEST, "gaussian").text).shape == "gaussian"


@pytest.mark.parametrize("wrong", [(0.5, 0.5), (-0.1, 0.5), (0.6, 0.2), (0.1, 0.5, "round"), (0.1, 0.5, "ideal", 1.5)])
def test_what_is_no_band_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        Sieve(*wrong)


@pytest.mark.parametrize("size", SIZES)
def test_rings_and_their_weights_are_the_engines(size):
    index, counts = ring_of(*size, 32)
    np.testing.assert_array_equal(index, ring_index(*size).numpy().ravel())
    assert counts.sum() == size[0] * size[1]
    for sieve in (FCRE, Sieve(0.1, 0.6, "butterworth"), Sieve(0.2, 0.9, "gaussian")):
        np.testing.assert_allclose(ring_weights(sieve, *size, 32), ring_gains(Filter.parse(sieve.text), *size).numpy())


@pytest.fixture(scope="module")
def residuals() -> dict[str, np.ndarray]:
    """What the bundled brain model got wrong about a bundled picture, by method, (K, C, H, W)."""
    case = load_case(bundled.case_file("brain"))
    keys = (*case.residuals.keys, "noise_aggregation")
    return {key: residual(case, key).astype(np.float64) for key in keys}


def test_ring_energies_are_the_engines(residuals):
    import torch

    for maps in residuals.values():
        expected = radial_energy(torch.from_numpy(maps)).mean(dim=0).numpy()
        np.testing.assert_allclose(query_energy(maps, 32), expected, rtol=1e-6)


def through(maps: np.ndarray, sieve: Sieve) -> float:
    """Squared error of residuals that were really filtered, averaged over them."""
    return float(np.mean([(sieve.apply(part) ** 2).sum() for part in maps]))


def test_ring_sums_are_exact_for_sharp_bands_between_rings(residuals):
    edges = ring_edges(64, 64, 32)
    for maps, (first, end) in itertools.product(residuals.values(), [(0, 32), (3, 19), (7, 8)]):
        sieve = Sieve(float(edges[first]), float(edges[end]))
        found = query_energy(maps, 32) @ ring_weights(sieve, 64, 64, 32)
        assert found == pytest.approx(through(maps, sieve), rel=1e-5)


@pytest.mark.parametrize(("shape", "bound"), [("ideal", 0.2), ("gaussian", 0.08), ("butterworth", 0.08)])
def test_ring_sums_are_as_close_as_the_docstring_says_for_bands_that_cut_rings(residuals, shape, bound):
    bands = [(lo, hi) for lo in np.arange(0, 0.9, 0.15) for hi in np.arange(0.1, HIGHEST, 0.17) if hi - lo >= 0.1]
    for maps, (lo, hi) in itertools.product(residuals.values(), [*bands, *EDGES]):
        sieve = Sieve(lo, hi, shape)
        found = query_energy(maps, 32) @ ring_weights(sieve, 64, 64, 32)
        assert found == pytest.approx(through(maps, sieve), rel=bound)
