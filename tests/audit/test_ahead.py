"""Decoding ahead: the order is kept, the queue is bounded, and no file takes the audit down."""

from __future__ import annotations

import ctypes
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mia_viz.audit.ahead import Ahead, Form, Ready, decode
from mia_viz.audit.source import Item
from mia_viz.pictures.apart import CRASHED, NOT_STARTED, TOO_LONG, Helpers
from mia_viz.pictures.limits import NO_MEMORY
from mia_viz.pictures.picture import View

FORM = Form((1, 16, 16))
ROOT = Path(__file__).resolve().parents[2]


def items(pngs, count=12):
    return [Item(i, f"{i}.png", pngs[i % len(pngs)]) for i in range(count)]


def fragile(item: Item, form: Form):
    """A decoder that some files end at once, as broken native code would: by an abort, a wrong address, an exit."""
    if item.data == b"abort":
        os.abort()
    if item.data == b"address":
        ctypes.string_at(0)
    if item.data == b"exit":
        os._exit(3)
    return decode(item, form)


def chatty(item: Item, form: Form):
    """A decoder that prints, as broken native code does."""
    os.write(1, b"warning: " * 100)
    os.write(2, b"warning: " * 100)
    return decode(item, form)


def raising(item: Item, form: Form):
    raise LookupError(f"{item.place} is odd")


@pytest.fixture(scope="module")
def one():
    """One process that decodes, which is as good after every test as before."""
    with Helpers(1) as decoders:
        yield decoders


@pytest.mark.parametrize("count", [1, 2])
def test_pictures_come_decoded_and_in_order(pngs, count):
    with Helpers(count) as decoders, Ahead(items(pngs), FORM, decoders, depth=3) as ahead:
        found = list(ahead)
    assert [ready.place for ready in found] == list(range(12))
    for ready, item in zip(found, items(pngs), strict=True):
        np.testing.assert_array_equal(ready.values, decode(item, FORM).values)
        assert ready.error == ""


def test_it_is_never_far_ahead(pngs, one):
    taken = []

    def watched():
        for item in items(pngs, 60):
            taken.append(item.place)
            yield item

    with Ahead(watched(), FORM, one, depth=4) as ahead:
        for number, _ in enumerate(ahead, start=1):
            time.sleep(0.002)
            assert len(taken) <= number + 4 + 4 + 1


def test_leaving_early_stops_the_reader(pngs, one):
    with Ahead(items(pngs, 1000), FORM, one, depth=2) as ahead:
        next(iter(ahead))
    assert not ahead._thread.is_alive()


def test_an_error_of_the_source_reaches_the_reader(pngs, one):
    def failing():
        yield items(pngs)[0]
        raise OSError(5, "Input/output error")

    with Ahead(failing(), FORM, one) as ahead, pytest.raises(OSError, match="Input/output"):
        list(ahead)


def test_what_cannot_be_used_says_why(pngs, one):
    bad = [Item(0, "a.png", b"words"), Item(1, "b.png", None, error="Gone."), Item(2, "c.png", pngs[0])]
    with Ahead(bad, Form((1, 8, 8)), one) as ahead:
        words, gone, large = ahead
    assert words.values is gone.values is large.values is None
    assert "not a picture" in words.error
    assert gone.error == "Gone."
    assert "16 x 16" in large.error
    assert len(words.sha256) == len(large.sha256) == 64


@pytest.mark.parametrize("count", [1, 2])
def test_a_file_that_ends_its_process_is_a_row(pngs, count):
    deadly = items(pngs)
    for place, data in ((0, b"exit"), (4, b"abort"), (5, b"address"), (11, b"abort")):
        deadly[place] = Item(place, f"{place}.png", data, f"caption {place}")
    with Helpers(count) as decoders, Ahead(deadly, FORM, decoders, work=fragile) as ahead:
        found = list(ahead)
    assert [ready.place for ready in found] == list(range(12))
    assert [ready.place for ready in found if ready.values is None] == [0, 4, 5, 11]
    for place, data in ((4, b"abort"), (5, b"address")):
        digest = hashlib.sha256(data).hexdigest()
        assert (found[place].error, found[place].sha256) == (CRASHED, digest)
        assert (found[place].id, found[place].caption) == (f"{place}.png", f"caption {place}")


@pytest.mark.parametrize("count", [1, 2])
def test_a_file_whose_decoder_never_returns_is_a_row_and_not_tried_again(pngs, count, tmp_path):
    endless = items(pngs)
    for place in (0, 5):
        endless[place] = Item(place, str(tmp_path / f"{place}.png"), b"endless", f"caption {place}")
    with Helpers(count) as decoders, Ahead(endless, FORM, decoders, work=slow, longest=1) as ahead:
        found = list(ahead)
    assert [ready.place for ready in found if ready.values is None] == [0, 5]
    for place in (0, 5):
        digest = hashlib.sha256(b"endless").hexdigest()
        assert (found[place].error, found[place].sha256) == (TOO_LONG.format(1), digest)
        assert found[place].caption == f"caption {place}"
        assert (tmp_path / f"{place}.png").read_text() == "tried", "it was tried once"


def slow(item: Item, form: Form):
    """A decoder in which some files go round in circles, in native code that listens to nobody."""
    if item.data == b"endless":
        with Path(item.id).open("a") as file:
            file.write("tried")
        re.match(r"(a+)+$", "a" * 60 + "b")
    return decode(item, form)


def test_a_file_that_asks_for_too_much_memory_is_a_row(pngs):
    greedy = items(pngs, 3)
    greedy[1] = Item(1, "1.png", b"greedy")
    with Helpers(1, memory=2**28) as decoders, Ahead(greedy, FORM, decoders, work=taking) as ahead:
        found = list(ahead)
    assert [ready.error for ready in found] == ["", NO_MEMORY, ""]


def taking(item: Item, form: Form):
    return bytearray(2**29) if item.data == b"greedy" else decode(item, form)


def test_a_process_that_was_ended_by_something_else_costs_no_picture(pngs, one):
    first = one.submit(process_id, items(pngs)[0], FORM, seconds=60).result()
    os.kill(int(first.id), signal.SIGKILL)
    second = one.submit(process_id, items(pngs)[1], FORM, seconds=60).result()
    assert second.error == ""
    assert second.id not in (first.id, str(os.getpid()))


def process_id(item: Item, form: Form):
    return Ready(item.place, str(os.getpid()), None)


def test_what_decoders_print_is_nowhere(pngs, one, capfd):
    with Ahead(items(pngs), FORM, one, work=chatty) as ahead:
        assert [ready.error for ready in ahead] == [""] * 12
    assert capfd.readouterr() == ("", "")


def test_what_a_process_raises_is_raised_here(pngs, one):
    with Ahead(items(pngs), FORM, one, work=raising) as ahead, pytest.raises(LookupError, match="0 is odd"):
        list(ahead)


def test_where_no_process_can_start_no_picture_is_blamed(pngs, monkeypatch):
    monkeypatch.setattr("mia_viz.pictures.apart.START", "raise SystemExit")
    with (
        Helpers(1) as decoders,
        Ahead(items(pngs), FORM, decoders) as ahead,
        pytest.raises(OSError, match=NOT_STARTED),
    ):
        list(ahead)


def test_a_script_without_a_guard_is_not_run_again(pngs, tmp_path):
    """As the processes of `multiprocessing` would."""
    (tmp_path / "0.png").write_bytes(pngs[0])
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for program in ([str(script)], ["-c", SCRIPT]):
        run = subprocess.run([sys.executable, *program], env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert (run.stdout, run.stderr) == ("once\n[('0.png', '')]\n", "")


SCRIPT = """
from mia_viz.audit.ahead import Ahead, Form
from mia_viz.audit.source import Source
from mia_viz.pictures.apart import Helpers
print("once")
with Helpers(1) as decoders, Ahead(Source(".").items(), Form((1, 16, 16)), decoders) as ahead:
    print([(ready.id, ready.error) for ready in ahead])
"""


def test_large_scans_do_not_wait_in_crowds(pngs, one, monkeypatch):
    """However many pictures may wait, those sent to the workers hold no more bytes than one scan may have."""
    from mia_viz.audit import ahead as module

    monkeypatch.setattr(module, "MAX_SCAN_BYTES", 1000)
    taken = []

    def watched():
        for item in items([png + bytes(900) for png in pngs]):
            taken.append(item.place)
            yield item

    for number, ready in enumerate(Ahead(watched(), FORM, one)._decoded(), start=1):
        assert ready.place == number - 1
        assert len(taken) <= number


def test_a_view_is_of_scans_only(pngs):
    scan = np.stack([np.full((16, 16), 10 * k, np.uint8) for k in range(8)])
    file = io.BytesIO()
    np.save(file, scan)
    form = Form((1, 16, 16), "exact", View(slice=2))
    picture, stack = (decode(Item(0, "a", data), form) for data in (pngs[0], file.getvalue()))
    np.testing.assert_array_equal(picture.values, decode(Item(0, "a", pngs[0]), FORM).values)
    np.testing.assert_allclose(stack.values, 20 / 127.5 - 1, atol=1e-6)
    assert "no slice 9" in decode(Item(0, "a", file.getvalue()), Form((1, 16, 16), "exact", View(slice=9))).error
