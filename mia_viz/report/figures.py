"""The report's figures, one function each, from a case, its statement and the reference.

say: puts the words inside a figure in another language; its caption and alternative text go with the report's texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from mia_viz.figures.palette import HOLDOUT, MEMBER
from mia_viz.figures.tasks import TASKS, shown
from mia_viz.language import Say, as_it_is
from mia_viz.report.drawing import (
    DPI,
    INK,
    QUIET,
    WIDTH,
    Drawn,
    blank,
    calm,
    groups,
    png,
    query,
    show,
    show_pixels,
    strip,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mia_viz.case import Case
    from mia_viz.reference import Reference
    from mia_viz.statement import Statement
    from mia_viz.strength import Strength
    from mia_viz.together import Together

RINGS = 32
OFF = "How far the model's picture is off, by fineness of detail."
OFF_BESIDE = (
    "How far the model's picture is off, by fineness of detail, beside known pictures (median and middle half)."
)


def glimpse(case: Case, say: Say = as_it_is) -> Drawn:
    """The picture, and a part of it hidden and filled in where that was done."""
    part = case.restoration
    if part is None:
        figure, axes = blank(1.8, width=1.7)
        show(axes[0, 0], case.values)
        return Drawn(png(figure, say), "The picture in question.", "The picture in question.")
    figure, axes = blank(1.35, 3, width=3.2)
    show(axes[0, 0], case.values, "the picture")
    show_pixels(axes[0, 1], shown(case, 0), TASKS[part.labels[0]].short)
    show(axes[0, 2], part.restored[0], "put back")
    words = "The picture, the same with something taken away, and what the model put back."
    return Drawn(png(figure, say), words, words)


def place(statement: Statement, say: Say = as_it_is) -> Drawn:
    """The combined score among those of known pictures."""
    whole = statement.together
    figure, axes = blank(1.55, width=3.6)
    strip(axes[0, 0], whole.score, whole.members, whole.holdouts)
    return Drawn(
        png(figure, say),
        "Where it (diamond) lies among pictures of which it is known whether the model was trained on them.",
        f"Two rows of points and a diamond. {whole.verdict.frequency}",
    )


def methods(case: Case, reference: Reference, say: Say = as_it_is) -> Drawn | None:
    """Every attack's score among those of known pictures."""
    judged = [finding for finding in case.findings if finding.verdict is not None]
    if not judged:
        return None
    rows = -(-len(judged) // 2)
    figure, axes = blank(1.75 * rows, min(2, len(judged)), rows)
    for axis in axes.flat[len(judged) :]:
        axis.axis("off")
    for axis, finding in zip(axes.flat, judged, strict=False):
        groups = [reference.scores(finding.key, member, without=(case.sha256,)) for member in (True, False)]
        strip(axis, finding.score, *groups, counts=False)
        axis.set_title(finding.title, fontsize=8.5, color=INK, loc="left")
    words = " ".join(("One strip plot per method.", *(f"{one.title}: {one.verdict.zone}." for one in judged)))
    return Drawn(png(figure, say), "Every method on its own, on the same pictures.", words)


def pair(case: Case, say: Say = as_it_is) -> Drawn | None:
    """What was hidden and what the model put there."""
    part = case.restoration
    if part is None:
        return None
    count = len(part.restored)
    figure, axes = blank(0.5 + 2 * WIDTH / (count + 1), count + 1, 2)
    show(axes[0, 0], case.values, "the picture")
    axes[1, 0].axis("off")
    for k in range(count):
        show_pixels(axes[0, k + 1], shown(case, k), TASKS[part.labels[k]].short)
        show(axes[1, k + 1], part.restored[k], f"likeness {part.likeness[k]:.2f}")
    return Drawn(
        png(figure, say),
        "Something of the picture was taken away (above; hidden parts are hatched) and the model put it back (below). "
        "Likeness is the correlation in what was taken away; 1 is identical.",
        f"{count} pictures with something taken away and {count} restored ones, likeness "
        + ", ".join(f"{value:.2f}" for value in part.likeness)
        + ".",
    )


def bands(case: Case, reference: Reference | None, say: Say = as_it_is) -> Drawn | None:
    """The model's error per fineness of detail."""
    from mia_viz.bands import nyquist_shares
    from mia_viz.sensitivity import loss_energy, ring_energy

    part, finding = case.rebuilt, case.finding("loss")
    if part is None or finding is None:
        return None
    column = None if reference is None else reference.columns.get(finding.key)
    usable = column is not None and column.energy.shape[1] > 0 and finding.verdict is not None
    rings = column.energy.shape[2] if usable else RINGS
    usable = usable and loss_energy(case, rings) is not None
    figure, axes = blank(2.5, 3, width_ratios=[1, 1, 2.6])
    show(axes[0, 0], part.noised, f"noised, t = {part.timestep}")
    show(axes[0, 1], part.rebuilt, "the model's guess")
    axis = axes[0, 2]
    calm(axis)
    highest = nyquist_shares(*case.values.shape[-2:]).max()
    x = (np.arange(rings) + 0.5) / rings * highest
    if usable:
        energy = column.energy.mean(axis=1) * part.error_gain
        chosen = [reference.choose(member, "calibration", (case.sha256,)) for member in (True, False)]
        groups(axis, x, *(np.maximum(energy[rows], 1e-9) for rows in chosen))
    query(axis, x, np.maximum(ring_energy(part.rebuilt - case.values, rings), 1e-9))
    axis.set_yscale("log")
    axis.set_xlabel("fineness of detail (share of Nyquist) \N{RIGHTWARDS ARROW}", fontsize=8)
    axis.set_ylabel("error (energy per ring)", fontsize=8)
    axis.legend(fontsize=7, frameon=False)
    return Drawn(
        png(figure, say),
        OFF_BESIDE if usable else OFF,
        "The noised picture, the model's rebuilt one, and curves of the error against fineness of detail.",
    )


def noise(case: Case, reference: Reference | None, say: Say = as_it_is) -> Drawn | None:
    """How far the model's answers at several noise levels lie apart."""
    from mia_viz.figures.images import signed

    part, finding = case.noises, case.finding("noise_aggregation")
    if part is None or finding is None:
        return None
    figure = Figure(figsize=(WIDTH, 2.6), dpi=DPI, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.35])
    limit = float(np.percentile(np.abs(part.offsets), 99)) or 1.0
    columns = -(-len(part.levels) // 2)
    maps = left.subplots(2, columns, squeeze=False)
    for axis in maps.flat:
        axis.axis("off")
    for k, (axis, level) in enumerate(zip(maps.flat, part.levels, strict=False)):
        axis.imshow(signed(part.offsets[k], limit), interpolation="nearest")
        axis.set_title(f"t = {level}", fontsize=7.5, color=INK)
    axis = right.subplots()
    calm(axis)
    column = None if reference is None else reference.columns.get("noise_aggregation")
    if column is not None and column.energy.shape[1] == len(part.levels):
        distance = np.sqrt(column.energy.sum(axis=2) / part.predicted[0].size)
        chosen = [reference.choose(member, "calibration", (case.sha256,)) for member in (True, False)]
        groups(axis, np.array(part.levels), *(distance[rows] for rows in chosen))
    query(axis, np.array(part.levels), part.distances)
    axis.set_xlabel("noise level (timestep)", fontsize=8)
    axis.set_ylabel("distance from the centre", fontsize=8)
    axis.set_ylim(bottom=0)
    axis.invert_xaxis()
    axis.legend(fontsize=7, frameon=False)
    return Drawn(
        png(figure, say),
        "The noise the model sees at several levels, less the mean of all (maps; blue below, orange above, limits "
        f"{limit:.2g}), and how far each lies from that mean.",
        "Maps of noise and a curve of their distances from their mean.",
    )


def calibration(statement: Statement, say: Say = as_it_is) -> Drawn | None:
    """What the likelihood ratios of the reference's own pictures mean."""
    from mia_viz import strength

    if statement.strength is None:
        return None
    whole, found = statement.together, statement.strength
    lines = strength.calibration(whole.holdouts, whole.members)
    figure, axes = blank(2.4, 2)
    first, second = axes[0]
    calm(first)
    calm(second)
    _ratios(first, whole, found)
    second.plot(lines.log10_odds, lines.neutral, "--", color=QUIET, linewidth=1, label="without the score")
    second.plot(lines.log10_odds, lines.entropy, "-", color=MEMBER, linewidth=1.4, label="with these ratios")
    second.plot(lines.log10_odds, lines.entropy_best, ":", color=INK, linewidth=1.2, label="best monotone")
    second.set_xlabel("log10 of the prior odds", fontsize=8)
    second.set_ylabel("uncertainty left (bits)", fontsize=8)
    second.legend(fontsize=7, facecolor="white", edgecolor="none", framealpha=0.9)  # the curves pass behind it
    return Drawn(
        png(figure, say),
        "The likelihood ratios of the reference's own pictures, and how much uncertainty they leave: "
        f"Cllr {found.cllr:.2f} bits ({found.cllr_min:.2f} after the best monotone recalibration; "
        "0 is perfect, 1 worthless).",
        "Left, histograms of the ratios of both groups; right, uncertainty left against prior odds.",
    )


def _ratios(axes: Axes, whole: Together, found: Strength) -> None:
    """Histograms of both groups' capped ratios, and the picture's."""
    from mia_viz.strength import calibrate

    fitted = calibrate(whole.holdouts, whole.members)
    low, high = np.log10(found.lower), np.log10(found.upper)
    edges = np.linspace(low - 1e-6, high + 1e-6, 25) if high > low else np.linspace(-0.5, 0.5, 25)
    for scores, colour, hatch, label in (
        (whole.holdouts, HOLDOUT, "////", "never seen"),
        (whole.members, MEMBER, "", "seen in training"),
    ):
        given = np.clip(fitted.log10(scores), low, high)
        share = np.full(len(given), 100 / max(len(given), 1))
        style = {"facecolor": colour, "alpha": 0.45, "hatch": hatch, "edgecolor": colour}
        axes.hist(given, edges, weights=share, label=label, **style)
    axes.axvline(found.log10, color=INK, linewidth=1)
    axes.plot([found.log10], [50], "D", ms=6, color=INK, label="this picture", linestyle="none")
    axes.set_ylim(0, 100)
    axes.set_xlabel("log10 of the likelihood ratio, capped", fontsize=8)
    axes.set_ylabel("% of the pictures", fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="upper center")


def nearest(case: Case, pictures: Sequence[tuple[str, np.ndarray]], say: Say = as_it_is) -> Drawn | None:
    """The picture beside named ones (C, H, W) of the reference that are most like it."""
    if not pictures:
        return None
    figure, axes = blank(0.35 + WIDTH / (len(pictures) + 1), len(pictures) + 1)
    show(axes[0, 0], case.values, "this picture")
    for axis, (name, values) in zip(axes[0, 1:], pictures, strict=True):
        show(axis, values, name)
    return Drawn(
        png(figure, say),
        "The never-trained pictures of the reference that are most like this one in brightness and detail.",
        f"The picture and {len(pictures)} others.",
    )
