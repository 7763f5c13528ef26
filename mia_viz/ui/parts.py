"""Small pieces of HTML and script that several steps share."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from mia_viz.own_models import ModelLetGo
from mia_viz.ui import log


def progress_bar(share: float, seconds: float) -> str:
    """Share done in [0, 1], with an estimate of the rest once it means something."""
    left = seconds * (1 - share) / share if share > 0.05 else 0.0
    rest = f", about {left:.0f} s left" if left >= 1 else ""
    bar = f'<div class="mv-bar"><i style="width:{100 * share:.0f}%"></i></div>'
    return status(f"{bar}Asking the model: {100 * share:.0f} %{rest}")


def status(inner: str = "") -> str:
    """A line that screen readers announce when it changes; `inner` is HTML."""
    return f'<div class="mv-status" role="status">{inner}</div>'


def model_now(place: int) -> str:
    """Script for an event that a change of family sets off: sends the model in view as input number `place`.

    Between a radio's new choices and its new value the browser reports the old value, which gradio refuses.
    """
    return (
        "async (...given) => { await new Promise(done => setTimeout(done, 50)); "
        "const now = document.querySelector('#target input:checked'); "
        f"if (now) given[{place}] = now.value; return given; }}"
    )


def error_panel(error: ValueError) -> str:
    """A sentence about what went wrong."""
    return f'<div class="mv-status mv-error" role="alert">{escape(str(error))}</div>'


def failure(error: Exception) -> str:
    """What a visitor reads when a job fails, with a way on where there is one."""
    if isinstance(error, ModelLetGo):
        again = '<button type="button" class="mv-again">Open it again</button>'
        return f'<div class="mv-status" role="alert">{escape(str(error))} {again}</div>'
    return error_panel(ValueError(sentence(error)))


def sentence(error: Exception) -> str:
    """Why a job failed: our own sentence where there is one; the rest goes to the log."""
    if isinstance(error, ValueError):
        return str(error)
    log.failure("a job failed", error)
    return "The model failed on this picture; try another picture or model."


@dataclass(frozen=True)
class Link:
    """A table cell that leads to another page."""

    text: str
    url: str


def data_table(heads: tuple[str, ...], rows: list[tuple[str | Link, ...]], wide: tuple[int, ...] = ()) -> str:
    """A plain table that scrolls sideways on a phone; columns in `wide` may wrap."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    marks = [' class="mv-wide"' if i in wide else "" for i in range(len(heads))]
    body = "".join(
        f"<tr>{''.join(f'<td{m}>{_cell(cell)}</td>' for m, cell in zip(marks, row, strict=True))}</tr>" for row in rows
    )
    return (
        '<div class="mv-scroll" tabindex="0" role="group" aria-label="table"><table class="mv-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(cell: str | Link) -> str:
    if isinstance(cell, Link):
        return f'<a href="{escape(cell.url)}" target="_blank" rel="noreferrer">{escape(cell.text)}</a>'
    return escape(cell)
