"""Noise figures beside known pictures: places, directions, marks."""

from __future__ import annotations

import numpy as np

from mia_viz.figures.noise import label_places
from mia_viz.figures.noise_known import arrows, plane_reach, reference_plane, settings_strip
from mia_viz.figures.palette import HOLDOUT, MEMBER


def test_arrows_stand_in_the_middle_of_the_legs_and_point_along_them():
    path = np.array([[0.0, 0.0], [0.0, 2.0], [2.0, 2.0], [2.0, 0.0], [0.0, 0.0]])
    middles, angles = arrows(path)
    np.testing.assert_allclose(middles, [[0, 1], [1, 2], [2, 1], [1, 0]])
    np.testing.assert_allclose(angles % 360, [0, 90, 180, 270])  # up, right, down, left


def test_the_plane_shows_the_chosen_level_of_both_groups_and_whole_paths():
    rng = np.random.default_rng(0)
    groups = {True: rng.normal(0, 1, (30, 5, 2)), False: rng.normal(0, 3, (30, 5, 2))}
    examples = {member: points[0] for member, points in groups.items()}
    query = rng.normal(0, 2, (5, 2))
    figure = reference_plane(query, groups, examples, (80, 70, 60, 50, 40), 3, np.array([0.2, 0.1]))
    wanted = ((True, MEMBER, "circle"), (False, HOLDOUT, "square"))
    for trace, (member, colour, symbol) in zip(figure.data[:2], wanted, strict=True):
        np.testing.assert_array_equal(np.column_stack([trace.x, trace.y]), groups[member][:, 3])
        red = int(colour[1:3], 16)
        assert trace.marker.symbol == symbol
        assert trace.marker.color.startswith(f"rgba({red},")
    own = next(trace for trace in figure.data if trace.name == "this picture")
    np.testing.assert_array_equal(np.column_stack([own.x, own.y]), query)
    assert int(np.argmax(own.marker.size)) == 3
    reach = plane_reach(groups, query)
    assert reach >= np.abs(query).max()
    assert (np.abs(groups[False]).max(axis=2) <= reach).mean(axis=0).min() >= 0.9
    assert tuple(figure.layout.xaxis.range) == (-reach, reach) == tuple(figure.layout.yaxis.range)
    assert "20%" in figure.layout.xaxis.title.text


def test_paths_differ_in_line_and_mark_so_that_grey_print_tells_them_apart():
    groups = {True: np.ones((3, 5, 2)), False: np.full((3, 5, 2), 2.0)}
    examples = {member: points[0] for member, points in groups.items()}
    figure = reference_plane(None, groups, examples, (80, 70, 60, 50, 40), 0, np.array([0.2, 0.1]))
    known, other = (
        next(t for t in figure.data if t.name == f"path of one {words}") for words in ("seen in training", "never seen")
    )
    assert (known.line.dash, other.line.dash) == ("solid", "dash")
    assert (known.marker.symbol, other.marker.symbol) == ("circle-open", "square-open")


def test_labels_stand_clear_of_circles_and_path():
    points = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    # The ends lie on a circle of radius 1; their labels never go back along the path, the middle one goes up or down.
    places = label_places(points, [1.0], 1.25)
    assert places[0].endswith("left")
    assert places[2].endswith("right")
    assert places[1] in ("top center", "bottom center")
    beside = label_places(np.array([[0.0, 0.95]]), [1.0], 1.25)  # just inside a circle: not across it
    assert beside == ["bottom center"]


def test_a_strip_marks_the_pictures_of_the_matrix_and_the_query_only_when_asked():
    groups = {True: np.array([1.0, 2.0, 3.0]), False: np.array([2.0, 4.0])}
    shown = {True: np.array([2.0]), False: np.array([4.0])}
    figure = settings_strip(groups, shown, None, "distance")
    assert [list(trace.marker.size) for trace in figure.data] == [[7, 12, 7], [7, 12]]
    asked = settings_strip(groups, shown, 2.5, "distance").data[2]
    assert list(asked.x) == [2.5] * 3
    assert asked.marker.symbol == "diamond"
