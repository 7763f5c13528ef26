"""Filters, spectra and patch masks against Parseval, numpy and counts known beforehand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mia_viz.frequency import (
    FREMIA,
    NONE,
    THIRDS,
    Filter,
    patch_laplacian,
    patch_mask,
    radial_energy,
    radius,
    radius_bins,
    ring_centres,
    ring_gains,
    ring_index,
    spectrum,
)

FILTERS = [
    NONE,
    FREMIA,
    Filter.parse("lowpass:r=5,s=0.2,shape=square"),
    Filter.parse("band:lo=0.15,hi=0.85"),
    Filter.parse("band:lo=0.1,hi=0.4,shape=gaussian"),
    Filter.parse("band:lo=0.1,hi=0.4,shape=butterworth"),
]


def white(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize("side", [16, 15])
def test_filters_that_let_everything_through_are_the_identity(side):
    x = white(2, 3, side, side)
    everything = [
        NONE,
        Filter("lowpass", r=1, s=1),
        Filter("lowpass", r=math.sqrt(2) * side / 2, s=0),
        Filter("band", lo=0, hi=1.5),
    ]
    for chosen in everything:
        torch.testing.assert_close(chosen.apply(x), x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("chosen", FILTERS, ids=str)
def test_filters_are_linear_real_and_shift_with_the_picture(chosen):
    x, y = white(2, 1, 16, 12), white(2, 1, 16, 12, seed=1)
    together = chosen.apply(2 * x - 3 * y)
    torch.testing.assert_close(together, 2 * chosen.apply(x) - 3 * chosen.apply(y), rtol=0, atol=1e-12)
    rolled = chosen.apply(x.roll((3, -2), dims=(-2, -1)))
    torch.testing.assert_close(rolled, chosen.apply(x).roll((3, -2), dims=(-2, -1)), rtol=0, atol=1e-12)
    assert chosen.apply(x.float()).dtype == torch.float32
    mask = chosen.mask(16, 12)
    assert mask.min() >= 0
    assert mask.max() <= 1
    mirrored = torch.roll(mask.flip(0, 1), (1, 1), (0, 1))
    assert torch.equal(mask, mirrored)


@pytest.mark.parametrize("chosen", [f for f in FILTERS if f.kind != "band"], ids=str)
def test_constant_pictures_pass_low_pass_filters(chosen):
    flat = torch.full((1, 1, 16, 16), 0.7, dtype=torch.float64)
    torch.testing.assert_close(chosen.apply(flat), flat, rtol=0, atol=1e-12)


@pytest.mark.parametrize("side", [32, 15])
@pytest.mark.parametrize("r", [5, 2])
def test_the_square_equals_the_published_computation(side, r):
    """FreMIA's code: centred grid, rows and columns c-r to c+r-1 kept, the rest times s, real part taken."""
    x = np.random.default_rng(3).standard_normal((2, 3, side, side))
    centre, mask = side // 2, np.full((side, side), 0.2)
    mask[centre - r : centre + r, centre - r : centre + r] = 1
    centred = np.fft.fftshift(np.fft.fft2(x), axes=(-2, -1)) * mask
    theirs = np.fft.ifft2(np.fft.ifftshift(centred, axes=(-2, -1))).real
    ours = Filter("lowpass", r=r, s=0.2, shape="square").apply(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_the_disc_of_five_bins_holds_81():
    inside = FREMIA.mask(32, 32) == 1
    assert int(inside.sum()) == 81
    assert torch.equal(inside, radius_bins(32, 32) <= 5)


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 12, 20)])
def test_ring_energies_add_up_to_the_squared_norm(shape):
    x = white(4, 2, *shape)
    energy = radial_energy(x)
    assert energy.shape == (4, 2, 32)
    torch.testing.assert_close(energy.sum(-1), x.square().sum((-3, -2, -1)), rtol=1e-12, atol=0)


def test_weighted_rings_are_the_filtered_norm_where_the_filter_is_constant_on_rings():
    index, rho = ring_index(32, 32), radius(32, 32)

    def gap_below(ring: int) -> float:  # a radius strictly between two rings
        return float(rho[index < ring].max() + rho[index >= ring].min()) / 2

    x = white(3, 3, 32, 32)
    for low, high in ((0, 7), (5, 20), (11, 32)):
        hi = 1.5 if high == 32 else gap_below(high)
        chosen = Filter("band", lo=0 if low == 0 else gap_below(low), hi=hi)
        weighted = (radial_energy(x) * ring_gains(chosen, 32, 32)).sum(-1)
        norm = chosen.apply(x).square().sum((-3, -2, -1))
        torch.testing.assert_close(weighted, norm, rtol=1e-10, atol=0)
    lowpass = Filter("lowpass", r=gap_below(9) * 16, s=0.3)
    weighted = (radial_energy(x) * ring_gains(lowpass, 32, 32)).sum(-1)
    torch.testing.assert_close(weighted, lowpass.apply(x).square().sum((-3, -2, -1)), rtol=1e-10, atol=0)
    assert set(ring_gains(lowpass, 32, 32).numpy().round(12)) == {1.0, 0.09}


def test_a_pure_wave_falls_into_its_own_ring():
    place = torch.arange(32, dtype=torch.float64)
    wave = torch.cos(2 * math.pi * 8 * place / 32).expand(1, 1, 32, 32)  # 8 of 16 cycles: half of Nyquist
    energy = radial_energy(wave)[0]
    ring = int(energy.argmax())
    assert energy[ring] == pytest.approx(float(wave.square().sum()))
    half_width = math.sqrt(2) / 32 / 2
    assert abs(float(ring_centres(32, 32)[ring]) - 0.5) <= half_width + 1e-9
    bright = (spectrum(wave)[0] > 0).nonzero().tolist()
    assert bright == [[16, 8], [16, 24]]  # centred: DC at (16, 16)


def test_disjoint_bands_add_up_to_the_picture():
    x = white(2, 1, 24, 24)
    parts = [Filter("band", lo=lo, hi=hi).apply(x) for _, lo, hi in THIRDS]
    torch.testing.assert_close(sum(parts), x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", ["gaussian", "butterworth"])
def test_soft_bands_fall_to_one_half_at_their_edges(shape):
    mask = Filter("band", lo=0, hi=0.5, shape=shape).mask(32, 32)
    assert float(mask[0, 8]) == pytest.approx(0.5)
    assert float(mask[0, 0]) == 1.0
    opened = Filter("band", lo=0.5, hi=1e6, shape=shape).mask(32, 32)
    assert float(opened[0, 8]) == pytest.approx(0.5)
    assert float(opened[0, 0]) == 0.0


@pytest.mark.parametrize(("side", "kept", "of"), [(32, 10, 16), (256, 716, 1024)])
def test_patch_mask_keeps_the_middle_share_of_noise(side, kept, of):
    mask = patch_mask(white(3, 1, side, side).float())
    assert mask.shape == (3, 1, side, side)
    assert (mask.sum((1, 2, 3)) / 64).tolist() == [kept] * 3
    assert kept / of == pytest.approx(0.7, abs=0.08)


def test_patch_mask_drops_flat_pictures_and_follows_the_picture_alone():
    assert patch_mask(torch.full((1, 1, 32, 32), 0.3)).sum() == 0
    x = white(4, 1, 32, 32).float()
    assert torch.equal(patch_mask(x)[2:3], patch_mask(x[2:3]))
    half = x.clone()
    half[..., :16] = 0  # patches without texture lie at the lower quantile and are dropped
    assert patch_mask(half)[..., :8].sum() == 0


def test_the_laplacian_of_a_parabola_is_its_curvature():
    place = torch.arange(24, dtype=torch.float64)
    parabola = (place**2)[:, None].expand(24, 24)[None, None]
    assert torch.allclose(patch_laplacian(parabola)[0, 1], torch.tensor(2.0, dtype=torch.float64))
    colour = torch.stack([parabola[0, 0], 0 * parabola[0, 0], 0 * parabola[0, 0]])[None]
    assert float(patch_laplacian(colour)[0, 1, 1]) == pytest.approx(2 * 0.299)


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "lowpass:r=5,s=0.2",
        "lowpass:r=5,s=0.2,shape=square",
        "band:lo=0.15,hi=0.85",
        "band:lo=0.123456789,hi=1.4,shape=gaussian",
    ],
)
def test_filters_survive_their_own_text(text):
    assert str(Filter.parse(text)) == text
    assert Filter.parse(str(Filter.parse(text))) == Filter.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("highpass", "no filter called"),
        ("lowpass:q=1", "not a setting"),
        ("lowpass:r", "not a setting"),
        ("band:r=1", "not a setting"),
        ("lowpass:r=five", "not a number"),
        ("lowpass:r=-1", "at least 0"),
        ("lowpass:r=nan", "at least 0"),
        ("lowpass:s=2", "between 0 and 1"),
        ("band:lo=0.8,hi=0.2", "lo < hi"),
        ("band:lo=nan", "lo < hi"),
        ("band:shape=disc", "shapes"),
        ("lowpass:shape=gaussian", "shapes"),
    ],
)
def test_bad_filters_are_refused_with_a_sentence(text, said):
    with pytest.raises(ValueError, match=said):
        Filter.parse(text)
