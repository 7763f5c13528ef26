"""The lesson: a guided tour over the app's own controls. Its texts lie in lesson.json, its work in static/lesson*.js.

The browser opens the tabs, marks what to press, sees that it was done and remembers the place; the server only sends
the texts with their figures, and shows the lesson's example where something else is on the page.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import gradio as gr
import numpy as np

from mia_viz.case import Case
from mia_viz.figures import images
from mia_viz.laboratory.reading import Spectra, mistakes, read
from mia_viz.laboratory.sieve import EVERYTHING, Sieve
from mia_viz.targets import bundled
from mia_viz.ui.lab import static
from mia_viz.ui.lab_data import known_spectra, presets
from mia_viz.ui.lesson_rates import measured
from mia_viz.ui.pick import opening_case

FAMILY = "brain"
"""The pictures the lesson's texts speak of."""
TEXTS = Path(__file__).parent / "lesson.json"
SCRIPTS = ("tabs.js", "lesson_page.js", "lesson_echo.js", "lesson_rates.js", "lesson.js")
TIMESTEPS = 1000
BETAS = (1e-4, 0.02)
"""The linear schedule of the bundled brain models (assets/targets/*/scheduler): Ho et al. 2020."""
NOISING = (0, 100, 300, 999)
"""Levels of the picture that disappears in noise."""


@lru_cache(maxsize=1)
def texts() -> dict:
    """The lesson's file: words, names of methods, pages."""
    return json.loads(TEXTS.read_text(encoding="utf-8"))


def facts(case: Case) -> dict[str, str]:
    """The figures in the pages' texts, taken from the example itself and from its model's reference."""
    model = bundled.manifest(case.target)
    return {
        "trained": str(len(model["members"])),
        "passes": str(model["epoch"]),
        "last": str(TIMESTEPS - 1),
        "levels": ", ".join(str(level) for level in case.noises.levels),
        "restorations": str(len(case.restoration.labels)),
        **_missed(known_spectra(case, "noise_aggregation")),
        **_aucs(known_spectra(case, "pia")),
    }


def _missed(known: Spectra) -> dict[str, str]:
    """Test members missed when all detail counts, in the more detailed and the simpler half of the test pictures."""
    detailed = known.detail >= np.median(known.detail[known.test])
    members, missed = known.group(True, True), mistakes(known, read(known, EVERYTHING)).missed
    counts = {"detailed": members & detailed, "simple": members & ~detailed}
    counts |= {f"missed_{name}": missed & half for name, half in counts.items()}
    return {name: str(int(of.sum())) for name, of in counts.items()}


def _aucs(known: Spectra) -> dict[str, str]:
    """AUC on the test pictures under the laboratory's ready-made bands."""
    bands = {preset: Sieve(lo, hi, "ideal", rest) for preset, _, lo, hi, rest, _ in presets(known.height)}
    return {f"pia_{preset}": f"{read(known, band).test.value:.2f}" for preset, band in bands.items()}


def noised(values: np.ndarray, level: int) -> np.ndarray:
    """A picture (C, H, W) in [-1, 1] under one draw of noise at a level of the bundled models' schedule."""
    kept = float(np.cumprod(1 - np.linspace(*BETAS, TIMESTEPS))[level]) if level else 1.0
    noise = np.random.default_rng(0).standard_normal(values.shape)
    return np.sqrt(kept) * values + np.sqrt(1 - kept) * noise


def rates(target: str) -> list[dict]:
    """The methods of the page on base rates with what they were measured to do."""
    found = [(measured(target, key), title) for key, title in texts()["methods"].items()]
    names = ("found", "members", "accused", "holdouts")
    return [{"title": title, **{n: getattr(part, n) for n in names}} for part, title in found if part is not None]


@lru_cache(maxsize=1)
def payload() -> str:
    """Everything the browser needs, as JSON: words, pages with their figures filled in, pictures and rates."""
    case, _ = opening_case(FAMILY)
    figures, content = facts(case), texts()
    pages = [{**page, "text": [text.format(**figures) for text in page["text"]]} for page in content["pages"]]
    strip = [images.uri(images.grey(noised(case.values, level))) for level in NOISING]
    example = {"target": case.target, "picture": int(case.name.split()[-1])}
    return json.dumps(
        {"words": content["words"], "pages": pages, "noising": strip, "rates": rates(case.target), "example": example}
    )


def build() -> gr.HTML:
    """Lay out the button and, hidden until it is pressed, the card.

    page.css goes with the template because gradio would confine it, as a style sheet of the app or of a component.
    """
    return gr.HTML(
        payload(),
        html_template=f"{static('lesson.html')}<style>{static('page.css')}</style>",
        css_template=static("lesson.css"),
        js_on_load="\n".join(static(name) for name in SCRIPTS),
        apply_default_css=False,
        elem_id="lesson",
    )
