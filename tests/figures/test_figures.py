"""Figures: pictures are exact, bands add up, groups keep their marks."""

from __future__ import annotations

import base64
import io

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from mia_viz.figures import bands, distributions, images, noise, structure
from mia_viz.figures.palette import HOLDOUT, MEMBER, add_groups


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def test_a_picture_in_the_page_is_the_picture_bit_for_bit():
    grey = np.random.default_rng(0).integers(0, 256, (9, 7), dtype=np.uint8)
    np.testing.assert_array_equal(decoded(images.uri(grey)), grey)
    values = (grey.astype(np.float32) / 255 * 2 - 1)[None]
    np.testing.assert_array_equal(images.grey(values), grey)


def test_the_bands_shown_add_up_to_the_picture():
    picture = np.random.default_rng(1).standard_normal((3, 20, 24))
    total = sum(bands.band(picture, *edges) for edges in bands.EDGES.values())
    np.testing.assert_allclose(total, picture, atol=1e-12)


def test_signed_maps_are_neutral_at_zero_and_saturate_at_the_limit():
    values = np.array([[[-9.0, -1.0, 0.0, 1.0, 9.0]]])
    shown = images.signed(values, 1.0)
    assert shown[0, 2].tolist() == [245, 245, 245]
    assert shown[0, 0].tolist() == shown[0, 1].tolist() == [33, 82, 163]
    assert shown[0, 3].tolist() == shown[0, 4].tolist() == [176, 61, 11]


def test_a_change_of_hue_does_not_cancel_in_a_signed_map():
    redder, darker, brighter = [0.6, -0.6, 0.0], [-0.5] * 3, [0.5] * 3
    shown = images.signed(np.array([redder, darker, brighter]).T[:, None, :], 1.0)[0]
    alone = images.signed(np.array([[[np.sqrt(0.24), -0.5, 0.5]]]), 1.0)[0]
    np.testing.assert_array_equal(shown, alone)


def test_channels_of_a_latent_lie_in_reading_order_under_one_scale():
    values = np.stack([np.full((2, 3), v) for v in (-1.0, 0.0, 1.0)])
    shown = images.channels(values, 1.0)
    assert shown.shape == (5, 7, 3)
    assert shown[0, 0].tolist() == [33, 82, 163]
    assert shown[0, 4].tolist() == [245, 245, 245]
    assert shown[3, 0].tolist() == [176, 61, 11]
    assert {tuple(p) for p in shown[2]} == {(128, 128, 128)}
    assert shown[3, 4].tolist() == [128, 128, 128]  # no fourth channel


def test_the_wear_curve_marks_where_the_score_is_taken():
    known = np.random.default_rng(6).uniform(size=(20, 3))
    drawn = structure.wear_curve((0, 50, 100), np.array([0.9, 0.8, 0.7]), 1, 100, known, known)
    assert drawn.layout.shapes[0].x0 == drawn.layout.shapes[0].x1 == 100
    query = next(t for t in drawn.data if t.name == "this picture")
    assert list(query.y) == [0.9, 0.8, 0.7]
    assert int(np.argmax(query.marker.size)) == 1


def test_hidden_pixels_are_covered_and_visible_ones_untouched():
    values = np.full((1, 6, 6), 0.9, np.float32)
    hidden = np.zeros((1, 6, 6), np.float32)
    hidden[:, 2:4, 2:4] = 1
    shown = images.hide(values, hidden)
    assert (shown[hidden[0] == 0] == images.grey(values)[0, 0]).all()
    assert set(np.unique(shown[hidden[0] == 1])) <= {96, 128}


def test_members_and_holdouts_keep_their_colours_and_shapes():
    figure = distributions.strip_plot(0.3, np.arange(4.0), np.arange(5.0))
    style = {tuple(t.x): (t.marker.color, t.marker.symbol) for t in figure.data[:2]}
    assert style[tuple(np.arange(4.0))] == (MEMBER, "circle")
    assert style[tuple(np.arange(5.0))] == (HOLDOUT, "square")
    assert figure.data[2].x[0] == 0.3


def test_group_ribbons_show_the_quartiles():
    rows = np.random.default_rng(3).uniform(size=(40, 3))
    figure = go.Figure()
    add_groups(figure, np.arange(3.0), rows, np.empty((0, 3)))
    high, low, middle = (np.asarray(t.y) for t in figure.data[:3])
    np.testing.assert_allclose([low, middle, high], np.percentile(rows, (25, 50, 75), axis=0))
    assert len(figure.data) == 3  # no hold-outs, no ribbon for them
    add_groups(figure, np.arange(3.0), np.empty((0, 3)), rows)
    assert figure.data[-1].marker.symbol == "square"


def test_the_plane_keeps_distances_of_points_that_lie_in_a_plane():
    axes = np.linalg.qr(np.random.default_rng(4).standard_normal((64, 2)))[0]
    points = np.random.default_rng(5).standard_normal((5, 2))
    points -= points.mean(axis=0)
    shown = noise.plane((points @ axes.T).reshape(5, 1, 8, 8))
    gaps = lambda p: np.linalg.norm(p[:, None] - p[None], axis=2)  # noqa: E731
    np.testing.assert_allclose(gaps(shown), gaps(points) / 8, atol=1e-12)
