"""One heap for all threads of the app, as the C library itself reports it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

THREADS = """
import ctypes, threading
import numpy as np
gate = threading.Barrier(5)
def work():
    kept = [np.ones(5000) for _ in range(100)]
    gate.wait(); gate.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
gate.wait()
C = ctypes.CDLL(None)
C.fdopen.restype, C.malloc_info.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
out = C.fdopen(1, b"w")
C.malloc_info(0, out); C.fflush(ctypes.c_void_p(out))
gate.wait()
"""


def heaps(before: str) -> int:
    """How many heaps a program has whose threads hold memory at the same time."""
    done = subprocess.run([sys.executable, "-c", before + THREADS], capture_output=True, text=True, timeout=300)
    if "malloc_info" in done.stderr:
        pytest.skip("the C library here is not glibc")
    assert done.returncode == 0, done.stderr
    return len(re.findall(r"<heap nr=", done.stdout))


def test_threads_have_heaps_of_their_own_unless_the_app_was_built():
    assert heaps("") > 1
    assert heaps("from mia_viz.ui.launch import build\nbuild()\n") == 1
