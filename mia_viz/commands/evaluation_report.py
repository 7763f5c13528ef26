"""Evaluation -> Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

from mia_viz import __version__
from mia_viz.commands.common import write_file, write_json
from mia_viz.commands.evaluate import Evaluation, Line
from mia_viz.controls import Control
from mia_viz.evaluation import RESAMPLES, Interval

HEADER = (
    "attack and settings",
    "AUC [95 %]",
    "TPR@1% FPR",
    "TPR@0.1% FPR",
    "calibrated ASR",
    "oracle ASR",
    "realised FPR at 5 %",
    "NFE",
    "ms/image",
)


def write(found: Evaluation, folder: Path) -> None:
    """evaluation.json, evaluation.csv and evaluation.md in a folder, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "evaluation.json", as_json(found))
    write_file(folder / "evaluation.csv", as_csv(found))
    write_file(folder / "evaluation.md", markdown(found) + "\n")


def markdown(found: Evaluation) -> str:
    """The tables for people, every column named for what it is."""
    first = found.lines[0].metrics
    parts = [
        f"# {found.target}: members against hold-outs",
        f"Test split: {first.members} members, {first.holdouts} hold-outs; intervals from {RESAMPLES} "
        "resamples over pictures. Calibrated: threshold chosen on the calibration split; oracle: on the test "
        "split itself.",
        markdown_table(HEADER, [_cells(line) for line in found.lines]),
    ]
    if found.differences:
        rows = [[name, str(interval)] for name, interval in found.differences.items()]
        parts.append(markdown_table(("difference of AUC", "[95 %, paired]"), rows))
    if found.controls:
        header = ("control", "attack", "AUC [95 %]", "sign right")
        parts += ["## Controls", markdown_table(header, _controls(found))]
    return "\n\n".join([*parts, *found.remarks])


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned Markdown table, its first column flush left."""
    widths = [max(3, *(len(row[i]) for row in (header, *rows))) for i in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for row in (header, rule, *rows):
        padded = [f"{cell:{'>' if i else '<'}{widths[i]}}" for i, cell in enumerate(row)]
        lines.append(f"| {' | '.join(padded)} |")
    return "\n".join(lines)


def _cells(line: Line) -> list[str]:
    m = line.metrics
    shares = (m.tpr_1, m.tpr_01, m.asr_calibrated, m.asr_oracle, m.fpr_at_5)
    return [
        line.plan.key,
        str(m.auc),
        *("n/a" if value is None else f"{value:.3f}" for value in shares),
        f"{line.nfe:g}",
        "n/a" if line.ms is None else f"{line.ms:.1f}",
    ]


def _controls(found: Evaluation) -> list[list[str]]:
    return [
        [c.kind, c.attack or "none", _interval(c.auc), "" if c.flipped is None else f"{c.flipped:.3f}"]
        for c in found.controls
    ]


def _interval(interval: Interval | None) -> str:
    return "not defined" if interval is None else str(interval)


def as_json(found: Evaluation) -> dict:
    """The evaluation as plain values; null where a number cannot be given."""
    return {
        "target": found.target,
        "weights_sha256": found.weights_sha256,
        "version": __version__,
        "resamples": RESAMPLES,
        "attacks": [
            {
                "key": line.plan.key,
                "attack": line.plan.attack.name,
                "params": line.plan.params.as_dict(),
                "filter": str(line.plan.filter),
                **dataclasses.asdict(line.metrics),
                "nfe": line.nfe,
                "ms_per_image": line.ms,
            }
            for line in found.lines
        ],
        "auc_differences": {name: dataclasses.asdict(i) for name, i in found.differences.items()},
        "controls": [dataclasses.asdict(control) for control in found.controls],
        "remarks": list(found.remarks),
    }


def as_csv(found: Evaluation) -> str:
    """One row per attack and per control; empty where a number cannot be given."""
    buffer = io.StringIO()
    names = ("kind", "attack", "auc", "auc_low", "auc_high", "tpr_at_1", "tpr_at_01", "asr_calibrated")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*names, "asr_oracle", "fpr_at_5", "tpr_at_5", "nfe", "ms_per_image", "sign_right"])
    for line in found.lines:
        m = line.metrics
        rates = (m.tpr_1, m.tpr_01, m.asr_calibrated, m.asr_oracle, m.fpr_at_5, m.tpr_at_5)
        writer.writerow(["attack", line.plan.key, *_three(m.auc), *rates, line.nfe, line.ms, None])
    for control in found.controls:
        writer.writerow(_control_row(control))
    return buffer.getvalue()


def _control_row(control: Control) -> list[object]:
    return [control.kind, control.attack, *_three(control.auc), *[None] * 8, control.flipped]


def _three(interval: Interval | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if interval is None else (interval.value, interval.low, interval.high)
