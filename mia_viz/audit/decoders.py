"""Processes that decode pictures, so that a file that crashes its decoder ends one of them and never the audit.

They are programs of their own and not those of `multiprocessing`, which begin by running the script again that started
them: an audit must work from a notebook too, and from a script without a guard. Each has one picture at a time, so when
one ends, it is plain which file ended it. They end with the audit, however that ends.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from mia_viz.audit.ahead import Form, Ready
    from mia_viz.audit.source import Item

    Work = Callable[[Item, Form], Ready]

CRASHED = "Decoding this file ends the program that tries it, so it was left out."
NOT_STARTED = "The process that decodes pictures could not be started."
GREETING = b"ready"
TRIES = 2
"""A process may end for another reason than its picture, such as want of memory; twice is no accident."""
START = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "  # an interrupt is the audit's to handle
    "from mia_viz.audit.decoders import serve; serve()"
)


class Decoders:
    """`count` processes, started when first needed and replaced when they die. Use as a context, or close() them; they
    end with the program in any case."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._threads = ThreadPoolExecutor(count, "audit-decoder")
        self._idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)

    def __enter__(self) -> Decoders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(self, work: Work, item: Item, form: Form) -> Future[Ready]:
        """work(item, form) in one of the processes; a Ready with the error CRASHED where it ends every process that
        tries it. The future raises what `work` raises, and OSError where no process can be started."""
        return self._threads.submit(self._ask, work, item, form)

    def close(self) -> None:
        """Wait for what is being decoded, and end the processes."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        while not self._idle.empty():
            process = self._idle.get()
            if process is not None:
                process.end()

    def _ask(self, work: Work, item: Item, form: Form) -> Ready:
        process = self._idle.get()  # there is one, since there are as many threads as processes
        try:
            for _ in range(TRIES):
                process = process or _Process()
                try:
                    answer = process.ask(work, item, form)
                except (EOFError, BrokenPipeError, pickle.UnpicklingError):  # it ended, perhaps within a word
                    process.end()
                    process = None
                    continue
                if isinstance(answer, BaseException):
                    raise answer
                return answer
        finally:
            self._idle.put(process)
        from mia_viz.audit.ahead import Ready

        digest = hashlib.sha256(item.data or b"").hexdigest()
        return Ready(item.place, item.id, None, digest, caption=item.caption, error=CRASHED)


class _Process:
    """One process, spoken to by pickles through its standard input and output."""

    def __init__(self) -> None:
        """Raises OSError where it cannot be started."""
        places = os.pathsep.join(place or os.getcwd() for place in sys.path)  # what is imported here, is there too
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": places},
        )
        try:
            greeted = pickle.load(self._process.stdout) == GREETING
        except (EOFError, pickle.UnpicklingError):
            greeted = False
        if not greeted:  # else every picture would seem to be at fault
            self.end()
            raise OSError(NOT_STARTED)

    def ask(self, *asked: Any) -> Any:
        _say(self._process.stdin, asked)
        return pickle.load(self._process.stdout)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what it did not take any more
                pipe.close()


def serve() -> None:
    """What such a process does: answer each (work, item, form) with what came of it, until its input ends."""
    asked: queue.SimpleQueue[tuple[Work, Item, Form]] = queue.SimpleQueue()
    answers = os.fdopen(os.dup(1), "wb")
    _say(answers, GREETING)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for printed in (1, 2):  # decoders print their complaints, which must not mix with answers and progress
        os.dup2(nowhere, printed)
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    while True:
        work, item, form = asked.get()
        try:
            answer: Any = work(item, form)
        except Exception as error:
            answer = error
        _say(answers, answer)


def _listen(asked: queue.SimpleQueue[Any]) -> None:
    """Hand on what comes; the input ends when the audit does, and then so does this process, whatever it is at."""
    try:
        while True:
            asked.put(pickle.load(sys.stdin.buffer))
    finally:
        os._exit(0)


def _say(pipe: BinaryIO, words: Any) -> None:
    pickle.dump(words, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()
