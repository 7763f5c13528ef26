"""How much memory there is and what holds it; and telling a shortage of it from other failures.

Free of torch until a device or a network is asked about; torch has a class of its own for a shortage on accelerators
only.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


SHARE = 0.5
"""Of a device's memory that weights of visitors' models may take together; the rest is for asking them."""
WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")
CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container's limit stands, in version 2 and version 1 of control groups."""


def machine_bytes(limits: tuple[Path, ...] = CGROUPS) -> int | None:
    """Main memory of this machine, or of the container this runs in where that is less; None where nothing says."""
    try:
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, OSError, ValueError):  # Windows
        found = []
    for file in limits:
        try:
            found.append(int(file.read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return min((size for size in found if size > 0), default=None)


def most_bytes(device: str) -> int | None:
    """Bytes that weights of visitors' models may take on a device ("cpu" or "cuda"); None where nothing says."""
    if device == "cuda":
        import torch

        return int(SHARE * torch.cuda.get_device_properties(0).total_memory)
    total = machine_bytes()
    return None if total is None else int(SHARE * total)


def weight_bytes(where: str) -> int:
    """Bytes of all files of weights of a model, from above; 0 for a hub's id, of which nothing lies here."""
    path = Path(where)
    files = [path] if path.is_file() else path.rglob("*") if path.is_dir() else []
    return sum(file.stat().st_size for file in files if file.suffix in WEIGHTS and file.is_file())


def held_bytes(target: object) -> int:
    """Bytes of the weights and buffers of all networks that an opened model holds."""
    tensors = {id(t): t for network in _networks(target, 4) for t in (*network.parameters(), *network.buffers())}
    return sum(t.numel() * t.element_size() for t in tensors.values())


def _networks(holder: object, depth: int) -> Iterator[Any]:
    import torch

    if isinstance(holder, torch.nn.Module):
        yield holder
        return
    if isinstance(holder, dict):
        parts = holder.values()
    elif isinstance(holder, list | tuple):
        parts = holder
    else:
        parts = vars(holder).values() if type(holder).__module__.startswith("mia_viz.") and depth else ()
    for part in parts if depth else ():
        yield from _networks(part, depth - 1)


def free_memory() -> None:
    """Hand memory that nobody uses back, on the graphics card too."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
