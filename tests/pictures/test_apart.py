"""Work in processes apart: what it may take, what is left of it, and that nothing it does ends the program."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

from mia_viz.pictures.apart import CRASHED, LATE, TOO_LONG, CrashedError, Helpers, Process, TooLongError
from mia_viz.pictures.limits import NO_MEMORY
from mia_viz.pictures.picture import PictureError

ROOT = Path(__file__).resolve().parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are set on Linux only")
_seen: list[weakref.ref] = []


def circles() -> None:
    """Native code that listens to nobody, for longer than any test runs."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def flood() -> int:
    return len(bytearray(5 * 2**30))


def picture(data: bytes) -> np.ndarray:
    """Something large that this process could keep by mistake."""
    found = np.frombuffer(data, np.uint8).astype(np.float32)
    _seen.append(weakref.ref(found))
    return found


def failing(data: bytes) -> None:
    found = picture(data)
    raise LookupError(f"{len(found)} bytes are too many")


def left() -> int:
    """How many of the things that `picture` made are still there."""
    return sum(one() is not None for one in _seen)


class OddError(ValueError):
    """An error that cannot be made again from its words alone, as some of remote storage."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def odd() -> None:
    raise OddError(3, "nobody there")


@pytest.fixture(scope="module")
def one():
    with Helpers(1) as helpers:
        yield helpers


@pytest.mark.parametrize("work", [os.abort, circles])
def test_work_that_ends_or_never_returns_is_one_sentence_and_the_next_goes_on(one, work):
    start = time.monotonic()
    kind, sentence = (TooLongError, TOO_LONG.format(1)) if work is circles else (CrashedError, CRASHED)
    with pytest.raises(kind, match=f"^{re.escape(sentence)}$"):
        one.ask(work, seconds=1)
    assert time.monotonic() - start < 20
    assert one.ask(len, b"abc", seconds=20) == 3


def test_an_error_is_raised_here_whatever_its_kind(one):
    with pytest.raises(LookupError, match="3 bytes are too many"):
        one.ask(failing, b"abc", seconds=20)
    with pytest.raises(ValueError, match="OddError: nobody there"):
        one.ask(odd, seconds=20)


def test_where_the_system_has_no_alarm_time_is_limited_too(one):
    without = "import signal, time; del signal.setitimer, signal.SIGALRM; from mia_viz.pictures import apart; "
    kept = "apart._limit(None); stop = apart._alarm(0.1); stop(); time.sleep(0.3); apart._alarm(0.1); time.sleep(20)"
    assert subprocess.run([sys.executable, "-c", without + kept], cwd=ROOT, timeout=15).returncode == LATE
    with pytest.raises(TooLongError):
        one.ask(os._exit, LATE, seconds=20)


@LINUX
def test_more_memory_than_is_given_is_one_sentence(one):
    with pytest.raises(PictureError, match=f"^{re.escape(NO_MEMORY)}$"):
        one.ask(flood, seconds=20)
    assert one.ask(len, b"abc", seconds=20) == 3


def test_there_are_no_core_dumps(one):
    assert one.ask(resource.getrlimit, resource.RLIMIT_CORE, seconds=20) == (0, 0)


def test_nothing_of_a_picture_is_left_after_its_answer():
    with Helpers(1) as helpers:
        assert helpers.ask(picture, bytes(10), seconds=20).shape == (10,)
        with pytest.raises(LookupError):
            helpers.ask(failing, bytes(10), seconds=20)
        assert helpers.ask(left, seconds=20) == 0


def test_a_process_that_died_while_it_had_nothing_to_do_costs_no_file(one):
    first = one.ask(os.getpid, seconds=20)
    os.kill(first, signal.SIGKILL)
    time.sleep(0.1)
    assert one.ask(os.getpid, seconds=20) not in (first, os.getpid())


def test_many_ask_at_once_and_each_gets_its_own_answer():
    with Helpers(2) as helpers:
        answers = {}

        def ask(number: int) -> None:
            answers[number] = helpers.ask(pow, number, 2, seconds=20)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == {number: number**2 for number in range(20)}
        assert len(helpers._idle) <= 2


def test_those_that_rested_for_long_end_but_for_the_last():
    with Helpers(3) as helpers:
        started = [helpers.take() for _ in range(3)]
        for process in started:
            helpers.give(process)
        helpers.thin(60)
        assert all(process.sound for process in started)
        helpers.thin(0)
        assert [process.sound for process in started] == [False, False, True]
        assert helpers.ask(len, b"abc", seconds=20) == 3
        assert helpers.take() is started[2]


def test_what_cannot_be_sent_spoils_nothing(one):
    with pytest.raises((AttributeError, TypeError)):
        one.ask(len, threading.Lock(), seconds=20)
    assert one.ask(len, b"abc", seconds=20) == 3


def test_it_is_free_of_torch_and_of_gradio(one):
    one.ask(load, seconds=60)
    assert one.ask(loaded, seconds=20) == []


def load() -> None:
    from mia_viz.audit import ahead, tables  # noqa: F401
    from mia_viz.pictures import dicom, nifti, series  # noqa: F401


def loaded() -> list[str]:
    return [name for name in ("torch", "gradio", "ray") if name in sys.modules]


def test_a_process_that_is_ended_says_so():
    process = Process()
    assert process.sound
    process.end()
    assert not process.sound
    with pytest.raises(CrashedError):
        process.ask(len, b"abc", seconds=20)


def test_work_in_circles_does_not_outlive_the_program_that_asked(tmp_path):
    """The program is killed, so it can end nothing, and the work listens to nobody."""
    script = (
        "import sys, threading; sys.path.insert(0, '.'); from mia_viz.pictures.apart import Process\n"
        "from tests.pictures.test_apart import circles\n"
        "process = Process(); print(process._process.pid, flush=True); process.ask(circles, seconds=2)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    child = int(program.stdout.readline())
    time.sleep(1)
    program.kill()
    program.wait()
    program.stdout.close()
    deadline = time.monotonic() + 20
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(child)


def alive(process: int) -> bool:
    """Whether a process runs; one that only waits to be noticed does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
