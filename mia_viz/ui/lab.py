"""The frequency laboratory: a component that redraws in the browser, and the engine's own figures when the hand rests.

Dragging asks nobody: the browser has the spectra and does the sums (static/lab_core.js). On release the server does
them again, names the filter for the command line and shows some of the pictures that are misjudged.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr
import numpy as np

from mia_viz.case import Case
from mia_viz.figures import images
from mia_viz.figures.laboratory import forest, learned_weights
from mia_viz.laboratory.learned import learn
from mia_viz.laboratory.reading import Mistakes, Reading, Spectra, mistakes, read
from mia_viz.laboratory.sieve import EVERYTHING, HIGHEST, SHAPES, Sieve, fremia
from mia_viz.laboratory.subject import query_energy, residual
from mia_viz.pictures.files import load_picture
from mia_viz.targets import bundled
from mia_viz.ui.events import IN_ORDER, QUIET
from mia_viz.ui.lab_data import RINGS, known_spectra, payload
from mia_viz.ui.parts import data_table

STATIC = Path(__file__).parent / "static"
SCRIPTS = ("lab_core.js", "lab_draw.js", "lab_plots.js", "lab_shown.js", "lab.js")
SHOWN = 4
"""Pictures shown of each kind of mistake."""
TILES = "grid-template-columns: repeat(auto-fill, minmax(min(30%, 118px), 1fr))"
"""As wide in a row of few pictures as in one of many."""
SIDE_BY_SIDE = "grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr))"


@dataclass(frozen=True)
class Laboratory:
    """Components: the browser's part, and what the server adds when the band is at rest."""

    bench: gr.HTML
    more: gr.HTML


def static(name: str) -> str:
    """The text of a static file."""
    return (STATIC / name).read_text(encoding="utf-8")


def build(start: Case) -> Laboratory:
    """Lay out the laboratory; its content is sent when the step is opened."""
    gr.HTML(
        "<h2>The frequency laboratory</h2>"
        '<p class="mv-lead">Every picture is made of coarse shapes, middling and fine detail. Drag the two handles to '
        "choose which detail counts; everything below follows at once, and the model is not asked again. "
        "Try <i>Fine</i>, then <i>Coarse</i>, and watch where the two groups go.</p>"
    )
    bench = gr.HTML(
        "null",
        html_template=static("lab.html"),
        css_template=static("lab.css"),
        js_on_load="\n".join(static(name) for name in SCRIPTS),
        apply_default_css=False,
        elem_id="laboratory",
    )
    more = gr.HTML(
        "{}",
        html_template=static("lab_more.html"),
        css_template=".lab-more[hidden], .lab-more [hidden] { display: none; } details { margin: .4rem 0; }",
        js_on_load=static("lab_more.js"),
        elem_id="laboratory-more",
    )
    gr.HTML(FORMULAS)
    return Laboratory(bench, more)


def wire(parts: Laboratory, case: gr.State) -> None:
    """Another method brings another payload; a band at rest brings the engine's figures."""
    parts.bench.select(select, case, parts.bench, **QUIET)
    parts.bench.release(release, case, parts.more, **IN_ORDER)


def select(case: Case, event: gr.EventData) -> str:
    """The payload of the method pressed."""
    return payload(case, str(event._data.get("key", "")))


def release(case: Case, event: gr.EventData) -> str:
    """What the server adds for the band at rest, as JSON of HTML by name; nothing where the message makes no sense."""
    key, sieve = str(event._data.get("key", "")), asked_sieve(event._data)
    known = known_spectra(case, key)
    if sieve is None or known is None:
        return "{}"
    maps = residual(case, key)
    query = None if maps is None else query_energy(maps, RINGS)
    with_band, without = read(known, sieve, query), read(known, EVERYTHING, query)
    parts = {
        "wrong": misjudged(case.target, known, mistakes(known, without), mistakes(known, with_band)),
        "learned": learned_panel(known),
        "figures": figures(with_band, known, sieve),
    }
    return json.dumps(parts)


def asked_sieve(data: dict) -> Sieve | None:
    """The band a browser reports, or None where it is no band."""
    try:
        numbers = [float(data[name]) for name in ("lo", "hi", "rest")]
        if not all(math.isfinite(number) for number in numbers) or data["shape"] not in SHAPES:
            return None
        return Sieve(numbers[0], min(numbers[1], HIGHEST), data["shape"], numbers[2])
    except (KeyError, TypeError, ValueError):
        return None


def figures(reading: Reading, known: Spectra, sieve: Sieve) -> str:
    """The engine's figures, and the filter as the command line names it."""
    text = "lowpass:r=5,s=0.2" if sieve == fremia(known.height) else sieve.text
    command = f" On the command line this filter is <code>--filter {escape(text)}</code>." if text else ""
    counts = [int(known.group(m, t).sum()) for t in (False, True) for m in (True, False)]
    rows = [
        ("AUC on calibration pictures", str(reading.calibration), f"{counts[0]} training, {counts[1]} never seen"),
        ("AUC on test pictures", str(reading.test or "none"), f"{counts[2]} training, {counts[3]} never seen"),
        ("TPR at 5 % FPR, calibration", f"{reading.found:.3f}", f"score of at least {reading.threshold:.4f}"),
    ]
    if reading.test_found is not None:
        rows.append(("the same threshold on test", f"{reading.test_found:.3f}", f"FPR {reading.test_accused:.3f}"))
    if reading.verdict is not None:
        rows.append(("this picture", f"{reading.query:.4f}", f"p = {reading.verdict.p_value:.4f}"))
    table = data_table(("computed by the engine", "value", "from"), rows)
    return f"<p>{command.strip()}</p>{table}"


def misjudged(target: str, known: Spectra, without: Mistakes, with_band: Mistakes) -> str:
    """Some of the pictures that are misjudged: detailed members missed and simple hold-outs accused."""
    pictures = bundled.population_of(target)
    if pictures is None or known.detail is None or not known.test.any():
        return ""
    places = {file: i for i, file in enumerate(pictures.files)}
    rows = []
    for title, found in (("All detail counts", without), ("Your band", with_band)):
        missed = np.flatnonzero(found.missed)[np.argsort(-known.detail[found.missed])][:SHOWN]
        accused = np.flatnonzero(found.accused)[np.argsort(known.detail[found.accused])][:SHOWN]
        tiles = []
        for kind, indices in (("missed", missed), ("wrongly accused", accused)):
            for index in indices:
                if known.names[index] in places:
                    pixels = load_picture(pictures.path(places[known.names[index]])).pixels
                    shown = images.grey(2 * np.moveaxis(pixels, 2, 0) - 1)
                    name = f"{pictures.one} {Path(known.names[index]).stem}"
                    tiles.append(images.tile(shown, kind, f"{name}, {kind}", name))
        row = (
            f'<div class="mv-strip" style="{TILES}">{"".join(tiles)}</div>'
            if tiles
            else "<p>None of the pictures kept aside.</p>"
        )
        rows.append(f"<h4>{title}</h4>{row}")
    about = "The most detailed training pictures that are missed, and the simplest others that are accused."
    return f"<p>{about}</p>{''.join(rows)}"


def learned_panel(known: Spectra) -> str:
    """What a learned filter listens to, and how it does beside the papers' bands on the test pictures."""
    try:
        found = learn(known)
    except ValueError as error:
        return f"<p>{escape(str(error))}</p>"
    return (
        "<p>How much should a small error count in each band? These weights were fitted to the pictures used for "
        "tuning and may not be negative. Checked there on pictures that each fit had not seen, they reach an AUC of "
        f"<b>{found.crossfitted}</b>; on the pictures kept aside they stand beside the papers' bands.</p>"
        f'<div class="mv-strip" style="{SIDE_BY_SIDE}">'
        f'<figure class="mv-tile">{learned_weights(found.edges, found.weights)}'
        "<figcaption>What the learned filter listens to</figcaption></figure>"
        f'<figure class="mv-tile">{forest(found.tests)}'
        "<figcaption>On the pictures kept aside</figcaption></figure></div>"
    )


FORMULAS = """<details><summary>Formulas</summary>
<p>A filter F with gain g on every frequency turns a residual r into F r. By Parseval |F r|&#178; is the sum of g&#178;
times the power of r, so with the power added up in 32 rings, E<sub>i</sub>, and the mean of g&#178; on every ring,
w<sub>i</sub>, the score is s = &#8722;log<sub>10</sub> &#931; w<sub>i</sub> E<sub>i</sub>. This is exact for sharp
bands that begin and end between rings; rings that an edge cuts count in part.</p>
<p>Gaussian flank: 2<sup>&#8722;(&#961;/edge)&#178;</sup>; Butterworth of order 4: 1 / (1 + (&#961;/edge)<sup>8</sup>);
&#961; is the frequency as a share of Nyquist. Intervals of the AUC: DeLong et al. 1988. FreMIA: Lian et al. 2025,
eq. 9. FCRE: Zhao et al. 2025, its cuts read as shares of Nyquist.</p>
<p>The learned filter is a logistic regression on the log energies of 8 bands with weights of at least zero; weights and
penalty come from the calibration pictures alone.</p></details>"""
