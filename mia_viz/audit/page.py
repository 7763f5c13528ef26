"""An audit's summary: summary.json and a self-contained page in the look of the reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mia_viz.audit.ahead import Ahead, Form
from mia_viz.audit.digest import SAMPLE, Digest, Ranked, Scores
from mia_viz.audit.table import UNREADABLE
from mia_viz.commands.common import short, write_json
from mia_viz.figures.palette import HOLDOUT, MEMBER
from mia_viz.pictures.apart import Helpers
from mia_viz.report.document import Block, Box, Bullets, Heading, Picture, Table, Text
from mia_viz.report.drawing import INK, Drawn, blank, calm, png, show
from mia_viz.report.page import page
from mia_viz.whole import whole_file

if TYPE_CHECKING:
    from mia_viz.audit.source import Source
    from mia_viz.targets.target import Target

FAILURES = 20
LIMITS = (
    "A score shows how the model behaves, not what its makers did; a near-copy of a training picture scores high too.",
    "p-values hold for pictures like those of the reference. Whoever asks about many pictures finds some that stand "
    "out by chance: about 1 in 100.",
    "Pictures at the top of a list were picked because they are there; read their numbers with that in mind.",
)


def write(found: Digest, folder: Path, target: Target, source: Source | None = None, form: Form | None = None) -> Path:
    """Write summary.json and summary.html into an audit's folder and return the page's path.

    source: to show the listed pictures, which are read again in the audit's form; None shows none.
    """
    write_json(folder / "summary.json", found.as_json())
    pictures = {} if source is None else _pictures(found, source, form or Form(target.picture_shape))
    title = f"Audit of {target.card.title or target.name}"
    file = folder / "summary.html"
    text = page(title, blocks(found, title, target, pictures))
    with whole_file(file) as partial:
        partial.write_text(text, encoding="utf-8")
    return file


def blocks(found: Digest, title: str, target: Target, pictures: dict[int, np.ndarray]) -> list[Block]:
    """The page in reading order; pictures (C, H, W) by place."""
    weights = f", weights {target.weights_sha256[:16]}" if target.weights_sha256 else ""
    laid: list[Block] = [
        Heading(title, 1),
        Text(f"{found.rows:,} pictures, model {target.name}{weights}.", note=True),
        Box(found.answer, found.sentences),
        Bullets(LIMITS),
    ]
    laid += _collection(found)
    for scores in found.methods.values():
        if scores.count:
            laid += _method(scores, found.sample[scores.key], pictures)
    return [*laid, *_failures(found)]


def _collection(found: Digest) -> list[Block]:
    """The set-level test in numbers; its sentence stands in the box."""
    test = found.set_test
    if test is None:
        return []
    how = "all ways to deal them out" if test.exact else f"{test.divisions:,} random ways to deal them out"
    rows = (
        ("different pictures of the audit that were compared", f"{test.suspects:,}"),
        ("unseen pictures of the reference beside them", f"{test.unseen:,}"),
        ("difference of mean scores", short(test.difference, 4)),
        ("the same in standard deviations (Cohen's d)", short(test.effect, 3)),
        ("how often one of them scores above an unseen one", f"{100 * test.above:.1f} %"),
        (f"one-sided p, {how}", short(test.p_value, 3)),
        ("one-sided p, Welch's test", short(test.p_welch, 3)),
    )
    by = f", {next(iter(found.methods))}" if len(found.methods) > 1 else ""
    return [Heading(f"The whole collection{by}", 2), Table(rows, (0.7, 0.3))]


def _method(scores: Scores, sample: np.ndarray, pictures: dict[int, np.ndarray]) -> list[Block]:
    laid: list[Block] = [Heading(scores.title[:1].upper() + scores.title[1:], 2)]
    laid.append(Picture(distribution(scores, sample)))
    if scores.judged:
        laid.append(Text(f"{scores.outstanding:,} of {scores.judged:,} pictures have a p-value of at most 0.01."))
    for words, ranked in (("Most member-like", scores.most), ("Least member-like", scores.least)):
        laid.append(Heading(words, 3))
        shown = [(r, pictures[r.place]) for r in ranked if r.place in pictures]
        if shown:
            laid.append(Picture(_thumbnails(shown, words)))
        laid.append(_list(ranked))
    return laid


def _list(ranked: Sequence[Ranked]) -> Table:
    rows = tuple((r.id, r.sha256[:16], short(r.score, 6), short(r.p_value, 3)) for r in ranked)
    return Table(rows, (0.44, 0.24, 0.18, 0.14), ("picture", "SHA-256 of its pixels", "score", "p"), fixed=(1,))


def distribution(scores: Scores, sample: np.ndarray) -> Drawn:
    """Histograms of the audited pictures and of known ones."""
    figure, axes = blank(2.3)
    axis = axes[0, 0]
    calm(axis)
    groups = [
        (scores.holdouts, {"color": HOLDOUT, "linestyle": "--"}, "never seen (reference)"),
        (scores.members, {"color": MEMBER}, "in training (reference)"),
        (sample, {"color": INK, "linewidth": 1.8}, "audited"),
    ]
    values = np.concatenate([group for group, _, _ in groups])
    low, high = np.percentile(values, (2, 98)) if len(values) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, 41)
    for group, style, label in groups:
        if len(group):
            share = np.full(len(group), 100 / len(group))
            axis.hist(np.clip(group, *edges[[0, -1]]), edges, weights=share, histtype="step", label=label, **style)
    axis.set_xlabel("score; more like a training picture \N{RIGHTWARDS ARROW}", fontsize=8)
    axis.set_ylabel("% of the pictures", fontsize=8)
    axis.legend(fontsize=7, frameon=False)
    drawn = f"{len(sample):,} of the different pictures, drawn at random" if len(sample) >= SAMPLE else "The pictures"
    return Drawn(
        png(figure),
        f"{drawn}, and those of the reference where there is one. The outermost bars hold what lies beyond.",
        f"Histograms of {len(sample)} audited, {len(scores.holdouts)} unseen and {len(scores.members)} known scores.",
    )


def _thumbnails(shown: Sequence[tuple[Ranked, np.ndarray]], words: str) -> Drawn:
    columns = 6
    rows = -(-len(shown) // columns)
    figure, axes = blank(1.3 * rows, columns, rows)
    for axis in axes.flat[len(shown) :]:
        axis.axis("off")
    for axis, (ranked, values) in zip(axes.flat, shown, strict=False):
        show(axis, values, short(ranked.score, 4))
    return Drawn(png(figure), f"{words}, with their scores.", f"{len(shown)} pictures.")


def _pictures(found: Digest, source: Source, form: Form) -> dict[int, np.ndarray]:
    """The listed pictures, read again."""
    places = {r.place for scores in found.methods.values() for r in (*scores.most, *scores.least)}
    with Helpers(1) as decoders, Ahead(source.items(places.__contains__), form, decoders) as ready:
        return {one.place: one.values for one in ready if one.values is not None}


def _failures(found: Digest) -> list[Block]:
    bad = found.rows - found.statuses["scored"]
    left: list[Block] = [Text(" ".join(found.left_out))] if found.left_out else []
    if not bad:
        return [Heading("Failures", 2), Text("There were none: every picture has its scores."), *left]
    unreadable = found.statuses[UNREADABLE]
    kinds = tuple((f"{count:,}", sentence) for sentence, count in found.kinds.most_common(FAILURES))
    return [
        Heading("Failures", 2),
        Text(f"Without a score, or not with all of them: {bad:,}. Of these, {unreadable:,} could not be used at all."),
        *left,
        Table(kinds, (0.14, 0.86), ("pictures", "why")),
        Heading("The first of them", 3),
        Table(tuple(found.errors[:FAILURES]), (0.4, 0.6), ("picture", "why")),
    ]
