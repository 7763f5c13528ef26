"""Evaluation -> Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

from mia_viz import __version__
from mia_viz.agreement import Agreement
from mia_viz.commands.common import write_file, write_json
from mia_viz.commands.evaluate import Evaluation, Line
from mia_viz.controls import Control
from mia_viz.evaluation import RESAMPLES, Interval

HEADER = (
    "attack and settings",
    "AUC [95 %]",
    "TPR@1% FPR [95 %]",
    "TPR@0.1% FPR [95 %]",
    "calibrated ASR [95 %]",
    "oracle ASR",
    "realised FPR at 5 %",
    "NFE",
    "ms/image",
)
BAND_HEADER = (
    "squared error of",
    "band, shares of Nyquist",
    "AUC [95 %]",
    "AUC, all frequencies",
    "gain over all [paired]",
    "gain over .15 to .85 [paired]",
)
BANDS = (
    "From the errors' energy per frequency ring. The band is the one of largest AUC on the calibration pictures; the "
    "AUCs and gains are those on the test pictures. The residual of secmi is that of fcre variant=v3, so its row "
    "answers for FCRE without SSIM too; pia counts squared errors here, not fourth powers. Rings cut by .15 or .85 "
    "count by the share of their frequencies inside."
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
        "split itself. TPR at 1 % and at 0.1 % FPR needs 100 and 1,000 hold-outs: n/a where there are fewer, and "
        "where nothing was measured.",
        markdown_table(HEADER, [_cells(line) for line in found.lines]),
    ]
    if found.differences:
        rows = [[name, str(interval)] for name, interval in found.differences.items()]
        parts.append(markdown_table(("difference of AUC", "[95 %, paired]"), rows))
    for agreed in found.agreements:
        parts += _agreement(agreed)
    if found.bands:
        parts += [
            "## Frequency band chosen on the calibration pictures",
            BANDS,
            markdown_table(BAND_HEADER, _bands(found)),
        ]
    if found.distorted:
        rows = [[d.distortion, d.attack, str(d.auc), str(d.change)] for d in found.distorted]
        header = ("distortion of all test pictures", "attack", "AUC [95 %]", "less undistorted [95 %, paired]")
        parts += ["## Distorted pictures", markdown_table(header, rows)]
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
    return [
        line.key,
        str(m.auc),
        _share(m.tpr_1, m.tpr_1_interval),
        _share(m.tpr_01, m.tpr_01_interval),
        _share(m.asr_calibrated, m.asr_interval),
        _share(m.asr_oracle),
        _share(m.fpr_at_5),
        f"{line.nfe:g}",
        "n/a" if line.ms is None else f"{line.ms:.1f}",
    ]


def _agreement(agreed: Agreement) -> list[str]:
    """Title, explanation and table of one agree number."""
    rows = [
        [f"{p.at_least} of {len(agreed.points)}", _share(p.precision), _share(p.recall), _share(p.false_alarms)]
        for p in agreed.points
    ]
    words = (
        f"A restoration agrees when its likeness exceeds {agreed.agree_at:.3f}, which was fixed on the calibration "
        "pictures. Precision: share of members among the pictures found, as if there were as many members as hold-outs."
    )
    header = ("restorations that agree, at least", "precision", "recall", "false alarms")
    return [f"## Agree number of {agreed.key}", words, markdown_table(header, rows)]


def _bands(found: Evaluation) -> list[list[str]]:
    return [
        [b.key, f"{b.lo:.3f} to {b.hi:.3f}", *map(str, (b.test, b.unfiltered, b.over_unfiltered, b.over_literal))]
        for b in found.bands
    ]


def _share(value: float | None, around: tuple[float, float] | None = None) -> str:
    if value is None:
        return "n/a"
    return f"{value:.3f}" if around is None else f"{value:.3f} [{around[0]:.3f}, {around[1]:.3f}]"


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
        "captions": found.captions,
        "resamples": RESAMPLES,
        "attacks": [
            {
                "key": line.key,
                "attack": line.plan.attack.name,
                "params": line.plan.params.as_dict(),
                "filter": str(line.plan.filter),
                "less": line.less or None,
                **dataclasses.asdict(line.metrics),
                "nfe": line.nfe,
                "ms_per_image": line.ms,
            }
            for line in found.lines
        ],
        "auc_differences": {name: dataclasses.asdict(i) for name, i in found.differences.items()},
        "agreement": [dataclasses.asdict(agreed) for agreed in found.agreements],
        "bands": [dataclasses.asdict(band) for band in found.bands],
        "distorted": [dataclasses.asdict(item) for item in found.distorted],
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
        writer.writerow(["attack", line.key, *_three(m.auc), *rates, line.nfe, line.ms, None])
    for item in found.distorted:
        writer.writerow([f"distorted: {item.distortion}", item.attack, *_three(item.auc), *[None] * 9])
    for control in found.controls:
        writer.writerow(_control_row(control))
    return buffer.getvalue()


def _control_row(control: Control) -> list[object]:
    return [control.kind, control.attack, *_three(control.auc), *[None] * 8, control.flipped]


def _three(interval: Interval | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if interval is None else (interval.value, interval.low, interval.high)
