"""Take a picture of every view in four contexts, so that a change of look is a change of a picture in review.

python -m tests.ui.look                   docs/images/look/VIEW-CONTEXT.webp, and the tables of docs/look.md
python -m tests.ui.look choose verdict    only these views
python -m tests.ui.look --page            only the tables

What is printed is what the browser prints: the sheets of its PDF, from the light page. From the dark page they must be
the same; the run ends with an error where they are not.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pypdfium2
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from mia_viz.ui.launch import build, launch_options
from tests.ui.browser import find_chromium
from tests.ui.conftest import QUIET
from tests.ui.look_views import BEFORE_AND_AFTER, PAGES, VIEWS, View, lesson_name

DOCS = Path(__file__).resolve().parents[2] / "docs"
OUT, TABLES = DOCS / "images" / "look", DOCS / "look.md"
CONTEXTS = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True},
    "print": {"viewport": {"width": 1280, "height": 900}},
}
WIDTHS = {"desktop": 640, "dark": 640, "phone": 320, "print": 460}
"""Pixels across a stored page, or across one printed sheet."""
COLUMN, GAP, QUALITY = 1400, 12, 42
"""A longer page goes on in another column, so many pixels further to the right. WebP's quality: enough to read."""
SAME = 0.02
"""Mean difference of two prints, of 1, at which they are not the same any more."""
HEAD = "<!-- Below: made by python -m tests.ui.look -->"


def shots(browser: Browser, url: str, view: View, context: str) -> Iterator[tuple[str, list[Image.Image]]]:
    """The pictures of a view: a name, empty where there is only one, and a page or its printed sheets."""
    visitor = browser.new_context(**CONTEXTS[context], locale=view.language, reduced_motion="reduce")
    page = visitor.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{url}?__theme={'dark' if context == 'dark' else 'light'}")
    page.wait_for_selector("#hero img")
    try:
        for name in view.visit(page) or [""]:
            page.wait_for_timeout(1500)
            yield name, printed_alike(page) if context == "print" else [seen(page, view)]
    finally:
        visitor.close()


def seen(page: Page, view: View) -> Image.Image:
    """What a screen shows."""
    png = page.locator(view.part).screenshot() if view.part else page.screenshot(full_page=view.whole)
    return Image.open(io.BytesIO(png)).convert("RGB")


def sheets(page: Page, scale: float = 1.0) -> list[Image.Image]:
    """What the browser's own print gives, sheet by sheet; scale 1 is 72 dots per inch."""
    pdf = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True, print_background=True))
    return [pdf[i].render(scale=scale).to_pil().convert("RGB") for i in range(len(pdf))]


def printed_alike(page: Page) -> list[Image.Image]:
    """The sheets of a light page. Raises AssertionError where the same page in the dark gives others."""
    light = sheets(page)
    page.evaluate("document.body.classList.add('dark')")
    page.wait_for_timeout(500)
    dark = sheets(page)
    page.evaluate("document.body.classList.remove('dark')")
    assert apart(light, dark) < SAME, "the dark page is printed otherwise"
    return light


def apart(first: list[Image.Image], second: list[Image.Image]) -> float:
    """Mean difference of grey levels in [0, 1] over all sheets; 1 where their number differs."""
    if len(first) != len(second):
        return 1.0
    return max(
        float(np.abs(np.asarray(a.convert("L"), float) - np.asarray(b.convert("L"), float)).mean()) / 255
        for a, b in zip(first, second, strict=True)
    )


def side_by_side(pages: list[Image.Image], width: int) -> Image.Image:
    """Pages at one width, from left to right; what is longer than a column goes on in the next one."""
    columns = []
    for page in pages:
        small = page.resize((width, max(1, round(page.height * width / page.width))), Image.Resampling.LANCZOS)
        tops = range(0, small.height, COLUMN)
        columns += [small.crop((0, top, width, min(top + COLUMN, small.height))) for top in tops]
    sheet = Image.new(
        "RGB", (len(columns) * (width + GAP) - GAP, max(column.height for column in columns)), (150, 156, 164)
    )
    for place, column in enumerate(columns):
        sheet.paste(column, (place * (width + GAP), 0))
    return sheet


def files() -> dict[str, dict[str, str]]:
    """The pictures of docs/look.md by view: context, or moment of the lesson, to the file's name."""
    named = {name: {c: f"{name}-{c}.webp" for c in view.contexts} for name, view in VIEWS.items()}
    del named["lesson"], named["lesson-print"]
    for number, content in enumerate(PAGES, start=1):
        row = {}
        for context in VIEWS["lesson"].contexts:
            for moment in BEFORE_AND_AFTER:
                row[f"{context}, {moment}"] = f"{lesson_name(number, moment)}-{context}.webp"
        named[f"{number} {content['title']}"] = {**row, "print": f"{lesson_name(number, 'print')}-print.webp"}
    return named


def table(rows: dict[str, dict[str, str]]) -> str:
    """Small pictures that lead to the whole ones."""
    heads = list(dict.fromkeys(context for row in rows.values() for context in row))
    lines = [f"| | {' | '.join(heads)} |", "| --- |" + " --- |" * len(heads)]
    for name, row in rows.items():
        words = name.replace("-", " ")
        cells = [thumbnail(f"images/look/{row[c]}", f"{words}, {c}") if c in row else "" for c in heads]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def thumbnail(file: str, words: str) -> str:
    return f'[<img src="{file}" width="110" alt="{words}">]({file})'


def write_tables() -> None:
    """The second half of docs/look.md."""
    every, own = files(), set(VIEWS)
    parts = [
        "## The app\n\n" + table({name: row for name, row in every.items() if name in own}),
        "## The lesson, page by page\n\nEvery page as it opens and when its tasks are done.\n\n"
        + table({name: row for name, row in every.items() if name not in own}),
    ]
    kept, _, _ = TABLES.read_text(encoding="utf-8").partition(HEAD)
    TABLES.write_text(f"{kept}{HEAD}\n\n" + "\n\n".join(parts) + "\n", encoding="utf-8")


def main(wanted: list[str]) -> None:
    write_tables()
    if wanted == ["--page"]:
        return
    OUT.mkdir(parents=True, exist_ok=True)
    demo = build()
    demo.queue(default_concurrency_limit=8)
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(QUIET))
        for view in wanted or VIEWS:
            for context in VIEWS[view].contexts:
                for name, pages in shots(browser, url, VIEWS[view], context):
                    file = OUT / f"{name or view}-{context}.webp"
                    first = pages[:1] if view == "lesson-print" else pages  # the card; its step is printed above
                    side_by_side(first, WIDTHS[context]).save(file, "WEBP", quality=QUALITY, method=6)
                    print(f"{file.name}: {file.stat().st_size // 1024} KB", flush=True)
        browser.close()
    demo.close()
    if not wanted:  # what no view is called any more
        known = {file for row in files().values() for file in row.values()}
        for file in OUT.glob("*.webp"):
            if file.name not in known:
                file.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
