"""Processes in which strange bytes are opened: a file that breaks its decoder ends one of them and nothing else.

They are programs of their own and not those of `multiprocessing`, which begin by running the script again that started
them: an audit must work from a notebook too, and from a script without a guard. Each has one thing to do at a time, so
when one ends, it is plain which file ended it. They keep nothing of a file after they answered, write nothing to disk,
and end with the program that started them, however that ends. Free of torch, so that they start quickly.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from mia_viz.pictures.limits import NO_MEMORY
from mia_viz.pictures.picture import PictureError

MEMORY = 4 * 2**30
"""Bytes that a process may take beyond those it starts with; the largest picture that is let through needs two."""
CRASHED = "This file crashed the program that tried to open it, so it was left out."
TOO_LONG = "Opening this file took longer than {} seconds, so it was left out."
NOT_STARTED = "The process that decodes pictures could not be started."
GREETING = b"ready"
LATE = 75
"""What a process ends with when its time is over, where the system has no alarm."""
TRIES = 2
"""A process may end for another reason than its file, such as want of memory; twice is no accident."""
START = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "  # an interrupt is the program's to handle
    "from mia_viz.pictures.apart import serve; serve({})"
)


class CrashedError(PictureError):
    """What was asked ended every process that tried it."""


class TooLongError(PictureError):
    """What was asked took longer than it may."""


class Process:
    """One process, spoken to by pickles through its standard input and output. memory: see MEMORY; None for no limit.

    sound: whether it can be asked. rests_since: when it last got nothing more to do, of a monotonic clock in seconds.
    Raises OSError where it cannot be started.
    """

    def __init__(self, memory: int | None = MEMORY) -> None:
        places = os.pathsep.join(place or os.getcwd() for place in sys.path)  # what is imported here, is there too
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", START.format(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": places},
        )
        self._one_at_a_time = threading.Lock()
        self.rests_since = time.monotonic()
        try:
            self._fit = pickle.load(self._process.stdout) == GREETING
        except (EOFError, pickle.UnpicklingError):
            self._fit = False
        if not self._fit:  # else every picture would seem to be at fault
            self.end()
            raise OSError(NOT_STARTED)

    @property
    def sound(self) -> bool:
        return self._fit and self._process.poll() is None

    def ask(self, work: Callable[..., Any], *asked: Any, seconds: float) -> Any:
        """work(*asked) as the process answers it; work must be a function that can be named.

        Raises what `work` raises, and CrashedError or TooLongError where the process ended, which it does after
        `seconds` of wall-clock time.
        """
        with self._one_at_a_time:
            try:
                _say(self._process.stdin, (seconds, work, asked))
                answer = pickle.load(self._process.stdout)
            except (EOFError, BrokenPipeError, ValueError, pickle.UnpicklingError):  # it ended, perhaps within a word
                if self.end() in (-getattr(signal, "SIGALRM", LATE), LATE):
                    raise TooLongError(TOO_LONG.format(round(seconds))) from None
                raise CrashedError(CRASHED) from None
            except BaseException:  # an interrupt in the middle of a word, say
                self.end()
                raise
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def end(self) -> int:
        """End it, and what became of it (see `subprocess.Popen.returncode`); it may have ended before."""
        self._fit = False
        self._process.kill()
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what it did not take any more
                pipe.close()
        return code


class Helpers:
    """At most `count` processes at work, started when first needed and replaced when they die.

    Use as a context, or close() them; they end with the program in any case. memory: see MEMORY.
    """

    def __init__(self, count: int, memory: int | None = MEMORY) -> None:
        self.count, self.memory = count, memory
        self._threads = ThreadPoolExecutor(count, "apart")
        self._room = threading.Semaphore(count)
        self._idle: list[Process] = []

    def __enter__(self) -> Helpers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(self, work: Callable[..., Any], *asked: Any, seconds: float) -> Future[Any]:
        """`ask`, at once and in the background."""
        return self._threads.submit(self.ask, work, *asked, seconds=seconds)

    def ask(self, work: Callable[..., Any], *asked: Any, seconds: float) -> Any:
        """work(*asked) in one of the processes, tried once more where it ends it.

        Raises what `work` raises, CrashedError, TooLongError, and OSError where no process can be started.
        """
        answer, process = self.keep(work, *asked, seconds=seconds)
        self.give(process)
        return answer

    def keep(self, work: Callable[..., Any], *asked: Any, seconds: float) -> tuple[Any, Process]:
        """Like `ask`, and the process that answered, which is the caller's from then on, to be given back or ended."""
        with self._room:
            for tries_left in reversed(range(TRIES)):
                process = self.take()
                try:
                    return process.ask(work, *asked, seconds=seconds), process
                except CrashedError:
                    if not tries_left:
                        raise
                except BaseException:
                    self.give(process)
                    raise
        raise AssertionError("one of the tries returns or raises")

    def take(self) -> Process:
        """A process that has nothing to do, which is the caller's from then on. Raises OSError."""
        with suppress(IndexError):
            while True:
                process = self._idle.pop()
                if process.sound:
                    return process
                process.end()
        return Process(self.memory)

    def give(self, process: Process) -> None:
        """Take a process back, or end it where it is unsound or one too many."""
        if process.sound and len(self._idle) < self.count:
            process.rests_since = time.monotonic()
            self._idle.append(process)
        else:
            process.end()

    def thin(self, seconds: float, keep: int = 1) -> None:
        """End those that had nothing to do for so long, but for the last ones."""
        for process in [*self._idle][:-keep]:  # the one that rests longest comes first
            if time.monotonic() - process.rests_since < seconds:
                return
            with suppress(ValueError):  # it was taken meanwhile
                self._idle.remove(process)
                process.end()

    def close(self) -> None:
        """Wait for what is being done, and end the processes."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        while self._idle:
            self._idle.pop().end()


def serve(memory: int | None) -> None:
    """What such a process does: answer each (seconds, work, asked) with what came of it, until its input ends."""
    asked: queue.SimpleQueue[tuple[float, Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()
    _limit(memory)
    answers = os.fdopen(os.dup(1), "wb")
    _say(answers, GREETING)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for printed in (1, 2):  # decoders print their complaints, which must not mix with answers and progress
        os.dup2(nowhere, printed)
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    while True:
        _answer(answers, *asked.get())


def _answer(answers: BinaryIO, seconds: float, work: Callable[..., Any], asked: tuple[Any, ...]) -> None:
    """Answer once; nothing of what was asked and answered is left afterwards, whatever went wrong with it."""
    stop = _alarm(seconds)
    try:
        answer: Any = work(*asked)
    except MemoryError:
        answer = PictureError(NO_MEMORY)
    except Exception as error:
        answer = _that_travels(error)
    stop()
    _say(answers, answer)
    del asked, answer  # an error holds on to this frame


def _that_travels(error: Exception) -> Exception:
    """An error that can be raised elsewhere: itself, or where its class cannot be sent, one of a kind that can."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        kind = next((kind for kind in (ValueError, OSError) if isinstance(error, kind)), RuntimeError)
        return kind(f"{type(error).__name__}: {error}")


def _alarm(seconds: float) -> Callable[[], object]:
    """End this process after a while, by the system's own alarm where it has one: that one ends native code too, and
    when the program that asked is gone. Returns what calls it off."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return lambda: signal.setitimer(signal.ITIMER_REAL, 0)
    timer = threading.Timer(seconds, os._exit, (LATE,))
    timer.daemon = True
    timer.start()
    return timer.cancel


def _limit(memory: int | None) -> None:
    """An alarm ends this process; no core dumps; no more memory than is given. Each as far as the system has it."""
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory is not None and sys.platform == "linux":
        own = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = own + memory if hard == resource.RLIM_INFINITY else min(own + memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _listen(asked: queue.SimpleQueue[Any]) -> None:
    """Hand on what comes; the input ends when the program does, and then so does this process, whatever it is at."""
    try:
        while True:
            asked.put(pickle.load(sys.stdin.buffer))
    finally:
        os._exit(0)


def _say(pipe: BinaryIO, words: Any) -> None:
    pickle.dump(words, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()
