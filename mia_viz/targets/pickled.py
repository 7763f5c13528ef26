"""A rehearsal of the pickle inside a torch file, with stand-ins for everything it names.

torch's restricted reader runs no foreign code, but it still calls what it allows: a file of a few hundred bytes can ask
for `bytearray(10**11)`. Here every name is looked up in a short list first, what is called does nothing, and storages
must be no larger than the file. Only then is the file handed to torch.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

MOST_PICKLE = 64_000_000
"""Bytes of the pickle itself, which holds names and sizes; those of the largest published models have a few million."""
LEGACY_PICKLES = 5
"""In a file of torch before 1.6: magic number, protocol, system, the content, the keys of its storages."""
REBUILDS = frozenset({"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter"})
WIDTHS = [
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "bool",
    "float16",
    "float32",
    "float64",
    "bfloat16",
    "complex64",
    "complex128",
]


class _Inert:
    """Stands for a type or a tensor: nothing can be made of it, and it keeps nothing."""

    def __setstate__(self, state: object) -> None:
        pass


def _tensor(*_: object) -> _Inert:
    return _Inert()


class _Rehearsal(pickle._Unpickler):  # the one in Python: that in C takes memory for any memo number a file names
    """Reads a pickle without making anything that it describes. most: bytes that all storages may have together."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        super().__init__(file)
        self.most, self.sizes = most, {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module == "torch._utils" and name in REBUILDS) or (module, name) == ("torch", "device"):
            return _tensor
        if (module, name) == ("torch", "Size"):
            return tuple
        storage = module in ("torch", "torch.cuda", "torch.storage") and name.endswith("Storage")
        if storage or (module == "torch" and name in WIDTHS):
            return _Inert()  # an object: calling it, which would take memory, fails
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a set of tensors.")

    def persistent_load(self, pid: Any) -> _Inert:
        """A storage: ("storage", type, key, place, number of values, ...)."""
        key, count = pid[2], pid[4]
        if type(count) is not int or count < 0:
            raise ValueError("A storage has no size.")
        self.sizes[key] = count
        if sum(self.sizes.values()) > self.most:  # a value has at least one byte
            raise ValueError("The storages are larger than the file.")
        return _Inert()


def rehearse(path: Path) -> None:
    """Go through a torch file's pickle. Raises pickle.UnpicklingError for anything but plain tensors and values.

    Other errors of any kind: the file is damaged, or its tensors are larger than itself.
    """
    size = path.stat().st_size
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            for _ in range(LEGACY_PICKLES):
                _Rehearsal(file, size).load()
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.endswith("data.pkl"):
                if member.file_size > MOST_PICKLE:
                    raise ValueError("The list of tensors is far too long.")
                _Rehearsal(io.BytesIO(archive.read(member)), size).load()
