"""Telling a shortage of memory from other failures; torch has a class of its own for it on accelerators only."""

from __future__ import annotations

SAID = ("out of memory", "allocate memory", "not enough memory", "alloc_failed", "could not create a memory object")
"""What torch's errors say where an accelerator, the processor (on Linux, on Windows), or cuBLAS and cuDNN run out."""
PRIMITIVE = "could not create a primitive"
"""All that oneDNN says when a convolution finds no room; with more words behind it, it is about something else."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of the processor or of an accelerator, so that less may still fit."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower().strip()
    return isinstance(error, RuntimeError) and (text == PRIMITIVE or any(words in text for words in SAID))
