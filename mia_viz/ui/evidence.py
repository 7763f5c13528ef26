"""The evidence behind a verdict: the likelihood ratio, the checks, like pictures, and what would change the answer."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import gradio as gr
import numpy as np
import plotly.graph_objects as go

from mia_viz import engine, subjects
from mia_viz.figures import images
from mia_viz.figures.distributions import Strip, strip_plot, strip_plots
from mia_viz.figures.palette import waiting
from mia_viz.figures.ratio import calibration, ratio_scale
from mia_viz.sensitivity import WARNING
from mia_viz.ui.parts import data_table

if TYPE_CHECKING:
    from mia_viz.case import Case
    from mia_viz.duplicates import Match
    from mia_viz.statement import Gallery, Statement

NO_SCALE = "No reference fits these settings, so this score has no scale."
LOOSE = "These numbers hold for pictures like those of the reference, and this one is not."
BEST = 3
"""Known pictures shown beside the near-duplicate check."""


@dataclass(frozen=True)
class Evidence:
    """Components of this layer; `values` fills `outputs`, `draw` fills `plots`."""

    ratio: gr.HTML
    combined: gr.Plot
    checks: gr.HTML
    words: gr.HTML
    methods: gr.Plot
    alike: gr.HTML
    trust: gr.HTML
    calibration: gr.Plot
    changes: gr.HTML

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.ratio, self.checks, self.words, self.alike, self.trust, self.changes]

    @property
    def plots(self) -> list[gr.Plot]:
        return [self.combined, self.methods, self.calibration]


def build() -> Evidence:
    """Lay out the layer, empty: the answer's own numbers first, the rest one press away."""
    gr.HTML("<h3>The evidence</h3>")
    ratio_view = gr.HTML(elem_id="ratio")
    combined = gr.Plot(waiting(), show_label=False, elem_id="plot-combined")
    gr.HTML('<p class="mv-note">Every dot is a picture of which it is known whether the model was trained on it.</p>')
    checks_view = gr.HTML(elem_id="checks")
    with gr.Accordion("Each method on its own", open=False, elem_id="methods-alone"):
        words_view = gr.HTML(elem_id="words")
        methods = gr.Plot(waiting(), show_label=False, elem_id="plot-methods")
    with gr.Accordion("Pictures like this one", open=False, elem_id="pictures-alike"):
        alike_view = gr.HTML(elem_id="alike")
    with gr.Accordion("How far the likelihood ratios can be trusted", open=False, elem_id="trusted"):
        trust_view = gr.HTML(elem_id="trust")
        curve = gr.Plot(waiting(), show_label=False, elem_id="plot-calibration")
    with gr.Accordion("What would change this answer", open=False, elem_id="what-changes"):
        changes_view = gr.HTML(elem_id="changes")
    views = (checks_view, words_view, methods, alike_view, trust_view, curve, changes_view)
    return Evidence(ratio_view, combined, *views)


def values(case: Case, found: Statement) -> list[str]:
    """Values for `Evidence.outputs`."""
    pictures = engine.gallery(case.target, case.values.shape)
    return [
        ratio(found),
        checks(found),
        words(case, found),
        nearest(case, found, pictures) + duplicates(found, pictures),
        trust(found),
        changes(found),
    ]


def draw(case: Case, found: Statement) -> list[go.Figure]:
    """Values for `Evidence.plots`."""
    whole = found.together
    if whole is None:
        return [waiting("no pictures of known membership to compare with")] * 3
    return [strip_plot(whole.score, whole.members, whole.holdouts), methods(case), trust_plot(found)]


def ratio(found: Statement) -> str:
    """The likelihood ratio in words and on its scale, with its cap; or why there is none."""
    strength = found.strength
    if strength is None:
        if found.zone in ("not covered", "no reference"):
            return ""
        return f"<p>{escape(found.sentences[0])}</p>"
    log10 = strength.log10
    scale = ratio_scale(log10, float(np.log10(strength.lower)), float(np.log10(strength.upper)), strength.sentence)
    words = strength.words[:1].upper() + strength.words[1:]
    return (
        f'<p class="mv-lead">{escape(strength.sentence)} <b>{escape(words)}.</b></p>{scale}'
        f'<p class="mv-note">{escape(strength.cap)} The shaded band is what it supports. Words follow the ENFSI scale '
        "for forensic reports.</p>"
    )


def checks(found: Statement) -> str:
    """The checks that could take the answer back, each with its finding; without error rates that would not hold."""
    if found.together is None:
        return ""
    rows = []
    if found.coverage is not None:
        rows.append(("Does the reference cover it?", found.coverage.sentence))
    held = found.zone != "not covered"
    if held and found.beyond is not None:
        beside = "" if found.beyond.beside is None else f" {found.beyond.beside.sentence}"
        easy = f"{found.beyond.sentence} {found.beyond.verdict.frequency}{beside}"
        rows.append(("Is it just an easy picture?", easy))
    if held and found.twin is not None:
        rows.append(("What does the twin say?", found.twin.sentence))
    if found.matches is not None:
        rows.append(("Is a known picture nearly the same?", found.matches.sentence))
    items = "".join(f"<dt>{escape(question)}</dt><dd>{escape(answer)}</dd>" for question, answer in rows)
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    more = f'<ul class="mv-note">{notes}</ul>' if notes else ""
    return f'<h3>Checks</h3><dl class="mv-checks">{items}</dl>{more}'


def words(case: Case, found: Statement) -> str:
    """What every method says, and what asking several does to error rates."""
    items = "".join(
        f"<li><b>{escape(f.title)}.</b> {escape(f.verdict.frequency if f.verdict else NO_SCALE)}</li>"
        for f in case.findings
    )
    loose = f"<p>{LOOSE}</p>" if found.zone == "not covered" else ""
    return f'{loose}<ul class="mv-list">{items}</ul><p class="mv-note">{escape(found.asked)}</p>'


def methods(case: Case) -> go.Figure:
    """Every method's score among known pictures."""
    known, strips = engine.reference(case.target), []
    for finding in case.findings:
        if finding.verdict is not None and known is not None:
            groups = [known.scores(finding.key, member, without=(case.sha256,)) for member in (True, False)]
            place = f"{finding.verdict.at_least} of {finding.verdict.n} never-seen score this high"
            strips.append(Strip(finding.title, place, finding.score, *groups))
    return strip_plots(strips) if strips else waiting("no pictures of known membership to compare with")


def nearest(case: Case, found: Statement, pictures: Gallery | None) -> str:
    """The picture beside never-trained pictures of the reference that are most like it in brightness and detail."""
    if found.coverage is None or pictures is None:
        return "<p>The pictures of the reference are not at hand.</p>"
    place = {sha256: row for row, sha256 in enumerate(pictures.sha256)}
    rows = [place[sha256] for sha256 in found.nearest if sha256 in place]
    tiles = [images.tile(images.grey(case.values), "this picture", "the picture in question")]
    tiles += [images.tile(images.grey(pictures.values[k]), pictures.names[k], "one of the reference") for k in rows]
    return (
        "<h4>In the reference</h4><p>Never-trained pictures of the reference that are most like this one in brightness "
        f"and detail. {escape(found.coverage.sentence)}</p>{images.strip(tiles)}"
    )


def duplicates(found: Statement, pictures: Gallery | None) -> str:
    """The known pictures whose fine structure is most like this one's: a claim of its own."""
    if found.matches is None or pictures is None:
        return ""
    best = sorted((*found.matches.members, *found.matches.holdouts), key=lambda match: -match.correlation)[:BEST]
    tiles = [_match(match, pictures) for match in best]
    return (
        f"<h4>Nearly the same</h4><p>{escape(found.matches.sentence)} That a model was trained on a picture, and that "
        "it was trained on one almost like it, are different claims.</p>"
        f"{images.strip(tiles)}<p class='mv-note'>Known pictures whose fine structure is most like this one's; from a "
        f"correlation of {found.matches.threshold:.2f} one counts as nearly the same.</p>"
    )


def _match(match: Match, pictures: Gallery) -> str:
    kind = "known training picture" if match.member else "known never-trained picture"
    values = pictures.values[pictures.names.index(match.name)]
    return images.tile(images.grey(values), match.name, kind, f"{kind}, correlation {match.correlation:.2f}")


def trust(found: Statement) -> str:
    """What the calibration plot shows, with Cllr."""
    strength = found.strength
    if strength is None:
        return "<p>There is no likelihood ratio here, so there is nothing to calibrate.</p>"
    return (
        "<p>Above: the ratios of the reference's own pictures. If they are any good, pictures it was trained on lie to "
        "the right. Below: how much uncertainty is left after hearing the ratio, whatever one believed before; the "
        "lower, the better, and above the dashed line it would be better not to listen.</p>"
        f"<p>Cost of these ratios (<i>Cllr</i>): <b>{strength.cllr:.2f}</b> bits, {strength.cllr_min:.2f} at best; "
        "0 is perfect, 1 is worthless.</p>"
    )


def trust_plot(found: Statement) -> go.Figure:
    """The calibration plot."""
    if found.strength is None:
        return waiting("no likelihood ratio")
    from mia_viz.strength import calibrate
    from mia_viz.strength import calibration as lines_of

    whole, caps = found.together, np.log10([found.strength.lower, found.strength.upper])
    fitted = calibrate(whole.holdouts, whole.members)
    groups = [np.clip(fitted.log10(group), *caps) for group in (whole.holdouts, whole.members)]
    lines = lines_of(whole.holdouts, whole.members)
    entropies = (lines.neutral, lines.entropy, lines.entropy_best)
    return calibration(found.strength.log10, *groups, lines.log10_odds, entropies)


def changes(found: Statement) -> str:
    """What comes out under other settings."""
    if not found.changes:
        return "<p>There is no answer that other settings could change.</p>"
    kinds = dict.fromkeys(change.kind for change in found.changes)
    tables = []
    for kind in kinds:
        chosen = [change for change in found.changes if change.kind == kind]
        rows = [(change.setting, f"{change.verdict.p_value:.3f}", change.verdict.zone) for change in chosen]
        tables.append(data_table((kind, "p", "the picture then"), rows, wide=(0,)))
    return f'<p class="mv-note">{escape(WARNING)}</p>{"".join(tables)}'


def beside(found: Statement) -> str:
    """The twin's verdict, to stand beside the model's own; empty before it was asked, and where no rank holds."""
    twin = found.twin
    if twin is None or found.zone == "not covered":
        return ""
    title = escape(subjects.subject(twin.target).title)
    zone = {
        "stands out": "it stands out there",
        "inconclusive": "inconclusive",
        "ordinary": "ordinary",
    }[twin.verdict.zone]
    said = "" if twin.strength is None else f"<p>{escape(twin.strength.sentence)}</p>"
    return (
        f'<div class="mv-answer"><h3>{title}, the twin, on the same picture: {zone}</h3>'
        f"<p>{escape(twin.verdict.frequency)}</p>{said}<p>{escape(twin.sentence)}</p></div>"
    )
