"""Slow down whoever guesses passwords: after every failure the next attempt for that name has to wait longer."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

FREE = 3
"""Failures that cost nothing: people mistype."""
LONGEST_WAIT = 60.0
FORGOTTEN_AFTER = 900.0
MOST_NAMES = 10_000


class Throttle:
    """Counts failures per name. clock: seconds that only rise."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, name: str) -> float:
        """Seconds until another attempt for a name is looked at; 0 when it may be made now."""
        with self._lock:
            count, last = self._failed.get(name, (0, 0.0))
            since = self._clock() - last
            if since > FORGOTTEN_AFTER:
                self._failed.pop(name, None)
                return 0.0
            due = min(LONGEST_WAIT, 2.0 ** (count - FREE)) if count >= FREE else 0.0
            return max(0.0, due - since)

    def failed(self, name: str) -> None:
        """Count a failure."""
        with self._lock:
            self._failed[name] = (self._failed.get(name, (0, 0.0))[0] + 1, self._clock())
            self._failed.move_to_end(name)
            while len(self._failed) > MOST_NAMES:
                self._failed.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget a name's failures."""
        with self._lock:
            self._failed.pop(name, None)
