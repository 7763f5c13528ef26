"""A visitor's own collection: many files read one by one, each removed from the disk at once, kept as prepared arrays.

Needs neither gradio nor torch.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mia_viz.pictures.limits import FEWEST_IN_SET as FEWEST
from mia_viz.pictures.limits import MOST_IN_SET as MOST
from mia_viz.pictures.picture import PictureError, View
from mia_viz.pictures.prepare import Prepared, prepare
from mia_viz.subjects import subject
from mia_viz.ui.pick import read_view

SHOWN = 200
"""Rows of the table on the page; the CSV has all of them."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell must not begin with, lest a spreadsheet takes a file's name for a formula."""


@dataclass(frozen=True, eq=False)
class Collection:
    """Prepared pictures by the SHA-256 of their pixels, with their names; copies and refused files are counted.

    why: the first refusal's sentence. left: files beyond MOST.
    """

    pictures: Mapping[str, tuple[str, Prepared]] = field(default_factory=dict)
    copies: int = 0
    refused: int = 0
    why: str = ""
    left: int = 0

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.pictures.values()]

    @property
    def prepared(self) -> list[Prepared]:
        return [prepared for _, prepared in self.pictures.values()]

    @property
    def sentence(self) -> str:
        """What has been taken, in words."""
        if not (self.pictures or self.refused or self.left):
            return "No pictures yet."
        count = len(self.pictures)
        parts = [f"{count:,} picture{'s' if count != 1 else ''} taken."]
        if self.copies:
            parts.append(f"{self.copies:,} repeated left out, because a copy is no further evidence.")
        if self.refused:
            parts.append(f"{self.refused:,} could not be used; the first because: {self.why}")
        if self.left:
            parts.append(f"{self.left:,} left out: {MOST:,} are the most that can be tested at once.")
        return " ".join(parts)


def take(
    files: Sequence[str], how: str, target: str, held: Collection, view: View | None = None
) -> Iterator[tuple[int, Collection]]:
    """Read files one after the other into a collection; yields how many are done, with what is held now.

    view: what of every file, which are scans then; the middle slice of scans where None.
    """
    shape = subject(target).picture_shape
    pictures = dict(held.pictures)
    for done, file in enumerate(files, start=1):
        if len(pictures) >= MOST:
            os.unlink(file)
            held = replace(held, left=held.left + 1)
        else:
            held = _with_file(file, how, shape, pictures, held, view)
        yield done, replace(held, pictures=pictures)


def _with_file(
    file: str,
    how: str,
    shape: tuple[int, ...],
    pictures: dict[str, tuple[str, Prepared]],
    held: Collection,
    view: View | None,
) -> Collection:
    try:
        picture = read_view(file, view)
        prepared = prepare(picture, shape[1:], shape[0], how)
    except PictureError as error:
        return replace(held, refused=held.refused + 1, why=held.why or str(error))
    if prepared.sha256 in pictures:
        return replace(held, copies=held.copies + 1)
    pictures[prepared.sha256] = (picture.name, prepared)
    return held


def check(suspects: Collection, unseen: Collection, target: str) -> None:
    """Raise ValueError with a sentence where a collection cannot be tested."""
    if len(suspects.pictures) < FEWEST:
        raise ValueError(f"Please give at least {FEWEST} different pictures; fewer say too little as a set.")
    if unseen.pictures and len(unseen.pictures) < FEWEST:
        raise ValueError(f"Please give at least {FEWEST} certainly unseen pictures, or none at all.")
    shape = subject(target).picture_shape
    if any(picture.values.shape != shape for group in (suspects, unseen) for picture in group.prepared):
        raise ValueError("These pictures were given for another model; press Empty and give them again.")


def ranking(scores: np.ndarray, unseen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order of pictures (s,) from the highest score down, and of each how many unseen ones (u,) score as high."""
    at_least = len(unseen) - np.searchsorted(np.sort(unseen), scores, "left")
    return np.argsort(-scores, kind="stable"), at_least


def as_csv(suspects: Collection, scores: np.ndarray, unseen: np.ndarray) -> bytes:
    """One row per picture, in the order given: name, SHA-256 of its pixels, score, and its place among unseen ones."""
    _, at_least = ranking(scores, unseen)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(("name", "pixels_sha256", "score", "unseen_at_least_as_high", "unseen"))
    for (sha256, (name, _)), score, count in zip(suspects.pictures.items(), scores, at_least, strict=True):
        safe = f"'{name}" if name.startswith(FORMULA) else name
        writer.writerow((safe, sha256, f"{score:.8g}", int(count), len(unseen)))
    return buffer.getvalue().encode("utf-8-sig")  # so that spreadsheets read names in any script
