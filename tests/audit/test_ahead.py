"""Decoding ahead: the order is kept, the queue is bounded, and no file takes the audit down."""

from __future__ import annotations

import io
import multiprocessing
import os
import time

import numpy as np
import pytest

from mia_viz.audit.ahead import CRASHED, Ahead, Form, decode
from mia_viz.audit.source import Item
from mia_viz.audit.trying import Trying, forget
from mia_viz.pictures.picture import View

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


def test_a_file_that_ended_a_run_before_is_tried_in_a_process_of_its_own(pngs, tmp_path):
    deadly = items(pngs)
    deadly[4] = Item(4, "4.png", b"deadly")
    context = multiprocessing.get_context("spawn")
    alone = context.Process(target=run_alone, args=(deadly, tmp_path))
    alone.start()
    alone.join()
    assert alone.exitcode == 3, "the first run ends with the decoder"
    with Trying(tmp_path) as trying:
        assert trying.suspects == {4}
        with Ahead(deadly, FORM, work=fragile, trying=trying) as ahead:
            found = list(ahead)
    assert [ready.error for ready in found] == [CRASHED if i == 4 else "" for i in range(12)]
    forget(tmp_path, (1, 2))
    assert Trying(tmp_path).suspects == {4}, "another shard may still need it"
    forget(tmp_path, (1, 1))
    assert not list(tmp_path.iterdir())


def test_a_sound_file_under_suspicion_gives_its_usual_row(pngs, tmp_path):
    left = Trying(tmp_path)
    left.note(7)
    with Trying(tmp_path) as trying, Ahead(items(pngs), FORM, trying=trying) as ahead:
        found = list(ahead)
        trying.note(3)
        assert Trying(tmp_path).suspects == {3, 7}
        trying.note(None)
        assert Trying(tmp_path).suspects == {7}
    assert len(list(tmp_path.iterdir())) == 1, "its own note goes with the run"
    np.testing.assert_array_equal(found[7].values, decode(items(pngs)[7], FORM).values)


def run_alone(deadly, folder):
    with Trying(folder) as trying, Ahead(deadly, FORM, work=fragile, trying=trying) as ahead:
        list(ahead)


def test_large_scans_do_not_wait_in_crowds(pngs, monkeypatch):
    """However many pictures may wait, those sent to the workers hold no more bytes than one scan may have."""
    from mia_viz.audit import ahead as module

    monkeypatch.setattr(module, "MAX_SCAN_BYTES", 1000)
    taken = []

    def watched():
        for item in items([png + bytes(900) for png in pngs]):
            taken.append(item.place)
            yield item

    ahead = Ahead(watched(), FORM, depth=32, workers=1)
    try:
        for number, ready in enumerate(ahead._decoded(), start=1):
            assert ready.place == number - 1
            assert len(taken) <= number
    finally:
        ahead._pool.close()


def test_a_view_is_of_scans_only(pngs):
    scan = np.stack([np.full((16, 16), 10 * k, np.uint8) for k in range(8)])
    file = io.BytesIO()
    np.save(file, scan)
    form = Form((1, 16, 16), "exact", View(slice=2))
    picture, stack = (decode(Item(0, "a", data), form) for data in (pngs[0], file.getvalue()))
    np.testing.assert_array_equal(picture.values, decode(Item(0, "a", pngs[0]), FORM).values)
    np.testing.assert_allclose(stack.values, 20 / 127.5 - 1, atol=1e-6)
    assert "no slice 9" in decode(Item(0, "a", file.getvalue()), Form((1, 16, 16), "exact", View(slice=9))).error
