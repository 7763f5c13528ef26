"""A rehearsal of the pickle inside a torch file, with stand-ins for everything it names.

torch's restricted reader runs no foreign code, but it still calls what it allows: a file of a few hundred bytes can ask
for `bytearray(10**11)`, or for a dictionary whose key is a tuple of tuples sixty deep, which takes for ever to hash.
Here every name is looked up in a short list first, what is called does nothing, keys are plain values, and storages
must be no larger than the file. Only then is the file handed to torch.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

MOST_PICKLE = 4_000_000
"""Bytes of a file's pickles, which hold names and sizes: room for some 20,000 tensors. Each byte can ask for a list."""
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


OPERATIONS = frozenset(
    code[0]
    for code in (
        *(pickle.PROTO, pickle.STOP, pickle.MARK, pickle.GLOBAL, pickle.REDUCE, pickle.NEWOBJ, pickle.BUILD),
        *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1),
        *(pickle.BINFLOAT, pickle.BINUNICODE, pickle.SHORT_BINSTRING, pickle.BINPERSID),
        *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
        *(pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.EMPTY_SET),
        *(pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS),
        *(pickle.BINGET, pickle.LONG_BINGET, pickle.BINPUT, pickle.LONG_BINPUT),
    )
)
"""What torch's own restricted reader carries out."""
PLAIN_KEYS = (str, int, float, bool, type(None))


def _tensor(*_: object) -> _Inert:
    return _Inert()


def _ordered() -> OrderedDict:
    """Empty, as torch writes it: pairs given at once would have keys that nobody looked at."""
    return OrderedDict()


class _Limited:
    """The next MOST_PICKLE bytes of a file; asked for more, raises ValueError before memory is taken."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.left = file, MOST_PICKLE

    def read(self, size: int) -> bytes:
        return self._counted(self.file.read(size)) if size <= self.left else self._refuse()

    def readline(self) -> bytes:
        return self._counted(self.file.readline(self.left + 1))

    def _counted(self, data: bytes) -> bytes:
        self.left -= len(data)
        return data if self.left >= 0 else self._refuse()

    def _refuse(self) -> bytes:
        raise ValueError("The list of tensors is far too long.")


def _refused(_: object) -> None:
    raise pickle.UnpicklingError("torch writes no such thing.")


class _Rehearsal(pickle._Unpickler):  # the one in Python: that in C takes memory for any memo number a file names
    """Reads a pickle without making anything that it describes. most: bytes that all storages may have together."""

    dispatch: ClassVar = {
        code: read if code in OPERATIONS else _refused  # a byte array, for one, is made before it is read
        for code, read in pickle._Unpickler.dispatch.items()
    }

    def __init__(self, file: _Limited, most: int) -> None:
        super().__init__(file)
        self.most, self.sizes, self.total = most, {}, 0

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return _ordered
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
        if type(count) is not int or count < 0 or type(key) not in PLAIN_KEYS:
            raise ValueError("A storage has no size.")
        self.total += count - self.sizes.get(key, 0)
        self.sizes[key] = count
        if self.total > self.most:  # a value has at least one byte
            raise ValueError("The storages are larger than the file.")
        return _Inert()

    def load_setitem(self) -> None:
        _plain(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        _plain(self.stack[::2])
        super().load_setitems()

    def load_build(self) -> None:
        if type(self.stack[-2]) not in (_Inert, OrderedDict):  # a function here is everybody's
            _refused(self)
        super().load_build()

    dispatch |= {pickle.SETITEM[0]: load_setitem, pickle.SETITEMS[0]: load_setitems, pickle.BUILD[0]: load_build}


def _plain(keys: list[Any]) -> None:
    if not all(type(key) in PLAIN_KEYS for key in keys):
        raise pickle.UnpicklingError("A key is no plain value.")


def rehearse(path: Path) -> None:
    """Go through a torch file's pickle. Raises pickle.UnpicklingError for anything but plain tensors and values.

    Other errors of any kind: the file is damaged, or its tensors are larger than itself.
    """
    size = path.stat().st_size
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            limited = _Limited(file)
            for _ in range(LEGACY_PICKLES):
                _Rehearsal(limited, size).load()
        return
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith("data.pkl")]
        if sum(member.file_size for member in members) > MOST_PICKLE:
            raise ValueError("The list of tensors is far too long.")
        for member in members:
            _Rehearsal(_Limited(io.BytesIO(archive.read(member))), size).load()
