"""The report as a PDF on A4, set with fpdf2 in the DejaVu faces that come with matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import matplotlib
from fpdf import FPDF
from fpdf.enums import VAlign, WrapMode
from fpdf.fonts import FontFace
from PIL import Image

from mia_viz.report.document import Block, Box, Bullets, Heading, NewPage, Picture, Row, Table, Text
from mia_viz.report.drawing import Drawn

INK, QUIET, LINE = (29, 33, 38), (86, 93, 102), (213, 217, 222)
MARGIN, TOP = 17, 15
SIZES = {1: 15, 2: 12, 3: 10}
FACES = (("Sans", "", "DejaVuSans"), ("Sans", "B", "DejaVuSans-Bold"), ("Mono", "", "DejaVuSansMono"))


class Sheet(FPDF):
    """A4 pages with a quiet foot line, made of the page's number."""

    def __init__(self, foot: Callable[[int], str]) -> None:
        super().__init__(format="A4")
        self.foot = foot
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        for family, style, file in FACES:
            self.add_font(family, style, fonts / f"{file}.ttf")
        self.set_margins(MARGIN, TOP, MARGIN)
        self.set_auto_page_break(True, 17)
        self.add_page()

    def footer(self) -> None:
        self.set_y(-12)
        self.write_in("Sans", 7, QUIET)
        self.cell(0, 4, self.foot(self.page_no()), align="C")

    def write_in(self, family: str, size: float, colour: tuple[int, int, int] = INK, style: str = "") -> None:
        self.set_font(family, style, size)
        self.set_text_color(*colour)

    def room(self, height: float) -> None:
        """Begin a new page where less than this height (mm) is left."""
        if self.will_page_break(height):
            self.add_page()

    def lines(self, text: str, step: float, width: float = 0) -> None:
        self.multi_cell(width, step, text, align="L", new_x="LMARGIN", new_y="NEXT")


def pdf(title: str, blocks: Sequence[Block], foot: Callable[[int], str], utc: str, language: str = "en") -> bytes:
    """The PDF's bytes.

    foot: from a page's number to its foot line, where "{nb}" stands for the number of pages. utc: ISO time for its
    date, so that nothing else depends on the clock. language: of its texts.
    """
    sheet = Sheet(foot)
    sheet.set_title(title)
    sheet.set_lang(language)
    sheet.set_producer("MIA-Viz")
    sheet.set_creation_date(datetime.fromisoformat(utc.replace("Z", "+00:00")))
    for block in blocks:
        _block(sheet, block)
    return bytes(sheet.output())


def _block(sheet: Sheet, block: Block) -> None:
    match block:
        case Heading(text, level):
            sheet.room(28 if level > 1 else 10)
            sheet.ln(0 if level == 1 else 2.4)
            sheet.write_in("Sans", SIZES[level], INK, "B")
            sheet.lines(text, SIZES[level] * 0.45)
            sheet.ln(0.8)
        case Text(text, note):
            sheet.write_in("Sans", 7.8 if note else 9, QUIET if note else INK)
            sheet.lines(text, 4 if note else 4.5)
            sheet.ln(1)
        case Box(sentence, paragraphs):
            _box(sheet, sentence, paragraphs)
        case Bullets(items):
            _bullets(sheet, items)
        case Picture(drawn):
            _row(sheet, (drawn,), (1.0,))
        case Row(drawn, shares):
            _row(sheet, drawn, shares)
        case NewPage():
            sheet.add_page()
        case Table():
            _table(sheet, block)


def _box(sheet: Sheet, sentence: str, paragraphs: Sequence[str]) -> None:
    """A framed answer with a heavy left edge; it must fit on the page it begins on."""
    sheet.ln(1.5)
    top, pad = sheet.get_y(), 4
    sheet.set_y(top + 3)
    sheet.set_left_margin(MARGIN + pad + 1)
    sheet.set_right_margin(MARGIN + pad)
    sheet.write_in("Sans", 13, INK, "B")
    sheet.lines(sentence, 6)
    sheet.ln(1)
    for text in paragraphs:
        sheet.write_in("Sans", 9)
        sheet.lines(text, 4.5)
        sheet.ln(1)
    sheet.set_left_margin(MARGIN)
    sheet.set_right_margin(MARGIN)
    bottom = sheet.get_y() + 1.5
    sheet.set_draw_color(*INK)
    sheet.set_line_width(0.25)
    sheet.rect(MARGIN, top, sheet.epw, bottom - top)
    sheet.set_fill_color(*INK)
    sheet.rect(MARGIN, top, 1.6, bottom - top, style="F")
    sheet.set_xy(MARGIN, bottom + 2)


def _bullets(sheet: Sheet, items: Sequence[str]) -> None:
    sheet.write_in("Sans", 8.6)
    for item in items:
        sheet.room(9)
        sheet.set_x(MARGIN + 1)
        sheet.cell(3.5, 4.2, "\N{BULLET}")
        sheet.lines(item, 4.2, sheet.epw - 4.5)
        sheet.ln(0.4)
    sheet.ln(0.6)


def _row(sheet: Sheet, drawn: Sequence[Drawn], shares: Sequence[float]) -> None:
    """Figures side by side with their captions under them, kept on one page."""
    gap = 4 if len(drawn) > 1 else 0
    widths = [share * (sheet.epw - gap * (len(drawn) - 1)) for share in shares]
    heights = [width * _shape(one) for width, one in zip(widths, drawn, strict=True)]
    sheet.room(max(heights) + 12)
    top, left, lowest = sheet.get_y(), MARGIN, sheet.get_y()
    for one, width, height in zip(drawn, widths, heights, strict=True):
        sheet.image(io.BytesIO(one.png), x=left, y=top, w=width, alt_text=one.alt)
        sheet.set_xy(left, top + height + 0.6)
        sheet.write_in("Sans", 7.8, QUIET)
        sheet.multi_cell(width, 3.9, one.caption, align="L", new_x="LMARGIN", new_y="NEXT")
        lowest, left = max(lowest, sheet.get_y()), left + width + gap
    sheet.set_xy(MARGIN, lowest + 2)


def _shape(drawn: Drawn) -> float:
    """Height over width."""
    with Image.open(io.BytesIO(drawn.png)) as image:
        return image.height / image.width


def _table(sheet: Sheet, table: Table) -> None:
    sheet.write_in("Sans", 7.8)
    sheet.set_draw_color(*LINE)
    sheet.set_fill_color(255, 255, 255)
    sheet.set_line_width(0.2)
    plain = FontFace(family="Sans", size_pt=7.8, color=INK, emphasis="")
    fixed = FontFace(family="Mono", size_pt=7.2, color=INK, emphasis="")
    quiet = FontFace(family="Sans", size_pt=7.8, color=QUIET, emphasis="")
    with sheet.table(
        col_widths=tuple(100 * share for share in table.shares),
        line_height=3.9,
        text_align="LEFT",
        v_align=VAlign.T,
        borders_layout="HORIZONTAL_LINES",
        first_row_as_headings=bool(table.head),
        headings_style=quiet,
        padding=(0.7, 1, 0.7, 0),
        wrapmode=WrapMode.WORD,
    ) as grid:
        for row in (table.head, *table.rows) if table.head else table.rows:
            cells = grid.row()
            for i, text in enumerate(row):
                style = quiet if row is table.head else fixed if i in table.fixed else plain
                cells.cell(text, style=style)
    sheet.ln(1.5)
