"""The benchmark page in Markdown: every number on it comes from the measured sections, none from this file."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mia_viz.audit.paper import Assumptions, estimate, plans_of
from mia_viz.commands.audit_paper import size as bytes_words
from mia_viz.commands.common import short
from mia_viz.commands.evaluation_report import markdown_table

Section = dict[str, Any]
MILLION = 1_000_000
PLANNED = (
    ("loss", ()),
    ("loss,pia", ()),
    ("loss,secmi", ()),
    ("loss,noise_aggregation", ()),
    ("loss,noise_aggregation,fcre", ("fcre.variant=v2",)),
    ("loss,noise_aggregation,fcre,drc", ("fcre.variant=v2",)),
)
SOURCE = "[fal-ai/stable-diffusion-benchmarks](https://github.com/fal-ai/stable-diffusion-benchmarks)"


def page(measured: Mapping[str, Section], pictures: str) -> str:
    """The whole page; measured: by section, each with "found", "machine" and "load". pictures: the figures' folder,
    relative to the page."""
    parts = ["# Speed and cost", INTRODUCTION]
    for name, words in WRITTEN.items():
        if name in measured:
            heading, alt, text = words(measured[name]["found"])
            parts += [f"## {heading}", f"![{alt}]({pictures}/{name}.svg)", *text]
    if {"attacks", "number"} <= set(measured):
        parts += ["## A million pictures against Stable Diffusion, on paper", *_million(measured)]
    return "\n\n".join([*parts, "## The machine", *_machines(measured)]) + "\n"


INTRODUCTION = (
    "Written by one command, which measures, draws and words this page: "
    "`python -m mia_viz.speed --page docs/speed.md`. What is measured is kept in `speed.json` beside it, so a run that "
    "was stopped goes on where it was; `--again SECTION` measures one anew, and `--quick` with another page shows that "
    "everything works. All of it runs on the processor, one thread per process. *Overhead* is the time of an attack "
    "over that of the same network calls alone; small and negative values are what the clock's unsteadiness looks like."
)


def _attacks(found: Section) -> tuple[str, str, list[str]]:
    rows = [
        [r["attack"], str(r["batch"]), short(r["nfe"]), short(1 / r["wall"], 3), short(1000 * r["wall"], 4), _share(r)]
        for r in found["rows"]
    ]
    header = ("attack", "batch", "NFE", "pictures per second", "ms per picture", "overhead")
    middle = statistics.median(row["overhead"] for row in found["rows"])
    said = (
        f"Model {found['target']}, pictures of {' x '.join(map(str, found['size']))}. The median overhead of "
        f"all rows is {100 * middle:.1f} %; the largest is {100 * max(r['overhead'] for r in found['rows']):.1f} %."
    )
    left = ", ".join(f"{name} at {batch}" for name, batch in found["left_out"])
    text = [said, markdown_table(header, rows)]
    if left:
        text.append(f"Left out because one repeat would take too long: {left}.")
    return "Attacks and batch sizes", "Pictures per second and overhead by batch size for every attack.", text


def _share(row: Mapping[str, Any]) -> str:
    return f"{100 * row['overhead']:.1f} %"


def _loop(found: Section) -> tuple[str, str, list[str]]:
    count, seconds = found["pictures"], found["seconds"]
    rows = [[name, short(count / took, 4), short(took, 4)] for name, took in seconds.items()]
    best = min(took for name, took in seconds.items() if name.startswith("plain"))
    said = (
        f"PIA on {count} pictures, model {found['target']}: a script of about fifteen lines over diffusers "
        "(`plain_pia` in `mia_viz/speed/engine.py`) beside an audit, which also hashes, checks, ranks and writes a "
        f"table that survives a power cut. Loading the model is left out of all three. The audit takes "
        f"{seconds['audit'] / best:.2f} times as long as the faster script. The numbers are the same: the largest "
        f"relative difference is {found['apart']:.1e}."
    )
    header = ("", "pictures per second", "seconds")
    return (
        "An audit beside a plain loop",
        "Pictures per second of two plain loops and of an audit.",
        [
            said,
            markdown_table(header, rows),
        ],
    )


def _number(found: Section) -> tuple[str, str, list[str]]:
    rows = found["rows"]
    cells = [
        [f"{r['pictures']:,}", short(r["seconds"], 3), short(r["rate"], 3), f"{r['peak']:.0f}", bytes_words(r["table"])]
        for r in rows
    ]
    header = ("pictures", "seconds", "per second at work", "peak memory, MiB", "table")
    many, some = rows[-1], rows[-2]
    said = (
        f"Whole audits (loss, with spectra) of Parquet files, with the smallest model there is (random weights, "
        f"pictures of {found['side']} x {found['side']}), so that what is seen is the engine rather than the network. "
        f"From {some['pictures']:,} to {many['pictures']:,} pictures time grows "
        f"{many['seconds'] / some['seconds']:.1f} fold, and peak memory goes from {some['peak']:.0f} to "
        f"{many['peak']:.0f} MiB; nearly all of the memory is PyTorch itself. A row "
        f"takes {many['table'] / many['pictures']:.0f} bytes, {found['row_bytes']:.0f} without the spectrum."
    )
    return "Number of pictures", "Seconds and peak memory by number of pictures.", [said, markdown_table(header, cells)]


def _nfe(found: Section) -> tuple[str, str, list[str]]:
    asked, wall = np.array([[row["nfe"], 1000 * row["wall"]] for row in found["rows"]]).T
    slope, start = np.polyfit(asked, wall, 1)
    worst = np.max(np.abs(wall / (start + slope * asked) - 1))
    said = (
        f"The loss attack with more and more draws, model {found['target']}, {found['batch']} pictures together. "
        f"A straight line fits: {slope:.3g} ms per question and {start:.3g} ms per picture, at most "
        f"{100 * worst:.0f} % off."
    )
    return "Number of questions", "Milliseconds per picture by NFE, with and without everything around it.", [said]


def _size(found: Section) -> tuple[str, str, list[str]]:
    rows = [
        [f"{r['side']} x {r['side']}", short(1000 * r["wall"], 4), short(1000 * r["bare"], 4), _share(r)]
        for r in found["rows"]
    ]
    header = ("picture", "ms per picture", "network alone, ms", "overhead")
    said = (
        f"SecMI on a small network with random weights, {found['batch']} pictures together. A network this small is "
        "the hardest case: the surroundings weigh most beside it."
    )
    return "Size of pictures", "Milliseconds per picture and overhead by size.", [said, markdown_table(header, rows)]


def _workers(found: Section) -> tuple[str, str, list[str]]:
    rows = [
        [r["engine"], str(r["part"]), short(r["one"], 3), short(r["two"], 3), f"{r['two'] / r['one']:.2f}"]
        for r in found["rows"]
    ]
    said = (
        f"One audit of {found['pictures']} pictures, model {found['target']}: by one process and shared by two on the "
        "same machine, as shards and on Ray. The rate counts from the first finished part to the last, so starting up "
        "is left out."
    )
    shards, *others = found["rows"]
    lost = [f"{2 * r['part'] * (1 / r['two'] - 1 / shards['two']):.2f} s per part of {r['part']}" for r in others]
    if lost:
        said += (
            f" An actor waits a moment for every part that Ray hands out; beside shards the two lost "
            f"{' and '.join(lost)} pictures. So parts should take many seconds; by default they have 512 pictures."
        )
    header = ("engine", "pictures per part", "one", "two", "gain")
    return "Two workers", "Pictures per second of one and two workers.", [said, markdown_table(header, rows)]


def _laboratory(found: Section) -> tuple[str, str, list[str]]:
    rows = [
        [f"{r['pictures']:,}", short(r["median"], 2), short(r["slowest"], 2), short(r["map"], 3)] for r in found["rows"]
    ]
    last = found["rows"][-1]
    kept = "kept" if last["slowest"] <= last["budget"] else "exceeded"
    said = (
        f"What the server does on every move of the band in the frequency laboratory, with made-up energies of so many "
        f"known pictures: distributions, AUC with interval, rates and the verdict's sentence. No model is asked. The "
        f"budget is {last['budget']:.0f} ms with {last['pictures']:,} pictures: {kept} by the slowest of "
        f"{found['moves']} moves. The map of all bands is computed once per method."
    )
    header = ("known pictures", "ms per move, median", "slowest", "map of all bands, ms")
    return "The frequency laboratory", "Milliseconds per move by known pictures.", [said, markdown_table(header, rows)]


def _startup(found: Section) -> tuple[str, str, list[str]]:
    rows = [
        [f"`{name}`" if "python" in name or "import" in name else name, short(took, 3)]
        for name, took in found["rows"].items()
    ]
    heavy = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in found["imports"])
    said = (
        f"From nothing, model {found['target']}. Help and `import mia_viz` load neither PyTorch nor NumPy: commands "
        "import what they need when they run, and a test holds the package to that. The app's first screen shows an "
        "opening case that lies ready, and nothing under `mia_viz/ui` imports PyTorch when it is loaded; the model is "
        "opened beside it. What a first score has to import, by package (slower than usual, because it is traced): "
        f"{heavy}."
    )
    return (
        "Start-up",
        "Seconds until programs answer, and seconds of import by package.",
        [
            said,
            markdown_table(("", "seconds"), rows),
        ],
    )


def _million(measured: Mapping[str, Section]) -> list[str]:
    """The plan on paper, from the measured overhead and the measured bytes of a row."""
    attacks, number = measured["attacks"]["found"], measured["number"]["found"]
    over = max(0.0, statistics.median(row["overhead"] for row in attacks["rows"]))
    full = number["rows"][-1]["table"] / number["rows"][-1]["pictures"]
    assumed = Assumptions(
        overhead=round(over, 3), row_bytes=number["row_bytes"], spectrum_bytes=full - number["row_bytes"]
    )
    rows = []
    for attacks_named, settings in PLANNED:
        found = estimate(MILLION, plans_of(attacks_named, settings), assumed)
        numbers = (f"{found.nfe}", short(found.rate, 3), f"{found.gpu_hours:,.0f}", f"{found.hours:,.1f}")
        rows.append([", ".join((*attacks_named.split(","), *settings)), *numbers, bytes_words(found.table_bytes)])
    header = ("attacks", "NFE", "pictures per second", "GPU hours", f"hours on {assumed.gpus:g} GPUs", "table")
    return [
        "Nobody has run this; it is arithmetic. Measured here: "
        f"{100 * assumed.overhead:.1f} % overhead, {assumed.row_bytes:.0f} bytes per row and "
        f"{assumed.spectrum_bytes:.0f} per spectrum. Published: Stable Diffusion 1.5 at 512 x 512 on one A100, 31.2 "
        f"steps per second with diffusers ({SOURCE}); a step with guidance is two passes, and "
        f"{assumed.evaluations_per_second:g} questions per second are taken. Assumed: encoding a picture costs "
        f"{assumed.encoding:g} questions, attacks ask without guidance, and a file has "
        f"{bytes_words(assumed.picture_bytes)}, so a million have {bytes_words(found.source_bytes)}. "
        "More in [audits](audit.md); with your own numbers: `python -m mia_viz audit --plan 1000000 --attack loss,pia "
        "--evaluations-per-second 120`.",
        markdown_table(header, rows),
    ]


def _machines(measured: Mapping[str, Section]) -> list[str]:
    """Each machine once, with its sections and how busy it was before each of them."""
    known: dict[str, list[str]] = {}
    for name, section in measured.items():
        words = ", ".join(f"{key} {value}" for key, value in section["machine"].items())
        known.setdefault(words, []).append(f"{name} ({section['load']:.1f})")
    return [
        "Programs that wanted to run at once when a section began are given in brackets.",
        *(f"- {words}. Sections: {', '.join(names)}." for words, names in known.items()),
    ]


WRITTEN: dict[str, Callable[[Section], tuple[str, str, list[str]]]] = {
    "attacks": _attacks,
    "loop": _loop,
    "number": _number,
    "nfe": _nfe,
    "size": _size,
    "workers": _workers,
    "laboratory": _laboratory,
    "startup": _startup,
}
