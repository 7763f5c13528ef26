"""An audit's folder: what was asked (audit.json) and the table in parts (parts/part-000000.parquet and on).

A part holds `part` consecutive places, the last one perhaps fewer. It is written under another name and renamed when
complete, so a part that is there is whole. `pandas.read_parquet(folder / "parts")` reads the whole table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from mia_viz.parametrisation import difference
from mia_viz.whole import whole_file, write_new

if TYPE_CHECKING:
    from mia_viz.analysis import Plan

FORMAT = 1
PLURALS = ("pictures", "weights", "attacks", "guidance passes", "spectra")
"""Names in a manifest of which there are several."""
SCORED, UNREADABLE, FAILED = "scored", "unreadable", "failed"
FACTS = (
    ("place", pa.int64()),
    ("id", pa.string()),
    ("sha256", pa.string()),
    ("pixels_sha256", pa.string()),
    ("status", pa.string()),
    ("error", pa.string()),
    ("notes", pa.string()),
    ("caption", pa.string()),
)
NUMBERS = (
    ("score", pa.float64()),
    ("raw", pa.float64()),
    ("p_value", pa.float64()),
    ("nfe", pa.float32()),
    ("energy", pa.list_(pa.list_(pa.float32()))),
)
"""Columns of every picture, and of every attack (as "loss.score")."""


def schema(plans: Sequence[Plan], spectra: bool = True) -> pa.Schema:
    """The table's columns: FACTS, and NUMBERS per plan's key; energy (K, 32) only with `spectra`.

    place: number in the source. status: "scored", "unreadable" (no picture to ask about) or "failed" (an attack gave no
    number); error: why, in a sentence. caption: what the model was told, null for a model that is told nothing.
    """
    columns = [*FACTS]
    for chosen in plans:
        columns += [(f"{chosen.key}.{name}", kind) for name, kind in NUMBERS if spectra or name != "energy"]
    return pa.schema(columns)


class Parts:
    """The parts of one audit's table."""

    def __init__(self, folder: Path, columns: pa.Schema, size: int) -> None:
        self.folder, self.columns, self.size = folder / "parts", columns, size
        self.folder.mkdir(parents=True, exist_ok=True)

    def file(self, part: int) -> Path:
        return self.folder / f"part-{part:06d}.parquet"

    def done(self) -> set[int]:
        """Numbers of the parts that are there."""
        found = (re.fullmatch(r"part-(\d+)\.parquet", file.name) for file in self.folder.iterdir())
        return {int(match[1]) for match in found if match}

    def write(self, part: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write a part, all or nothing. Raises OSError where that is not possible.

        Two writers of one part (on a cluster one that was given up may still be alive) write the same, so it does not
        matter which of them is first.
        """
        with whole_file(self.file(part)) as partial:
            pq.write_table(pa.Table.from_pylist(list(rows), self.columns), partial, compression="zstd")

    def unreadable(self, mine: Callable[[int], bool]) -> set[int]:
        """Those of my parts that hold unreadable pictures."""
        found = set()
        for part in filter(mine, self.done()):
            statuses = pq.read_table(self.file(part), columns=["status"]).column("status")
            if UNREADABLE in statuses.unique().to_pylist():
                found.add(part)
        return found

    def rows(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """All rows in order of place, one part in memory at a time."""
        for part in sorted(self.done()):
            yield from pq.read_table(self.file(part), columns=list(columns)).to_pylist()


@dataclass(frozen=True)
class Manifest:
    """What an audit asks, as plain values by name: equal values, equal table.

    source: where; it may be moved. parametrisation: how the model is asked beside its weights, compared up to rounding
    (see `mia_viz.parametrisation`).
    """

    source: str
    values: Mapping[str, Any]
    parametrisation: Mapping[str, Any] = field(default_factory=dict)

    def agree(self, folder: Path) -> None:
        """Write audit.json, or compare with the one that is there. Raises ValueError naming what differs.

        One written before parametrisations were kept says nothing of them, and is taken: its weights agree, and with
        them lies the schedule; to do many pictures again would cost far more than a change of it is likely.
        """
        known = {**self.values, "parametrisation": self.parametrisation}
        file, asked = folder / "audit.json", {"format": FORMAT, "source": self.source, **known}
        folder.mkdir(parents=True, exist_ok=True)
        # Shards start together: one of them writes it, and the others compare.
        if not file.is_file() and write_new(file, f"{json.dumps(asked, indent=1, allow_nan=False)}\n".encode()):
            return
        try:
            there = dict(json.loads(file.read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{file} is damaged; choose another folder.") from error
        now = json.loads(json.dumps({"format": FORMAT, **self.values}))
        apart = [_other(name) for name in now if name not in there or there[name] != now[name]]
        asked_otherwise = difference(there.get("parametrisation", {}), self.parametrisation)
        if asked_otherwise:
            apart.append(asked_otherwise)
        if apart:
            raise ValueError(
                f"{folder} holds an audit with {' and '.join(apart)}; go on with the same, or choose another folder."
            )


def _other(name: str) -> str:
    return f"other {name}" if name in PLURALS else f"another {name}"
