"""The page's figures as SVG: numbers of the sections in, files out. No date and no random names in them, so that equal
numbers are equal files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mia_viz.report.drawing import INK, QUIET, calm

COLOURS = (INK, "#117733", "#AA4499", "#999933", "#332288", "#882255", "#44AA99", "#661100", "#88CCEE", "#DDCC77")
MARKS = "os^Dv<>phX"
SMALL = 8
Section = dict[str, Any]


def draw(name: str, found: Section, folder: Path) -> Path:
    """The figure of a section, written to folder/name.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.svg"
    figure = DRAWN[name](found)
    with rc_context({"svg.hashsalt": "mia-viz"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    return file


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(3.7 * count, 2.9), layout="constrained")
    axes = list(figure.subplots(1, count, squeeze=False)[0])
    for axis in axes:
        calm(axis)
    return figure, axes


def _label(axis: Axes, x: str, y: str, logarithmic: str = "") -> None:
    axis.set_xlabel(x, fontsize=SMALL, color=INK)
    axis.set_ylabel(y, fontsize=SMALL, color=INK)
    if "x" in logarithmic:
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:,g}")
    if "y" in logarithmic:
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:,g}")
    else:
        axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))


def _line(axis: Axes, x: Iterable[float], y: Iterable[float], i: int = 0, label: str = "") -> None:
    axis.plot(
        list(x), list(y), marker=MARKS[i % len(MARKS)], color=COLOURS[i % len(COLOURS)], ms=4, lw=1.1, label=label
    )


def _attacks(found: Section) -> Figure:
    figure, (rate, over) = _panels(2)
    names = list(dict.fromkeys(row["attack"] for row in found["rows"]))
    for i, name in enumerate(names):
        rows = [row for row in found["rows"] if row["attack"] == name]
        batches = [row["batch"] for row in rows]
        _line(rate, batches, [1 / row["wall"] for row in rows], i, name)
        _line(over, batches, [100 * row["overhead"] for row in rows], i)
    _label(rate, "pictures asked about together", "pictures per second", "xy")
    _label(over, "pictures asked about together", "% on top of the network", "x")
    for axis in (rate, over):
        _ticks(axis, sorted({row["batch"] for row in found["rows"]}))
    figure.legend(fontsize=7, frameon=False, loc="outside lower center", ncols=6)
    return figure


def _loop(found: Section) -> Figure:
    figure, (axis,) = _panels(1)
    rates = {name: found["pictures"] / seconds for name, seconds in found["seconds"].items()}
    axis.barh(list(rates)[::-1], list(rates.values())[::-1], color=[INK, QUIET, QUIET], height=0.6)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("pictures per second", fontsize=SMALL, color=INK)
    return figure


def _number(found: Section) -> Figure:
    figure, (seconds, memory) = _panels(2)
    counts = [row["pictures"] for row in found["rows"]]
    _line(seconds, counts, [row["seconds"] for row in found["rows"]])
    _line(memory, counts, [row["peak"] for row in found["rows"]])
    _label(seconds, "pictures", "seconds", "xy")
    _label(memory, "pictures", "peak memory of the process, MiB", "x")
    return figure


def _nfe(found: Section) -> Figure:
    figure, (axis,) = _panels(1)
    asked = [row["nfe"] for row in found["rows"]]
    _line(axis, asked, [1000 * row["wall"] for row in found["rows"]], 0, "with everything")
    _line(axis, asked, [1000 * row["bare"] for row in found["rows"]], 1, "the network alone")
    _label(axis, "questions to the model per picture (NFE)", "milliseconds per picture")
    axis.legend(fontsize=7, frameon=False)
    return figure


def _size(found: Section) -> Figure:
    figure, (time, over) = _panels(2)
    pixels = [row["side"] ** 2 for row in found["rows"]]
    _line(time, pixels, [1000 * row["wall"] for row in found["rows"]], 0, "with everything")
    _line(time, pixels, [1000 * row["bare"] for row in found["rows"]], 1, "the network alone")
    _line(over, pixels, [100 * row["overhead"] for row in found["rows"]])
    _label(time, "pixels of the picture", "milliseconds per picture", "xy")
    _label(over, "pixels of the picture", "% on top of the network", "x")
    time.legend(fontsize=7, frameon=False)
    for axis in (time, over):
        _ticks(axis, pixels, [f"{row['side']}²" for row in found["rows"]])
    return figure


def _workers(found: Section) -> Figure:
    figure, (axis,) = _panels(1)
    figure.set_size_inches(5.6, 2.9)  # two lines under every bar
    for i, row in enumerate(found["rows"]):
        places = [2.6 * i, 2.6 * i + 1]
        axis.bar(places, [row["one"], row["two"]], color=[QUIET, INK], width=0.8)
    axis.set_xticks(
        [2.6 * i + k for i in range(len(found["rows"])) for k in (0, 1)],
        [f"{r['engine']}, {count}\nparts of {r['part']}" for r in found["rows"] for count in ("one", "two")],
        fontsize=6,
    )
    axis.grid(axis="x", visible=False)
    axis.set_ylabel("pictures per second", fontsize=SMALL, color=INK)
    return figure


def _laboratory(found: Section) -> Figure:
    figure, (axis,) = _panels(1)
    known = [row["pictures"] for row in found["rows"]]
    _line(axis, known, [row["median"] for row in found["rows"]], 0, "median")
    _line(axis, known, [row["slowest"] for row in found["rows"]], 1, "slowest")
    _label(axis, "known pictures", "milliseconds per move", "xy")
    axis.legend(fontsize=7, frameon=False)
    return figure


def _startup(found: Section) -> Figure:
    figure, (programs, imports) = _panels(2)
    for axis, pairs in ((programs, list(found["rows"].items())), (imports, found["imports"])):
        axis.barh([name for name, _ in pairs][::-1], [seconds for _, seconds in pairs][::-1], color=INK, height=0.6)
        axis.grid(axis="y", visible=False)
    programs.set_xlabel("seconds", fontsize=SMALL, color=INK)
    imports.set_xlabel("seconds of import for a first score", fontsize=SMALL, color=INK)
    return figure


def _ticks(axis: Axes, places: list[float], words: list[str] | None = None) -> None:
    axis.set_xticks(places, words or [f"{place:g}" for place in places])
    axis.minorticks_off()


DRAWN: dict[str, Callable[[Section], Figure]] = {
    "attacks": _attacks,
    "loop": _loop,
    "number": _number,
    "nfe": _nfe,
    "size": _size,
    "workers": _workers,
    "laboratory": _laboratory,
    "startup": _startup,
}
