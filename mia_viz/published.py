"""Entries of the parity case (a published-layout checkpoint with scores and times of nine public code bases).

Each is one attack at the settings that code runs with, once per published row. `seconds` reads the CPU time per picture
which that code took, so that `bench --compare` can put ours beside it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from mia_viz.analysis import Plan, plan
from mia_viz.frequency import NONE, Filter

BATCH = 16
"""Pictures in a batch when the published times were taken."""
SQUARE = Filter.parse("lowpass:r=5,s=0.2,shape=square")
TENS = range(10, 301, 10)
X0 = {"t": "100", "space": "x0"}
CROPS = {"crops": "10", "relative": "false"}


@dataclass(frozen=True)
class Entry:
    """One published entry: an attack, its settings per published row, and a filter."""

    attack: str
    settings: tuple[dict[str, str], ...]
    filter: Filter = NONE

    def plans(self) -> tuple[Plan, ...]:
        """One plan per published row, to be run on one probe."""
        return tuple(plan(self.attack, settings, self.filter) for settings in self.settings)


def _at(name: str, levels: range | list[int]) -> Entry:
    return Entry(name, tuple({"t": str(t)} for t in levels))


ENTRIES = {
    "secmi.stat": _at("secmi", [90]),
    "pia.pia_t200": _at("pia", [200]),
    "pia.pian_t200": _at("pian", [200]),
    "pia.naive_t200": _at("loss", [200]),
    "pia.pia_sweep": _at("pia", TENS),
    "pia.pian_sweep": _at("pian", TENS),
    "pia.secmi_sweep": _at("secmi", range(0, 91, 10)),
    "sima.sima_sweep": _at("sima", range(0, 201, 20)),
    "sima.sima_t100": _at("sima", [0, 100]),
    "sima.loss_t200": _at("loss", [200]),
    "sima.pfami": Entry("pfami", ({**CROPS, "corner": "floor"},)),
    "miagen.pfami": Entry("pfami", (CROPS,)),
    "rediffuse.ddim": Entry("rediffuse", ({"distance": "l1"}, {"distance": "l2"})),
    "fremia.sec": Entry("secmi", ({"t": "0", "stride": "100"},)),
    "fremia.sec_f": Entry("secmi", ({"t": "0", "stride": "100"},), SQUARE),
    "fremia.pia": Entry("pia", (X0,)),
    "fremia.pia_f": Entry("pia", (X0,), SQUARE),
    "fremia.naive": Entry("loss", (X0,)),
    "fremia.naive_f": Entry("loss", (X0,), SQUARE),
    "fsec.loss_t350": _at("loss", [350]),
    "cdi.secmi": _at("secmi", [100]),
    "diffaudit.pia_t200": _at("pia", [200]),
}
"""All but sima.epsilon, which is a question to the network and no attack."""


def seconds(file: Path) -> dict[str, float]:
    """CPU seconds per picture by entry, from the case's scores.json. Raises ValueError with a sentence."""
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["attacks"]
        found = {name: float(entry["cpu_seconds_per_image"]) for name, entry in entries.items()}
    except FileNotFoundError:
        raise ValueError(f"There is no file {file}.") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{file.name} is not the list of published scores and times that --compare needs.") from None
    if not found or not all(math.isfinite(value) and value > 0 for value in found.values()):
        raise ValueError(f"{file.name} is not the list of published scores and times that --compare needs.")
    return found
