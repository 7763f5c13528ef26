"""Decoding ahead: the order is kept, the queue is bounded, and no file takes the audit down."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from mia_viz.audit.ahead import CRASHED, Ahead, Form, decode
from mia_viz.audit.source import Item

FORM = Form((1, 16, 16))


def items(pngs, count=12):
    return [Item(i, f"{i}.png", pngs[i % len(pngs)]) for i in range(count)]


def fragile(item: Item, form: Form):
    """A decoder that some files end at once, as broken native code would."""
    if item.data == b"deadly":
        os._exit(3)
    return decode(item, form)


@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_come_decoded_and_in_order(pngs, workers):
    with Ahead(items(pngs), FORM, depth=3, workers=workers) as ahead:
        found = list(ahead)
    assert [ready.place for ready in found] == list(range(12))
    for ready, item in zip(found, items(pngs), strict=True):
        np.testing.assert_array_equal(ready.values, decode(item, FORM).values)
        assert ready.error == ""


def test_it_is_never_far_ahead(pngs):
    taken = []

    def watched():
        for item in items(pngs, 60):
            taken.append(item.place)
            yield item

    with Ahead(watched(), FORM, depth=4) as ahead:
        for number, _ in enumerate(ahead, start=1):
            time.sleep(0.002)
            assert len(taken) <= number + 4 + 1


def test_leaving_early_stops_the_reader(pngs):
    with Ahead(items(pngs, 1000), FORM, depth=2) as ahead:
        next(iter(ahead))
    assert not ahead._thread.is_alive()


def test_an_error_of_the_source_reaches_the_reader(pngs):
    def failing():
        yield items(pngs)[0]
        raise OSError(5, "Input/output error")

    with Ahead(failing(), FORM) as ahead, pytest.raises(OSError, match="Input/output"):
        list(ahead)


def test_what_cannot_be_used_says_why(pngs):
    bad = [Item(0, "a.png", b"words"), Item(1, "b.png", None, error="Gone."), Item(2, "c.png", pngs[0])]
    with Ahead(bad, Form((1, 8, 8))) as ahead:
        words, gone, large = ahead
    assert words.values is gone.values is large.values is None
    assert "not a picture" in words.error
    assert gone.error == "Gone."
    assert "16 x 16" in large.error
    assert len(words.sha256) == len(large.sha256) == 64


def test_a_file_that_ends_its_worker_is_a_row(pngs):
    deadly = items(pngs)
    deadly[4] = Item(4, "4.png", b"deadly")
    with Ahead(deadly, FORM, workers=2, work=fragile) as ahead:
        found = list(ahead)
    assert [ready.place for ready in found] == list(range(12))
    assert found[4].error == CRASHED
    assert [ready.place for ready in found if ready.values is None] == [4]
