"""Noise step, what if: another injection strength, another number of answers, and the picture asked again with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import gradio as gr
import numpy as np
import plotly.graph_objects as go

from mia_viz import engine
from mia_viz.case import Case, Noises
from mia_viz.figures import images
from mia_viz.figures.noise_known import settings_strip
from mia_viz.figures.palette import waiting
from mia_viz.noises import COARSE, SettingsGrid
from mia_viz.ui import noise_tiles, worker
from mia_viz.ui.events import LATEST, MODEL, QUIET
from mia_viz.ui.noise_matrix import known_of
from mia_viz.ui.noise_tiles import PICTURES
from mia_viz.ui.parts import failure, progress_bar, status
from mia_viz.ui.pick import Picked

USUAL = (80, 5)
"""Strength and number of answers of the paper, which the walk uses."""
NAMES = {40: "little", 80: "as usual", 120: "more", 200: "much", 300: "very much"}
STRENGTHS = [(f"{words} (level {level})", level) for level, words in NAMES.items()]
COUNTS = (2, 8)
CSS = """
.ns { border-collapse: separate; border-spacing: 3px; border: 0 !important; margin: 0; }
.ns tr { border: 0 !important; }
.ns th, .ns td { border: 0 !important; padding: 4px 9px !important; font-weight: 400; font-size: .9rem;
  text-align: center; border-radius: 6px; white-space: nowrap; }
.ns tbody th { text-align: left; padding-left: 0 !important; }
.ns td { background: rgba(0, 114, 178, var(--a, 0)); }
.ns td[aria-current] { outline: 3px solid var(--body-text-color); font-weight: 700; }
@media (max-width: 640px) {
  .ns th, .ns td { padding: 4px 3px !important; font-size: .78rem; }
  .ns tbody th span { display: none; }
}
.ns caption { text-align: left; font-size: .9rem; padding-bottom: .3rem; }
"""
LEAD = (
    "More noise hides more of the picture; more answers show more of the way down. Choose, and see how well known "
    "pictures would be told apart. Nothing is asked for this: it was measured beforehand."
)
CAUTION = (
    "Among so many settings some look best by luck. The verdict keeps the setting of the paper, whatever you choose "
    "here. Cells with a star end at level 0, where no noise is left to be named, so their last answer says little."
)
POINTS = (
    "Each point is one known picture; the large ones are those above. The further left, the closer together the "
    "answers. The diamond is this picture, where it was asked this way."
)
TOO_DEEP = (
    "With this little noise there is no room for so many answers, ten levels apart; choose fewer answers or more noise."
)


@dataclass(frozen=True)
class WhatIf:
    """Components of this part. answer: the case of the picture asked again, or None."""

    area: gr.Column
    strength: gr.Radio
    count: gr.Slider
    words: gr.HTML
    table: gr.HTML
    chart: gr.Plot
    ask: gr.Button
    status: gr.HTML
    again: gr.HTML
    answer: gr.State

    @property
    def told(self) -> list[gr.components.Component]:
        """What follows the two settings, and is drawn when the step is opened."""
        return [self.words, self.table, self.chart, self.ask]


def grid_of(case: Case) -> SettingsGrid | None:
    """The stored grid of settings of a case's target."""
    known = known_of(case)
    return None if known is None else known.grid


def words(case: Case, strength: int, count: int, counting: int = COARSE) -> str:
    """How well known pictures are told apart under one setting, in a sentence."""
    grid = grid_of(case)
    if grid is None:
        return ""
    if grid.place(strength, count) is None:
        return f"<p>{TOO_DEEP}</p>"
    found, groups = grid.interval(counting, strength, count), [int((grid.member == m).sum()) for m in (True, False)]
    told = (
        f"Of one training picture and one never-seen picture, the answers about the first lie closer together in "
        f"{100 * found.value:.0f} of 100 pairs (AUC {found.value:.2f}, 95 % interval {found.low:.2f} to "
        f"{found.high:.2f}; {groups[0]} training pictures, {groups[1]} never seen). A coin would reach 50."
    )
    return f'<p aria-live="polite">{told}</p>'


def table(case: Case, strength: int, count: int, counting: int = COARSE) -> str:
    """AUC under every setting; the chosen one is framed."""
    grid = grid_of(case)
    if grid is None:
        return ""
    heads = "".join(f'<th scope="col">{k}</th>' for k in grid.counts)
    rows = []
    for i, level in enumerate(grid.strengths):
        cells = []
        for j, k in enumerate(grid.counts):
            value = float(grid.auc[counting, i, j, 0])
            now = ' aria-current="true"' if (level, k) == (strength, count) else ""
            star = "*" if level == (k - 1) * 10 else ""
            shade = min(1.0, max(0.0, value - 0.5) * 2) * 0.5 if np.isfinite(value) else 0
            shown = f"{value:.2f}{star}" if np.isfinite(value) else "\N{EN DASH}"
            cells.append(f'<td{now} style="--a:{shade:.2f}">{shown}</td>')
        rows.append(f'<tr><th scope="row"><span>{NAMES.get(level, "")}</span> {level}</th>{"".join(cells)}</tr>')
    caption = "AUC by noise added (downwards) and number of answers (across)"
    return (
        '<div class="mv-scroll" tabindex="0" role="region" aria-label="settings"><table class="ns">'
        f'<caption>{caption}</caption><thead><tr><th scope="col">noise</th>{heads}</tr></thead>'
        f'<tbody>{"".join(rows)}</tbody></table></div><p class="mv-note">{CAUTION}</p>'
    )


def setting_of(part: Noises | None) -> tuple[int, int] | None:
    """Strength and number of answers that answers were asked with."""
    return None if part is None else (part.levels[0], len(part.levels))


def belongs(answer: Case | None, case: Case) -> bool:
    """Whether a picture asked again is the one in question, under the same model and words."""
    return answer is not None and (answer.target, answer.sha256, answer.caption) == (
        case.target,
        case.sha256,
        case.caption,
    )


def query_distance(case: Case, answer: Case | None, setting: tuple[int, int], counting: int) -> float | None:
    """Distance of the picture's answers under a setting it was asked with: by the walk, or again; else None."""
    for found in (case, answer if belongs(answer, case) else None):
        if found is not None and setting_of(found.noises) == setting:
            return noise_tiles.whole_distance(found.noises, counting)
    return None


def chart(case: Case, answer: Case | None, strength: int, count: int, counting: int = COARSE) -> go.Figure:
    """Both groups under one setting, and the picture where it was asked this way."""
    known = known_of(case)
    if known is None or known.grid.place(strength, count) is None:
        return waiting("not possible" if known else "not stored for this model")
    groups = {m: known.grid.distances(counting, strength, count, m, case.sha256) for m in (True, False)}
    rows = np.isin(known.grid.image_sha256, [picture.sha256 for picture in known.pictures])
    large = {m: groups[m][rows[_kept(known.grid, m, case.sha256)]] for m in (True, False)}
    query = query_distance(case, answer, (strength, count), counting)
    return settings_strip(groups, large, query, "distance from their centre")


def _kept(grid: SettingsGrid, member: bool, without: str) -> np.ndarray:
    return (grid.member == member) & (np.array(grid.image_sha256) != without)


def button(case: Case, strength: int, count: int) -> gr.Button:
    """The button that asks, with what it costs; at rest where it cannot be asked."""
    grid = grid_of(case)
    possible = grid is not None and grid.place(strength, count) is not None and bool(case.findings)
    words = f"Ask this picture again ({count} questions to the model)"
    return gr.Button(words, interactive=possible, elem_id="noise-ask")


def again(case: Case, answer: Case | None, view: str = PICTURES, counting: int = COARSE) -> str:
    """The maps of the picture asked again under those of the usual setting, on one scale."""
    if not belongs(answer, case) or case.noises is None:
        return ""
    limit = noise_tiles.shared_limit(case.target, counting)
    rows = []
    for title, part in (("As usual", case.noises), ("Asked again", answer.noises)):
        size = noise_tiles.whole_distance(part, counting)
        head = f"{title}: {len(part.levels)} answers from level {part.levels[0]} down, distance {size:.4f}"
        rows.append(f"<h3>{head}</h3>{images.strip(_tiles(part, view, counting, limit))}")
    return "".join(rows) + noise_tiles.offset_scale(case.noises, view, limit)


def _tiles(part: Noises, view: str, counting: int, limit: float) -> list[str]:
    maps = noise_tiles.offset_maps(part, view, counting, limit)
    sizes = noise_tiles.level_distances(part, counting)
    return [
        images.tile(shown, f"Level {level}", f"distance map at level {level}", f"{size:.3f}")
        for shown, level, size in zip(maps, part.levels, sizes, strict=True)
    ]


def settle(case: Case, answer: Case | None, view: str, counting: int) -> tuple:
    """The last word and the maps, if the page is still about the picture that was asked again."""
    if answer is None:  # the sentence about what went wrong stays
        return gr.skip(), ""
    return (done(answer) if belongs(answer, case) else status()), again(case, answer, view, counting)


def done(answer: Case) -> str:
    """What asking again cost and found."""
    finding = answer.findings[0]
    said = f"Asked {finding.nfe:.0f} questions (NFE) in {finding.seconds:.1f} s; score {finding.score:.3f}."
    return status(said + " It has no part in the verdict, whose reference was asked as usual.")


def draw(case: Case, answer: Case | None, strength: int, count: int, counting: int) -> list:
    """Values for `WhatIf.told`."""
    at = int(strength), int(count)
    return [
        words(case, *at, counting),
        table(case, *at, counting),
        chart(case, answer, *at, counting),
        button(case, *at),
    ]


def build(case: Case) -> WhatIf:
    """Lay out this part; it is drawn when the step is opened."""
    with gr.Column(visible=grid_of(case) is not None, elem_id="noise-settings") as area:
        gr.HTML(f'<h2>What if we asked differently?</h2><p class="mv-lead">{LEAD}</p>')
        label = "How much noise is added (injection strength)"
        strength = gr.Radio(STRENGTHS, value=USUAL[0], label=label, elem_id="noise-strength")
        count = gr.Slider(*COUNTS, value=USUAL[1], step=1, label="How many answers", elem_id="noise-count")
        said = gr.HTML(elem_id="noise-told")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=300):
                view = gr.HTML(css_template=CSS, elem_id="noise-grid")
            with gr.Column(min_width=300):
                plot = gr.Plot(show_label=False, elem_id="noise-chart")
                gr.HTML(f'<p class="mv-note">{POINTS}</p>')
        ask = button(case, *USUAL)
        line, maps = gr.HTML(status(), elem_id="noise-status"), gr.HTML(elem_id="noise-again")
        answer = gr.State(None)
    return WhatIf(area, strength, count, said, view, plot, ask, line, maps, answer)


def wire(part: WhatIf, case: gr.State, asked: gr.State, view: gr.Radio, counting: gr.Radio) -> None:
    """The settings redraw from what is stored; only the button asks the model."""
    chosen = [part.strength, part.count, counting]

    for choice in chosen:
        choice.input(draw, [case, part.answer, *chosen], part.told, **LATEST)
    for choice in (view, counting):
        choice.input(again, [case, part.answer, view, counting], part.again, **LATEST)
    given = [case, asked, part.strength, part.count]
    asking = part.ask.click(ask, given, [part.status, part.ask, part.answer], **MODEL)
    shown = asking.then(settle, [case, part.answer, view, counting], [part.status, part.again], **QUIET)
    shown.then(draw, [case, part.answer, *chosen], part.told, **QUIET)


def ask(case: Case, asked: Picked, strength: int, count: int) -> Iterator[tuple]:
    """Really ask the model about the picture with another setting, question by question.

    What arrives is shown only if the page is still about the same picture and model by then (see `settle`).
    """
    if asked.prepared.sha256 != case.sha256:  # the page has just turned to another picture
        yield status(), gr.skip(), None
        return
    yield progress_bar(0.0, 0.0), gr.Button(interactive=False), gr.skip()

    def job(progress, tell) -> None:
        given = (asked.prepared, int(strength), int(count), progress, case.caption or "")
        tell(engine.ask_noises_named(case.target, *given))

    try:
        for update in worker.follow(job):
            found = gr.skip() if update.found is None else update.found
            yield progress_bar(update.share, update.seconds), gr.skip(), found
    except Exception as error:  # the last boundary before a visitor: the log gets the trace, the page a sentence
        yield failure(error), gr.Button(interactive=True), None
