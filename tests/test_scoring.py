"""Distances and likenesses against numpy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from mia_viz.frequency import FREMIA, NONE
from mia_viz.scoring import (
    correlation,
    error,
    masked_rms,
    ssim,
    sum_absolute,
    sum_fourth,
    sum_squares,
)


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(4)
    a = rng.uniform(-1, 1, (3, 2, 3, 16, 20)).astype(np.float32)
    return torch.from_numpy(a), torch.from_numpy((a + 0.3 * rng.standard_normal(a.shape)).astype(np.float32))


def test_distances_equal_numpy_norms(pair):
    residual = pair[0] - pair[1]
    flat = residual.double().numpy().reshape(3, 2, -1)
    for ours, order in ((sum_absolute, 1), (sum_squares, 2), (sum_fourth, 4)):
        theirs = np.linalg.norm(flat, ord=order, axis=2) ** order
        np.testing.assert_allclose(ours(residual).numpy(), theirs, rtol=1e-12)


def test_sums_do_not_overflow_or_stall_in_single_precision():
    wide = torch.full((1, 1, 1, 512, 512), 1e-3)
    wide[..., 0, 0] = 1e9
    assert float(sum_fourth(wide)) == pytest.approx(1e36)
    small = torch.full((1, 1, 3, 512, 512), 1.0)
    small[..., 0, 0] = 1e4
    assert float(sum_squares(small)) == 3 * (512 * 512 - 1) + 3e8


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("data_range", [2.0, 1.0])
def test_ssim_equals_scikit_image(pair, channels, data_range):
    a, b = pair[0][:, 0, :channels], pair[1][:, 0, :channels]
    for i, ours in enumerate(ssim(a, b, data_range)):
        theirs = structural_similarity(
            a[i].double().numpy(),
            b[i].double().numpy(),
            data_range=data_range,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert float(ours) == pytest.approx(theirs, abs=1e-7)


def test_ssim_of_equal_and_flat_pictures_is_one():
    flat = torch.full((1, 1, 12, 12), -1.0)
    assert float(ssim(flat, flat)) == pytest.approx(1.0)


def test_ssim_refuses_pictures_smaller_than_its_window():
    with pytest.raises(ValueError, match="10 pixels"):
        ssim(torch.zeros(1, 1, 10, 32), torch.zeros(1, 1, 10, 32))


def test_correlation_equals_numpy(pair):
    a, b = pair
    mask = (torch.rand(3, 2, 1, 16, 20, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    ours = correlation(a, b, mask)
    for i in range(3):
        for k in range(2):
            inside = np.broadcast_to(mask[i, k].numpy() > 0, a[i, k].shape)
            theirs = np.corrcoef(a[i, k].double().numpy()[inside], b[i, k].double().numpy()[inside])[0, 1]
            assert float(ours[i, k]) == pytest.approx(theirs, abs=1e-12)


def test_correlation_is_zero_where_either_side_is_flat(pair):
    a, _ = pair
    whole = torch.ones(3, 2, 1, 16, 20)
    flat = torch.full_like(a, 0.123)
    assert correlation(a, flat, whole).abs().max() == 0
    assert correlation(a, a, torch.zeros_like(whole)).abs().max() == 0


def test_masked_rms_equals_numpy_and_is_zero_for_an_empty_mask(pair):
    residual, mask = pair[0] - pair[1], torch.zeros(3, 2, 1, 16, 20)
    mask[:2, ..., 3:9, 4:15] = 1
    ours = masked_rms(residual, mask)
    inside = residual.double().numpy()[:2, :, :, 3:9, 4:15]
    np.testing.assert_allclose(ours[:2].numpy(), np.sqrt(np.mean(inside**2, axis=(2, 3, 4))), rtol=1e-12)
    assert ours[2].tolist() == [0, 0]


def test_error_filters_first_and_averages_over_pairs(pair):
    residual = (pair[0] - pair[1]).double()
    expected = (residual**2).sum((2, 3, 4)).mean(1)
    torch.testing.assert_close(error(residual, NONE, "l2"), expected, rtol=1e-12, atol=0)
    filtered = np.fft.ifft2(np.fft.fft2(residual.numpy()) * FREMIA.mask(16, 20).numpy()).real
    np.testing.assert_allclose(error(residual, FREMIA, "l4").numpy(), (filtered**4).sum((2, 3, 4)).mean(1), rtol=1e-10)
