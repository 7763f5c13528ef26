"""Small pieces of HTML that several steps share."""

from __future__ import annotations

from html import escape


def progress_bar(share: float, seconds: float) -> str:
    """Share done in [0, 1], with an estimate of the rest once it means something."""
    left = seconds * (1 - share) / share if share > 0.05 else 0.0
    rest = f", about {left:.0f} s left" if left >= 1 else ""
    bar = f'<div class="mv-bar"><i style="width:{100 * share:.0f}%"></i></div>'
    return status(f"{bar}Asking the model: {100 * share:.0f} %{rest}")


def status(inner: str = "") -> str:
    """A line that screen readers announce when it changes; `inner` is HTML."""
    return f'<div class="mv-status" role="status">{inner}</div>'


def error_panel(error: ValueError) -> str:
    """A sentence about what went wrong."""
    return f'<div class="mv-status mv-error" role="alert">{escape(str(error))}</div>'


def data_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A plain table that scrolls sideways on a phone; every cell is text."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        '<div class="mv-scroll" tabindex="0" role="region" aria-label="table"><table class="mv-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
