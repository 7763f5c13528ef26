"""Go through a collection for the eye: rows as they come, nothing written, for as many pictures as a page can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from mia_viz.audit.ahead import Ahead, Form
from mia_viz.audit.run import batches
from mia_viz.audit.scorer import Scorer
from mia_viz.audit.source import Source
from mia_viz.pictures.apart import Helpers
from mia_viz.pictures.picture import Picture, PictureError
from mia_viz.pictures.uploads import load_upload

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.probe import Progress
    from mia_viz.reference import Reference
    from mia_viz.targets.target import Target

MOST = 5_000
"""Pictures a page shows; the command `audit` has no such bound."""
BATCH = 8
"""Pictures asked about together: few, so that the table fills steadily and Cancel is heard soon."""


def through(
    target: Target,
    source: Source,
    plans: Sequence[Plan],
    reference: Reference | None = None,
    how: str = "exact",
    progress: Progress | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """Rows of `mia_viz.audit.table` without spectra, a batch at a time, for the first MOST pictures of a source.

    progress: told how many evaluations will be asked and were; its cancel ends the walk between two batches. Raises
    ValueError for a source without pictures.
    """
    scorer = Scorer(target, plans, reference=reference, spectra=False)
    count, each = min(source.count() or MOST, MOST), sum(p.evaluations for p in plans)
    if not count:
        raise ValueError("There are no pictures of a kind that can be read here.")
    if progress is not None:
        progress.expected = count * each
    form = Form(target.picture_shape, how)
    with Helpers(1) as decoders, Ahead(islice(source.items(), MOST), form, decoders, BATCH) as pictures:
        for batch in batches(pictures, BATCH):
            if progress is not None and progress.cancel.is_set():
                return
            yield scorer.rows(batch)
            if progress is not None:
                progress.done += len(batch) * each


def picture_at(source: Source, place: int) -> Picture:
    """One picture of a source, decoded. Raises PictureError where it cannot be read any more."""
    item = next(source.items(lambda there: there == place), None)
    if item is None or item.data is None:
        raise PictureError(item.error if item is not None and item.error else "This picture is no longer there.")
    return load_upload(item.data, item.id.rpartition("/")[2])
