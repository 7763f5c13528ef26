"""Noise step, beside known pictures: the matrix of maps, one of each group side by side, and one plane for all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from html import escape

import gradio as gr
import numpy as np
import plotly.graph_objects as go

from mia_viz.case import Case, Noises
from mia_viz.figures import images
from mia_viz.figures.noise_known import reference_plane
from mia_viz.figures.palette import HOLDOUT, MEMBER, waiting
from mia_viz.noises import COARSE, KnownNoises, KnownPicture
from mia_viz.ui import noise_tiles
from mia_viz.ui.events import LATEST
from mia_viz.ui.noise_tiles import PICTURES

CSS = """
.nm { width: 100%; max-width: 680px; border-collapse: separate; border-spacing: 3px; border: 0 !important;
  table-layout: fixed; }
.nm tr { border: 0 !important; }
.nm td, .nm th { border: 0 !important; padding: 2px !important; font-weight: 400; text-align: center;
  vertical-align: middle; font-size: .82rem; border-radius: 8px; }
.nm th:first-child { text-align: left; width: 17%; }
.nm img { width: 100%; image-rendering: pixelated; display: block; border-radius: 4px; margin: 0 !important; }
.nm tbody th { border-left: 6px solid var(--c, currentColor) !important; padding-left: 6px !important;
  line-height: 1.25; }
.nm tbody th img { width: min(56px, 100%); }
.nm [aria-current] { background: rgba(128, 136, 144, .38); }
.nm thead th[aria-current] { font-weight: 700; }
@media (max-width: 640px) {
  .nm td, .nm th { font-size: .78rem; }
  .nm th:first-child { width: 24%; }
}
.nm-pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 8px 24px; }
"""
MARK = """place => {
  for (const cell of document.querySelectorAll('#noise-matrix [data-level]')) {
    if (cell.dataset.level === String(place)) cell.setAttribute('aria-current', 'true');
    else cell.removeAttribute('aria-current');
  }
}"""
"""Highlight a column without asking the server."""
LEAD = (
    "Every row is one picture, every column one noise level. The darker a row, the closer the answers lie together; "
    "at the levels in the middle they always do. Blue circles mark pictures that the model was trained on, vermilion "
    "squares pictures that it never saw; all of them were drawn by lot before the model was asked."
)
PLANE_LEAD = (
    "Here every picture's answers are seen from the same side: from the directions in which the answers about known "
    "pictures differ most (<i>principal components, fitted on the reference</i>). The paths lead from the highest to "
    "the lowest noise level. Answers about training pictures tend to stay near the cross; what lies far out "
    "is cut off."
)


SHOWN = 4
"""Known pictures of each group."""
BLANK = ("", "")
"""Values for `Beside.of_family`."""


@dataclass(frozen=True)
class Beside:
    """Components of this part; area holds them all and is hidden where nothing is stored about the model."""

    area: gr.Column
    counting: gr.Radio
    matrix: gr.HTML
    which: gr.Radio
    pair: gr.HTML
    plane: gr.Plot
    plane_note: gr.HTML

    @property
    def drawn(self) -> list[gr.components.Component]:
        """What is drawn when the step is opened."""
        return [*self.scrubbed, self.matrix, self.plane_note]

    @property
    def of_family(self) -> list[gr.components.Component]:
        """What shows known pictures: emptied with the family, since it is drawn again only when the step is opened."""
        return [self.matrix, self.pair]

    @property
    def scrubbed(self) -> list[gr.components.Component]:
        """What the server redraws when the scrubber moves; the matrix follows in the browser."""
        return [self.pair, self.plane]


def known_of(case: Case) -> KnownNoises | None:
    """The stored answers that belong to a case."""
    return noise_tiles.known_of(case.target, case.noises.levels if case.noises else None)


def matrix(case: Case, index: int, view: str = PICTURES, counting: int = COARSE) -> str:
    """The timesteps x pictures matrix: this picture, then known ones; the chosen level's column is marked."""
    known = known_of(case)
    if known is None:
        return ""
    limit = noise_tiles.shared_limit(case.target, counting)
    first = known.pictures[0].noises
    heads = "".join(f'<th scope="col" data-level="{i}">Level {t}</th>' for i, t in enumerate(first.levels, start=1))
    rows = ""
    if case.noises is not None:
        about = "\N{BLACK DIAMOND} This picture"
        rows = _row(case.values, about, "this picture", "currentColor", case.noises, view, counting, limit)
    rows += _known_rows(case.target, view, counting)
    html = (
        '<div class="mv-scroll" tabindex="0" role="region" aria-label="levels and pictures"><table class="nm"><thead>'
        f'<tr><th scope="col">Picture</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
    marked = html.replace(f'data-level="{index + 1}"', f'data-level="{index + 1}" aria-current="true"')
    return marked + noise_tiles.offset_scale(first, view, limit)


@lru_cache(maxsize=32)
def _known_rows(target: str, view: str, counting: int) -> str:
    """The rows of known pictures, which change with the model and with what is shown only."""
    limit, rows = noise_tiles.shared_limit(target, counting), []
    for picture in noise_tiles.known_of(target, None).pictures:
        mark, words = ("\N{BLACK CIRCLE}", "in training") if picture.member else ("\N{BLACK SQUARE}", "never seen")
        colour = MEMBER if picture.member else HOLDOUT
        about = f'<span style="color:{colour}" aria-hidden="true">{mark}</span> {words}'
        rows.append(_row(picture.values, about, picture.name, colour, picture.noises, view, counting, limit))
    return "".join(rows)


def _row(
    values: np.ndarray, about: str, name: str, colour: str, part: Noises, view: str, counting: int, limit: float
) -> str:
    """One picture and its maps; about: HTML of its row's head."""
    sizes = noise_tiles.level_distances(part, counting)
    cells = "".join(
        f'<td data-level="{i}"><img src="{images.uri(shown)}" alt="{escape(name)}, distance map at level {level}">'
        f"{size:.3f}</td>"
        for i, (shown, level, size) in enumerate(
            zip(noise_tiles.offset_maps(part, view, counting, limit), part.levels, sizes, strict=True), start=1
        )
    )
    whole = noise_tiles.whole_distance(part, counting)
    thumb = f'<img src="{images.uri(images.grey(values))}" alt="{escape(name)}">'
    return f'<tr><th scope="row" style="--c:{colour}">{thumb}{about}<br>{whole:.4f} in all</th>{cells}</tr>'


def pair(case: Case, index: int, view: str = PICTURES, counting: int = COARSE, which: int = 0) -> str:
    """One picture of each group side by side at the chosen level."""
    known = known_of(case)
    if known is None:
        return ""
    sides = []
    for member, colour, words in (
        (True, MEMBER, "It <b>was</b> trained on this one"),
        (False, HOLDOUT, "It <b>never</b> saw this one"),
    ):
        picture = known.group(member)[which]
        told = f', told "{escape(picture.caption)}"' if picture.caption else ""
        strip = images.strip(_pair_tiles(picture, case.target, index, view, counting))
        sides.append(f'<div class="mv-answer" style="--c:{colour}"><p>{words}{told}.</p>{strip}</div>')
    return f'<div class="nm-pair">{"".join(sides)}</div>'


def _pair_tiles(picture: KnownPicture, target: str, index: int, view: str, counting: int) -> list[str]:
    part, limit = picture.noises, noise_tiles.shared_limit(target, counting)
    level, size = part.levels[index], noise_tiles.level_distances(part, counting)[index]
    way = f"Picture implied at level {level}" if noise_tiles.decoded(part, view) else f"Answer at level {level}"
    shown = noise_tiles.offset_maps(part, view, counting, limit)[index]
    return [
        images.tile(images.grey(picture.values), picture.name.capitalize(), "the known picture"),
        images.tile(noise_tiles.answer(part, index, view), way, way.lower()),
        images.tile(shown, "How far apart", f"distance map, {size:.3f}", f"distance {size:.3f}"),
    ]


def plane(case: Case, index: int, which: int = 0) -> go.Figure:
    """All answers at the chosen level in the plane of the reference, and the paths of three pictures."""
    known = known_of(case)
    if known is None:
        return waiting()
    part = known.plane
    query = None if case.noises is None else part.project(case.noises)
    groups = {member: part.group(member, case.sha256) for member in (True, False)}
    paths = {member: part.project(known.group(member)[which].noises) for member in (True, False)}
    return reference_plane(query, groups, paths, known.pictures[0].noises.levels, index, part.shares)


def plane_note(case: Case) -> str:
    """How much of the differences can be seen in the plane at all."""
    known = known_of(case)
    if known is None:
        return ""
    shared = known.plane.shares.sum()
    note = f"The plane shows {shared:.1%} of all the differences between answers about the reference pictures."
    if case.noises is not None:
        own = known.plane.share(case.noises)
        note = (
            f"The plane shows {shared:.1%} of all the differences between answers about the reference pictures, and "
            f"{own:.1%} of those about this one."
        )
    rest = "The rest lies in directions that cannot be drawn here. Coarse shapes count most, as in the verdict."
    return f'<p class="mv-note">{note} {rest}</p>'


def draw(case: Case, index: int, view: str, counting: int, which: int) -> list:
    """Values for `Beside.drawn`."""
    beside = pair(case, index, view, counting, which), plane(case, index, which)
    return [*beside, matrix(case, index, view, counting), plane_note(case)]


def build(case: Case) -> Beside:
    """Lay out this part; it is drawn when the step is opened."""
    with gr.Column(visible=known_of(case) is not None, elem_id="noise-known") as area:
        gr.HTML(f'<h2>Beside pictures that are known</h2><p class="mv-lead">{LEAD}</p>')
        counting = gr.Radio(
            noise_tiles.COUNTING, value=COARSE, label="What counts when answers are compared", elem_id="noise-counting"
        )
        matrix_view = gr.HTML(css_template=CSS, elem_id="noise-matrix")
        gr.HTML("<h3>One of each, side by side</h3>")
        which = gr.Radio(
            [(str(i + 1), i) for i in range(SHOWN)], value=0, label="Which of the known pictures", elem_id="noise-which"
        )
        pair_view = gr.HTML(css_template=CSS, elem_id="noise-pair")
        gr.HTML(f'<h3>One plane for all pictures</h3><p class="mv-lead">{PLANE_LEAD}</p>')
        plane_view = gr.Plot(show_label=False, elem_id="noise-plane")
        note = gr.HTML()
    return Beside(area, counting, matrix_view, which, pair_view, plane_view, note)


def wire(part: Beside, case: gr.State, scrub: gr.Slider, view: gr.Radio) -> None:
    """Scrubber and choices redraw from what is stored; no model is asked."""
    given = [case, scrub, view, part.counting, part.which]

    def seen(current: Case, place: int, shown: str, counting: int, which: int) -> tuple:
        index = int(place) - 1
        return matrix(current, index, shown, counting), pair(current, index, shown, counting, which)

    def other(current: Case, place: int, shown: str, counting: int, which: int) -> tuple:
        index = int(place) - 1
        return pair(current, index, shown, counting, which), plane(current, index, which)

    for choice in (view, part.counting):
        choice.input(seen, given, [part.matrix, part.pair], **LATEST)
    scrub.input(None, scrub, None, js=MARK, api_visibility="private")
    for choice in (scrub, part.which):
        choice.input(other, given, part.scrubbed, **LATEST)
