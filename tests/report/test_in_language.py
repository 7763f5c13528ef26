"""The report in German: nothing is left in English, one's own words stay, and the values are those of the English."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from pypdf import PdfReader

from mia_viz import engine, report
from mia_viz.case import load_case
from mia_viz.language import Verbatim, answer, languages, speaker
from mia_viz.pictures.files import load_picture
from mia_viz.report.content import as_content
from mia_viz.report.document import Box, NewPage, Table, blocks, title
from mia_viz.report.drawing import png, told
from mia_viz.report.facts import picture_facts
from mia_viz.report.hashes import flagged
from mia_viz.report.in_language import in_language
from mia_viz.report.verify import seals
from tests.report.reading import texts

ASSETS = Path("assets")
STORED = {
    "brain": ("cases/brain", None),
    "digits": ("cases/digits", None),
    "captioned emoji with its twin": ("compare/emoji-b-0592", "compare/emoji-a-0592"),
}
OTHERS = [name for name in languages() if name != "en"]
APART = {"language", "command", "content_sha256"}


@pytest.fixture(scope="module", params=STORED)
def stored(request):
    """A bundled case, its statement, the reference, the facts and the gallery, as `report.write` takes them."""
    own, other = STORED[request.param]
    case = load_case(ASSETS / f"{own}.npz")
    twin = None if other is None else load_case(ASSETS / f"{other}.npz")
    file = engine.known_file(case)
    picture = picture_facts(load_picture(file), "exact", "the picture.png", case.caption or "")
    facts = engine.facts_named(case, picture, twin is not None)
    found = engine.statement_named(case.target, case, twin)
    return case, found, engine.reference(case.target), facts, engine.gallery(case.target, case.values.shape)


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_of_a_bundled_report_is_left_in_english(stored, language):
    case, found, known, facts, gallery = stored
    gaps: list[str] = []

    def say(text: str) -> str:
        heard = answer(language, text)
        gaps.extend(heard.gaps)
        return heard.text

    content = as_content(case, found, facts)
    in_language(blocks(content, report.draw(case, found, known, gallery, say)), say)
    say(title(content))
    assert gaps == []


def test_all_three_files_are_of_one_result(stored, tmp_path):
    case, found, known, facts, gallery = stored
    english, german = (
        report.write(case, found, known, facts, tmp_path / language, gallery, language) for language in ("en", "de")
    )
    first, second = (json.loads(files.json.read_text()) for files in (english, german))
    assert {name for name in first if first[name] != second[name]} == APART
    assert first.keys() == second.keys()
    assert second["language"] == "de"
    assert second["command"] == first["command"].replace(" --out DIR", " --language de --out DIR")
    assert all(check.agrees for content in (first, second) for check in seals(content))
    page, pdf = german.html.read_text(), PdfReader(german.pdf)
    assert '<html lang="de">' in page
    assert texts(page) == [answer("de", text).text for text in texts(english.html.read_text())]
    for kept in ("the picture.png", second["command"], second["content_sha256"]):
        assert escape(kept) in page
    words = " ".join(" ".join(sheet.extract_text() for sheet in pdf.pages).split())
    assert pdf.trailer["/Root"]["/Lang"] == "de"
    for german_words in ("War dieses Bild in den Trainingsdaten von", f"Seite 1 von {len(pdf.pages)}"):
        assert german_words in words
    assert second["result_sha256"] in words


def test_own_words_stay_and_the_rest_of_a_block_is_translated():
    found = [
        Box("The picture", ("12.5", "put back")),
        Table((("model", Verbatim("The picture 0.5")), ("p", "0.5")), (0.2, 0.8), ("method", "score"), (1,)),
        NewPage(),
    ]
    assert in_language(found, speaker("de")) == [
        Box("Das Bild", ("12,5", "ergänzt")),
        Table((("Modell", "The picture 0.5"), ("p", "0,5")), (0.2, 0.8), ("Methode", "Score"), (1,)),
        NewPage(),
    ]


def test_marks_and_words_of_a_figure_are_in_the_language():
    def drawn() -> Figure:
        figure = Figure()
        axes = figure.subplots()
        axes.plot([0, 0.5], [1e-3, 1], label="this picture")
        axes.set_yscale("log")
        axes.set_xlabel("noise level (timestep)")
        axes.legend()
        return figure

    figure = drawn()
    told(figure, speaker("de"))
    figure.canvas.draw()
    axes = figure.axes[0]
    assert "0,2" in [label.get_text() for label in axes.get_xticklabels()]
    assert all("$" in label.get_text() for label in axes.get_yticklabels())
    assert axes.get_xlabel() == "Rauschstufe (Zeitschritt)"
    assert axes.get_legend().get_texts()[0].get_text() == "dieses Bild"
    assert png(drawn()) == png(drawn(), speaker("en")) != png(drawn(), speaker("de"))


def test_the_flag_goes_before_the_folder():
    assert flagged("report IMAGE --caption 'to --out it' --out DIR", "de") == (
        "report IMAGE --caption 'to --out it' --language de --out DIR"
    )
    assert flagged("report IMAGE --out DIR", "en") == "report IMAGE --out DIR"
