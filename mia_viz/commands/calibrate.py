"""A second model for --calibrate of `score` and `evaluate`; the arithmetic is in mia_viz.calibration."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mia_viz.commands.common import open_target

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.commands.evaluate import Line
    from mia_viz.commands.known import KnownPictures
    from mia_viz.evaluation import Interval, Scores
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target


ASSUMES = "a second model of the same kind that was not trained on the picture"


@dataclass(frozen=True)
class Second:
    """The second model's scores; ms: wall milliseconds per picture by plan; remarks: sentences for the report."""

    table: Reference
    ms: Mapping[str, float]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """What calibration adds to an evaluation: lines, differences of AUC by name, sentences."""

    lines: tuple[Line, ...] = ()
    differences: Mapping[str, Interval] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def calibrated_name(key: str, other: str) -> str:
    """What the calibrated score is called: "loss less its score under brain-b"."""
    return f"{key} less its score under {other}"


def add_calibrate(parser: argparse.ArgumentParser) -> None:
    """--calibrate and --calibrate-reference."""
    parser.add_argument(
        "--calibrate",
        metavar="MODEL",
        help=f"also give every score less that under this model; assumes {ASSUMES}",
    )
    parser.add_argument(
        "--calibrate-reference",
        type=Path,
        metavar="FILE",
        help="stored scores of that model (default: the bundled ones)",
    )


def open_second(arguments: argparse.Namespace, target: Target) -> Target | None:
    """The second model of the flags, if any. Raises ValueError when it is not of the same kind."""
    if arguments.calibrate is None:
        if arguments.calibrate_reference is not None:
            raise ValueError("--calibrate-reference needs --calibrate with the model it belongs to.")
        return None
    other = open_target(arguments.calibrate, arguments.device, arguments.precision, guidance=arguments.guidance)
    if (other.shape, other.picture_shape) != (target.shape, target.picture_shape):
        raise ValueError(
            f"{other.name} takes pictures of {_size(other)} and {target.name} of {_size(target)}; "
            "scores can only be calibrated by a model of the same shape."
        )
    if other.weights_sha256 and other.weights_sha256 == target.weights_sha256:
        raise ValueError("A model cannot calibrate its own scores; name another one with --calibrate.")
    return other


def _size(target: Target) -> str:
    return " x ".join(map(str, target.picture_shape))


def calibrated_part(
    arguments: argparse.Namespace,
    target: Target,
    other: Target | None,
    table: Reference,
    ms: Mapping[str, float],
    plans: Sequence[Plan],
    pictures: KnownPictures | None,
) -> Part:
    """The evaluation of every plan's score less that under `other`; nothing without one. Raises ValueError."""
    from mia_viz.commands.captions import captions_of

    if other is None:
        return Part()
    if arguments.from_reference is not None or arguments.calibrate_reference is not None:
        second = stored_second(arguments, other, plans)
    else:
        second = measured_second(arguments, target, other, plans, pictures)
    if captions_of(second.table) != captions_of(table):
        raise ValueError(f"The stored scores of {other.name} were computed with captions of another kind.")
    return calibrated_lines(table, second, plans, ms)


def stored_second(arguments: argparse.Namespace, other: Target, plans: Sequence[Plan]) -> Second:
    """The second model's stored scores. Raises ValueError when they are missing or were computed otherwise."""
    from mia_viz.commands.evaluate import STORED, only, stored_reference

    try:
        return Second(only(stored_reference(arguments.calibrate_reference or STORED, other), plans), {})
    except ValueError as error:
        raise ValueError(f"{other.name}: {error}") from error


def measured_second(
    arguments: argparse.Namespace, target: Target, other: Target, plans: Sequence[Plan], pictures: KnownPictures
) -> Second:
    """The second model asked about the same pictures.

    What a bundled model of the same family was trained on is known; any other is taken to have seen none of them.
    """
    from mia_viz.commands.captions import of_population
    from mia_viz.commands.evaluate import measured
    from mia_viz.commands.known import bundled_pictures
    from mia_viz.targets import bundled

    population = bundled.population_of(other.name)
    if population is not None and population == bundled.population_of(target.name):
        known = bundled_pictures(other)
        known = replace(known, captions=of_population(known, arguments.captions, other))
        return Second(*measured(other, known, plans))
    table, ms = measured(other, pictures, plans)
    remark = f"{other.name} is taken to have seen none of these pictures; if it has, what it calibrates means nothing."
    return Second(replace(table, member=table.member & False), ms, (remark,))


def calibrated_lines(table: Reference, second: Second, plans: Sequence[Plan], ms: Mapping[str, float]) -> Part:
    """A line per plan, its difference to the plain score on the same pictures, and remarks."""
    from mia_viz.evaluation import auc_difference

    lines, differences = [], {}
    for chosen in plans:
        line = _line(table, second, chosen, ms)
        lines.append(line)
        pair = _scores(table, second.table, chosen.key, "test"), _plain(table, second.table, chosen.key)
        name = calibrated_name(chosen.key, second.table.target)
        differences[f"{name}, over {chosen.key} on the same pictures"] = auc_difference(*pair)
    return Part(tuple(lines), differences, (*second.remarks, *_remarks(table, second.table, lines[0])))


def _line(table: Reference, second: Second, chosen: Plan, ms: Mapping[str, float]) -> Line:
    from mia_viz.calibration import calibrated_scores
    from mia_viz.commands.evaluate import Line
    from mia_viz.evaluation import measure, rates, threshold_at

    key = chosen.key
    test = _scores(table, second.table, key, "test")
    members, holdouts = (calibrated_scores(table, second.table, key, m, "calibration") for m in (True, False))
    metrics = measure(
        test, _scores(table, second.table, key, "calibration") if len(members) and len(holdouts) else None
    )
    if len(holdouts) and not len(members):  # stored twins: their calibration pictures in common are hold-outs only
        found, alarms = rates(test, threshold_at(holdouts, 0.05))
        metrics = replace(metrics, tpr_at_5=found, fpr_at_5=alarms)
    nfe = table.columns[key].nfe + second.table.columns[key].nfe
    both = ms[key] + second.ms[key] if key in ms and key in second.ms else None
    return Line(chosen, metrics, nfe, both, second.table.target)


def _scores(table: Reference, second: Reference, key: str, split: str) -> Scores:
    from mia_viz.calibration import calibrated_scores
    from mia_viz.evaluation import Scores

    groups = [calibrated_scores(table, second, key, member, split) for member in (True, False)]
    if not all(len(group) for group in groups):
        raise ValueError("Too few test pictures are known to both models, so no calibrated score can be evaluated.")
    return Scores(*groups)


def _plain(table: Reference, second: Reference, key: str) -> Scores:
    """The first model's own scores of the pictures that calibrated test scores are given for."""
    from mia_viz.calibration import calibrated_rows
    from mia_viz.evaluation import Scores

    return Scores(*(table.columns[key].score[calibrated_rows(table, second, m, "test")[0]] for m in (True, False)))


def _remarks(table: Reference, second: Reference, line: Line) -> tuple[str, ...]:
    from mia_viz.calibration import calibrated_rows

    holdouts, name = line.metrics.holdouts, second.target
    told = [f"Scores less those under {name} are measured on {holdouts} hold-outs that neither model saw."]
    shared = int(second.member[calibrated_rows(table, second, True, "test")[1]].sum())
    if shared:
        told.append(
            f"{name} was trained on {shared} of the {line.metrics.members} members too, which hides them: "
            f"calibration assumes {ASSUMES}."
        )
    return tuple(told)
