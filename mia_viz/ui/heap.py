"""How the C library keeps memory: in one heap for all threads, which is given back to the system as visits end.

By default glibc keeps a heap per thread, and gives back the free end of the first one only: of the others, what an
analysis needed for a moment stays with the app for good. `python -m tests.load` measures it.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

M_ARENA_MAX = -8
"""glibc, malloc.h."""


def keep_one_heap() -> None:
    """Have all threads share one heap; to be called before there are others."""
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def give_memory_back() -> None:
    """Have the system get back what ended visits held; the C library would keep much of it for later."""
    gc.collect()
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
