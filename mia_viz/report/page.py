"""The report as one HTML page: no scripts, nothing loaded from elsewhere, prints on A4."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from mia_viz.language import Verbatim
from mia_viz.report.document import Block, Box, Bullets, Heading, NewPage, Picture, Row, Table, Text
from mia_viz.report.drawing import Drawn

STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 46rem; padding: 1.5rem 1.1rem 4rem; background: #fff; color: #1d2126;
  font: 1rem/1.5 "IBM Plex Sans", "DejaVu Sans", system-ui, sans-serif; overflow-wrap: break-word; hyphens: auto; }
[translate=no] { hyphens: none; }
h1 { font-size: 1.45rem; line-height: 1.25; margin: 0 0 .2rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .5rem 0; }
.note { color: #565d66; font-size: .88rem; }
.answer { border: 1px solid #1d2126; border-left-width: .4rem; padding: .7rem 1rem; margin: 1rem 0; }
.answer p:first-child { font-size: 1.25rem; font-weight: 700; line-height: 1.3; margin: .1rem 0 .5rem; }
figure { margin: 1rem 0; break-inside: avoid; }
figure div, .scroll { overflow-x: auto; }
.row { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: flex-start; }
.row figure { max-width: 26rem; }
figure img { width: 100%; height: auto; display: block; }
figcaption { color: #565d66; font-size: .88rem; margin-top: .3rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; font-size: .88rem; margin: .4rem 0; }
td, th { border-top: 1px solid #d5d9de; padding: .28rem .5rem .28rem 0; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
th { border-top: 0; color: #565d66; font-weight: 400; }
tr { break-inside: avoid; }
.fixed { font-family: "IBM Plex Mono", "DejaVu Sans Mono", monospace; font-size: .8rem; }
li { margin: .2rem 0; }
h2, h3 { break-after: avoid; }
.page { border: 0; border-top: 1px solid #d5d9de; margin: 2.5rem 0 0; }
@page { size: A4; margin: 16mm 17mm; }
@media print { html { font-size: 9pt; } body { max-width: none; padding: 0; line-height: 1.4; }
  .page { break-before: page; visibility: hidden; margin: 0; height: 0; } h2 { margin-top: 1rem; }
  figure { margin: .4rem 0; } }
@media screen and (max-width: 34rem) { main > figure img { width: 36rem; max-width: none; }
  table.wide { width: 44rem; } }
@media screen and (max-width: 30rem) { body { padding: 1rem .8rem 3rem; } .answer { padding: .6rem .8rem; }
  table.pairs tr { display: block; border-top: 1px solid #d5d9de; padding: .3rem 0; }
  table.pairs td { display: block; width: 100% !important; border: 0; padding: 0; }
  table.pairs td:first-child { color: #565d66; } }
"""


def page(title: str, blocks: Sequence[Block], language: str = "en") -> str:
    """The page's HTML. language: of its texts."""
    body = fragment(blocks)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


def fragment(blocks: Sequence[Block]) -> str:
    """The blocks' HTML without a page around them."""
    return "\n".join(_block(block) for block in blocks)


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Text(text, note):
            kind = ' class="note"' if note else ""
            return f"<p{kind}>{escape(text)}</p>"
        case Box(sentence, paragraphs):
            inner = "".join(f"<p>{escape(text)}</p>" for text in (sentence, *paragraphs))
            return f'<section class="answer">{inner}</section>'
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Row(drawn, shares):
            parts = zip(drawn, shares, strict=True)
            return f'<div class="row">{"".join(_figure(one, f"flex:{share} 1 17rem") for one, share in parts)}</div>'
        case Picture(drawn):
            return _figure(drawn, "")
        case NewPage():
            return '<hr class="page">'
        case Table():
            return _table(block)
    raise TypeError(f"There is no way to set a {type(block).__name__}.")


def _figure(drawn: Drawn, style: str) -> str:
    source = "data:image/png;base64," + base64.b64encode(drawn.png).decode()
    own = f' style="{style}"' if style else ""
    return (
        f'<figure{own}><div tabindex="0"><img src="{source}" alt="{escape(drawn.alt)}"></div>'
        f"<figcaption>{escape(drawn.caption)}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    widths = [f' style="width:{100 * share:.0f}%"' for share in table.shares]
    head = ""
    if table.head:
        cells = "".join(f"<th{width}>{escape(text)}</th>" for text, width in zip(table.head, widths, strict=True))
        head = f"<thead><tr>{cells}</tr></thead>"
    rows = []
    for row in table.rows:
        kinds = [_kind(text, i in table.fixed) for i, text in enumerate(row)]
        cells = zip(row, kinds, widths, strict=True)
        rows.append("<tr>" + "".join(f"<td{k}{w}>{escape(text)}</td>" for text, k, w in cells) + "</tr>")
    kind = "wide" if table.head else "pairs"
    return f'<div class="scroll" tabindex="0"><table class="{kind}">{head}<tbody>{"".join(rows)}</tbody></table></div>'


def _kind(text: str, fixed: bool) -> str:
    """A cell's attributes; what is the same in every language is kept from programs that translate pages."""
    return (' class="fixed"' if fixed else "") + (' translate="no"' if isinstance(text, Verbatim) else "")
