"""Reports: one case as JSON, as a self-contained HTML page and as a PDF."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz.language import Say, as_it_is, speaker
from mia_viz.whole import whole_file

if TYPE_CHECKING:
    import numpy as np

    from mia_viz.case import Case
    from mia_viz.reference import Reference
    from mia_viz.report.drawing import Drawn
    from mia_viz.report.facts import Facts
    from mia_viz.statement import Gallery, Statement

NAMES = ("report.json", "report.html", "report.pdf")


@dataclass(frozen=True)
class Files:
    """Where the three forms of a report lie."""

    json: Path
    html: Path
    pdf: Path


def write(
    case: Case,
    statement: Statement,
    reference: Reference | None,
    facts: Facts,
    folder: Path,
    gallery: Gallery | None = None,
    language: str = "en",
) -> Files:
    """Write the three files into a folder and say where they are. Raises OSError where that is not possible.

    language: of the page and the PDF, one of `mia_viz.language.languages`; KeyError for another. The JSON's values are
    the same in every language.
    """
    import json

    from mia_viz.report.content import as_content
    from mia_viz.report.document import blocks, title
    from mia_viz.report.in_language import in_language
    from mia_viz.report.page import page
    from mia_viz.report.pdf import pdf

    say = speaker(language)
    content = as_content(case, statement, facts, language)
    laid_out = in_language(blocks(content, draw(case, statement, reference, gallery, say)), say)
    named, result = say(title(content)), content["result_sha256"][:16]

    def foot(page: int) -> str:
        return say(f"MIA-Viz report, result {result}, page {page} of {{nb}}")

    texts = (
        (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(),
        page(named, laid_out, language).encode(),
        pdf(named, laid_out, foot, facts.utc, language),
    )
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as whole:
        # Only when all three are whole do they take their places; the JSON, entered first, comes last, so that after a
        # kill in between `verify` finds a page that belongs to another result than the JSON beside it.
        for name, data in zip(NAMES, texts, strict=True):
            whole.enter_context(whole_file(folder / name)).write_bytes(data)
    return Files(*(folder / name for name in NAMES))


def draw(
    case: Case, statement: Statement, reference: Reference | None, gallery: Gallery | None, say: Say = as_it_is
) -> Mapping[str, Drawn]:
    """The figures that this case allows, by name; `say` puts the words inside them in another language."""
    from mia_viz.report import figures

    found: dict[str, Any] = {
        "pair": figures.pair(case, say),
        "bands": figures.bands(case, reference, say),
        "noise": figures.noise(case, reference, say),
        "nearest": figures.nearest(case, _public(statement, gallery), say),
    }
    found["glimpse"] = figures.glimpse(case, say)
    if statement.together is not None:
        found["place"] = figures.place(statement, say)
        found["methods"] = figures.methods(case, reference, say)
        found["calibration"] = figures.calibration(statement, say)
    return {name: drawn for name, drawn in found.items() if drawn is not None}


def _public(statement: Statement, gallery: Gallery | None) -> list[tuple[str, np.ndarray]]:
    """The nearest pictures of the reference, where they may be shown to everyone."""
    if gallery is None or not gallery.public:
        return []
    place = {sha256: i for i, sha256 in enumerate(gallery.sha256)}
    rows = [place[sha256] for sha256 in statement.nearest if sha256 in place]
    return [(gallery.names[row], gallery.values[row]) for row in rows]
