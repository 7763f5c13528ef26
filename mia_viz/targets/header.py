"""The header of a safetensors file, checked before any library reads the file. Free of torch.

Format: 8 bytes of length, a JSON object {name: {dtype, shape, data_offsets}}, then the numbers
(https://github.com/huggingface/safetensors, README). The largest models have some thousands of tensors.
"""

from __future__ import annotations

import json
from pathlib import Path

from mia_viz.targets.errors import TargetError

MOST_HEADER = 20_000_000
MOST_TENSORS = 50_000
DAMAGED = "{} is incomplete or damaged, or no safetensors file."
ABSURD = "{} lists an absurd number of tensors."


def check_header(file: Path) -> None:
    """Raise TargetError unless a file's header is of a sensible size and its tensors fill the file exactly."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > MOST_HEADER:
                raise TargetError(DAMAGED.format(file.name) if length > size else ABSURD.format(file.name))
            text = stream.read(length)
        entries = json.loads(text)
        entries.pop("__metadata__", None)
        if len(entries) > MOST_TENSORS:
            raise TargetError(ABSURD.format(file.name))
        ends = [int(entry["data_offsets"][1]) for entry in entries.values()]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, TargetError):
            raise
        raise TargetError(DAMAGED.format(file.name)) from error
    if 8 + length + max(ends, default=0) != size:
        raise TargetError(DAMAGED.format(file.name))
