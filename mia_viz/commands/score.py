"""`score`: run attacks on pictures and print what each of them says."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz import __version__
from mia_viz.commands.calibrate import add_calibrate, open_second
from mia_viz.commands.captions import add_captions, of_score
from mia_viz.commands.common import (
    Choice,
    add_attacks,
    add_target,
    check_writable,
    choose,
    short,
    table,
    target_of,
    whole_number,
    write_json,
)
from mia_viz.commands.views import add_view, resampling_notes, view_of

if TYPE_CHECKING:
    import numpy as np

    from mia_viz.analysis import Plan, Result
    from mia_viz.pictures.volume import View
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target

BATCH = 16
DEFAULT_ATTACKS = "loss,drc,fcre,noise_aggregation"


@dataclass(frozen=True, eq=False)
class Subject:
    """One picture ready for a target.

    values: (C, H, W) float32 in [-1, 1]. file_sha256: of the file's bytes. pixels_sha256: of the values, the
    picture's identity in references. key: its name in the noise generator, None for its content. caption: told to a
    model that takes one. stretch: new pixels per old one where the picture was resampled.
    """

    name: str
    values: np.ndarray
    file_sha256: str
    pixels_sha256: str
    notes: tuple[str, ...]
    key: int | None = None
    caption: str = ""
    stretch: float = 1.0


@dataclass(frozen=True)
class Row:
    """One attack's answer about one picture.

    score: larger = more member-like. raw: the published statistic. Either is None where it is not finite.
    nfe: evaluations per picture that this attack added, so that the attacks of a run add up to what was asked;
    answers an earlier attack has paid for are free. seconds: wall time per picture. p_value: None where no
    reference fits. caption: what the model was told, "" for an empty one, None for a model that is told nothing.
    """

    image: str
    sha256: str
    attack: str
    params: dict[str, Any]
    filter: str
    score: float | None
    raw: float | None
    nfe: float
    seconds: float
    p_value: float | None
    target: str
    notes: tuple[str, ...]
    seed: int
    version: str = __version__
    caption: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The row under its documented keys."""
        return {**vars(self), "notes": list(self.notes)}


@dataclass(frozen=True)
class Known:
    """The reference to place scores in; None with a sentence why there is none."""

    reference: Reference | None
    reason: str = ""


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("score", help="score pictures against a model", description=__doc__)
    parser.add_argument("images", nargs="+", metavar="IMAGE", type=Path, help="picture, or scan (DICOM, NIfTI, numpy)")
    add_target(parser)
    add_attacks(parser, DEFAULT_ATTACKS)
    parser.add_argument(
        "--prepare",
        choices=("exact", "crop", "fit"),
        default="exact",
        help="what may be done to a picture of another size or depth (default: nothing, %(default)s)",
    )
    add_view(parser)
    parser.add_argument(
        "--caption",
        action="append",
        default=[],
        metavar="TEXT",
        help="of the picture, for text-to-image models; one for all, or repeated for each; default: none",
    )
    add_captions(parser)
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the noise (default: 0)")
    parser.add_argument(
        "--noise-key",
        choices=("content", "position"),
        default="content",
        help="what names a picture to the noise generator: its pixels, or its place in the list",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FILE",
        help="a reference you built in the same precision for p-values",
    )
    add_calibrate(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write a list of results")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from mia_viz.commands.score_calibrated import with_calibrated

    check_writable(arguments.json)
    target = target_of(arguments)
    other = open_second(arguments, target)
    captions = of_score(arguments.caption, arguments.captions, arguments.images, target)
    choice = choose(arguments.attack, arguments.set, arguments.filter, target, captions)
    subjects = [
        replace(prepare_file(file, target, arguments.prepare, view_of(arguments)), caption=caption)
        for file, caption in zip(arguments.images, captions, strict=True)
    ]
    if arguments.noise_key == "position":
        subjects = [replace(subject, key=place) for place, subject in enumerate(subjects)]
    known = known_pictures(arguments, target)
    rows = score(target, subjects, choice.plans, arguments.seed, known)
    if other is not None:
        rows, choice = with_calibrated(arguments, other, subjects, choice, rows, known)
    if arguments.json is not None:
        write_json(arguments.json, [row.as_json() for row in rows])
    print(render(rows, choice, known))


def prepare_file(file: Path, target: Target, how: str, view: View | None = None, apart: bool = False) -> Subject:
    """A file, or one slice of a scan, as the target takes it. Raises PictureError that begins with the file's name.

    apart: open it in another process, so that no file among many can end the program.
    """
    from mia_viz.pictures.files import load_picture
    from mia_viz.pictures.picture import PictureError
    from mia_viz.pictures.prepare import prepare
    from mia_viz.pictures.uploads import load_upload

    try:
        picture = (load_upload if apart else load_picture)(file, view=view)
        prepared = prepare(picture, target.picture_shape[1:], target.picture_shape[0], how)
    except PictureError as error:
        raise PictureError(f"{file.name or file}: {error}") from error
    notes = (*picture.notes, *prepared.notes)
    return Subject(picture.name, prepared.values, picture.sha256, prepared.sha256, notes, stretch=prepared.stretch)


def known_pictures(arguments: argparse.Namespace, target: Target) -> Known:
    """The reference of the flags, if scores may be placed in it. Raises ValueError for a damaged one."""
    from mia_viz import parametrisation, reference
    from mia_viz.targets import bundled

    file = arguments.reference or bundled.reference_file(target.name)
    if arguments.reference is None and not file.is_file():
        return Known(None, "there is no reference for this model")
    found = reference.load(file)
    if arguments.reference is None and (target.precision != "float32" or arguments.guidance != 1):
        return Known(None, "the reference was computed in float32 and without guidance")
    if reason := parametrisation.misfit(found, target):
        return Known(None, reason)
    if arguments.seed != 0 or arguments.noise_key != "content":
        return Known(None, "references are computed with seed 0 and noise named by content")
    return Known(found)


def score(target: Target, subjects: Sequence[Subject], plans: Sequence[Plan], seed: int, known: Known) -> list[Row]:
    """Every plan on every picture, in the order given; BATCH pictures share one Probe."""
    from mia_viz.analysis import in_turn, to_pictures
    from mia_viz.analysis import run as run_plan
    from mia_viz.probe import Probe, image_keys

    rows = []
    for start in range(0, len(subjects), BATCH):
        batch = subjects[start : start + BATCH]
        pictures = to_pictures(batch)
        by_content = image_keys(pictures)
        keys = [k if s.key is None else s.key for s, k in zip(batch, by_content, strict=True)]
        probe = Probe.of(target, pictures, keys, seed=seed, captions=[s.caption for s in batch])
        columns = {}
        for chosen in in_turn(plans):
            result = run_plan(probe, chosen)
            numbers = list(zip(result.score.tolist(), result.raw.tolist(), strict=True))
            seconds = result.seconds / len(batch)
            columns[chosen.key] = [
                _row(target, result, s, n, seconds, seed, known) for s, n in zip(batch, numbers, strict=True)
            ]
        rows += [columns[chosen.key][i] for i in range(len(batch)) for chosen in plans]
    return rows


def _row(
    target: Target,
    result: Result,
    subject: Subject,
    numbers: tuple[float, float],
    seconds: float,
    seed: int,
    known: Known,
) -> Row:
    from mia_viz.reference import captions_kind

    chosen = result.plan
    value, raw = (number if math.isfinite(number) else None for number in numbers)
    told = captions_kind(target, [subject.caption])
    notes = (*subject.notes, *resampling_notes(chosen, target, subject.stretch), *caption_notes(chosen, told, known))
    if value is None:
        notes = (*notes, "The attack gives no finite number for this picture.")
    return Row(
        image=subject.name,
        sha256=subject.file_sha256,
        attack=chosen.attack.name,
        params=chosen.params.as_dict(),
        filter=str(chosen.filter),
        score=value,
        raw=raw,
        nfe=result.nfe,
        seconds=seconds,
        p_value=p_value(value, chosen, told, subject.pixels_sha256, known),
        target=target.name,
        notes=notes,
        seed=seed,
        caption=subject.caption if target.takes else None,
    )


def caption_notes(chosen: Plan, told: str, known: Known) -> tuple[str, ...]:
    """What has to be said about the caption: that it was empty, and that the reference had others."""
    notes = ("No caption or class was given, so the model was asked under an empty one.",) if told == "empty" else ()
    if known.reference is not None and known.reference.fits(chosen) and not known.reference.fits(chosen, told):
        notes += ("No p-value: the reference was computed with captions of another kind (given, or empty).",)
    return notes


def p_value(value: float | None, chosen: Plan, told: str, pixels_sha256: str, known: Known) -> float | None:
    """Share of never-trained pictures that score at least this high, counting this one; None without any."""
    from mia_viz.verdict import judge

    if value is None or known.reference is None or not known.reference.fits(chosen, told):
        return None
    # A picture is never part of its own reference.
    holdouts = known.reference.scores(chosen.key, False, without=(pixels_sha256,))
    return judge(value, holdouts).p_value if len(holdouts) else None


def render(rows: Sequence[Row], choice: Choice, known: Known) -> str:
    """The table for people, with the remarks under it."""
    cells = []
    for row in rows:
        numbers = (short(row.score, 6), short(row.raw, 6), short(row.p_value, 3))
        cells.append([row.image, row.attack, *numbers, short(row.nfe), short(row.seconds, 3)])
    lines = [table(("image", "attack", "score", "raw", "p", "NFE", "s/image"), cells, left=2), ""]
    lines.append("Larger scores are more member-like.")
    if known.reference is None:
        lines.append(f"No p-values: {known.reason}.")
    else:
        lines.append("p: share of never-trained pictures that score as high; - where the reference has none.")
    lines += choice.skipped
    lines += dict.fromkeys(f"{row.image}: {note}" for row in rows for note in row.notes)
    return "\n".join(lines)
