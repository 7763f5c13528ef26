"""The report in one press, and its appendix to read at once.

The three files are made in the app's private folder, read and removed at once; they reach the visitor inside the page
(data links), so nothing of them stays on the server and nobody else can ask for them.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from mia_viz import engine
from mia_viz.language import languages
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.picture import Picture, PictureError
from mia_viz.pictures.prepare import HOW, prepare
from mia_viz.ui.parts import status

if TYPE_CHECKING:
    from mia_viz.case import Case
    from mia_viz.statement import Statement

KINDS = {
    "html": ("text/html", "page to read"),
    "pdf": ("application/pdf", "PDF to file"),
    "json": ("application/json", "JSON to check"),
}
SPOKEN = {"en": "This report is in English.", "de": "This report is in German."}
WORKING = "Making the report: this takes a few seconds."
OVERTAKEN = "The page has changed while the report was being made; please make it again."


@dataclass(frozen=True)
class Report:
    """Components of this part; language is filled by the page; appendix is filled when `opened` is expanded."""

    keep_name: gr.Checkbox
    make: gr.Button
    language: gr.Textbox
    links: gr.HTML
    opened: gr.Accordion
    appendix: gr.HTML


def build() -> Report:
    """Lay out the button, its links and the appendix."""
    gr.HTML(
        "<h3>The report</h3><p>One document with everything above: a page to read, a PDF to file, and a JSON that "
        "another expert can check. It is handed to you and not kept here. It comes in the language of this page, "
        "English.</p>",
        elem_id="report-part",
    )
    keep_name = gr.Checkbox(False, label="Write the picture's file name into the report", elem_id="keep-name")
    make = gr.Button("Make the report", elem_id="make-report")
    language = gr.Textbox("en", visible=False)
    links_view = gr.HTML(status(), elem_id="report-links")
    with gr.Accordion("Technical appendix", open=False, elem_id="appendix-part") as opened:
        appendix_view = gr.HTML(status(), elem_id="appendix")
    return Report(keep_name, make, language, links_view, opened, appendix_view)


def source(case: Case, uploaded: Picture | None) -> Mapping[str, Any]:
    """What a report may state of the file that a case is about, without its pixels (`facts.picture_facts`).

    uploaded: the visitor's last upload, which may be another picture.
    """
    from mia_viz.report.facts import picture_facts

    caption = case.caption or ""
    if uploaded is not None:
        channels, *size = case.values.shape
        for how in HOW:
            try:
                same = prepare(uploaded, tuple(size), channels, how).sha256 == case.sha256
            except PictureError:
                continue
            if same:
                return picture_facts(uploaded, how, uploaded.name, caption)
    file = engine.known_file(case)
    if file is None:
        return picture_facts(None, "exact", caption=caption)
    return picture_facts(load_picture(file), "exact", file.name, caption)


def facts(case: Case, found: Statement, picture: Mapping[str, Any], keep_name: bool):
    """The report's facts, with the file's name only where it is wanted."""
    told = {name: value for name, value in picture.items() if keep_name or name != "name"}
    return engine.facts_named(case, told, found.twin is not None)


def links(case: Case, found: Statement, picture: Mapping[str, Any], keep_name: bool, language: str = "en") -> str:
    """The three files as links that hold them. language: of the report; one that is not known stands for English."""
    from mia_viz import report

    language, about = known(language), facts(case, found, picture, keep_name)
    placed, pictures = engine.reference(case.target), engine.gallery(case.target, case.values.shape)
    with tempfile.TemporaryDirectory(dir=os.environ.get("GRADIO_TEMP_DIR")) as folder:
        files = report.write(case, found, placed, about, Path(folder), pictures, language)
        data = {"html": files.html.read_bytes(), "pdf": files.pdf.read_bytes(), "json": files.json.read_bytes()}
    name = f"mia-viz-report-{case.sha256[:8]}" + ("" if language == "en" else f"-{language}")
    items = "".join(
        link(f"{name}.{form}", kind, data[form], f"{form.upper()}, {words}") for form, (kind, words) in KINDS.items()
    )
    return status(
        f'<div class="mv-files">{items}</div><span class="mv-note">{SPOKEN.get(language, "")} Save what you need: the '
        "links live as long as this page.</span>"
    )


def known(language: str) -> str:
    """The language itself where there is a catalogue of it, else English."""
    return language if language in languages() else "en"


def link(name: str, kind: str, data: bytes, words: str) -> str:
    """A link that holds a file."""
    held = base64.b64encode(data).decode()
    return f'<a class="mv-file" download="{name}" href="data:{kind};base64,{held}">{words} ({size(len(data))})</a>'


def size(count: int) -> str:
    """Bytes for a person: "12 kB", "1.4 MB"."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"


def appendix(case: Case, found: Statement, picture: Mapping[str, Any], language: str = "en") -> str:
    """The technical appendix, as the report in this language has it; the page puts its words in the language."""
    from mia_viz.report.content import as_content
    from mia_viz.report.document import appendix as blocks
    from mia_viz.report.page import fragment

    about = facts(case, found, picture, False)
    _, *rest = blocks(as_content(case, found, about, known(language)), {})  # its heading is the accordion's
    return f'<div class="mv-appendix">{fragment(rest)}</div>'
