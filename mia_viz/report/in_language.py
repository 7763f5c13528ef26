"""A report's blocks in another language, before they are laid out: every text is looked up, Verbatim ones stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from mia_viz.language import Say, Verbatim
from mia_viz.report.document import Block


def in_language(blocks: Sequence[Block], say: Say) -> list[Block]:
    """The same blocks with all that people read in the language of `say`."""
    return [_told(block, say) for block in blocks]


def _told(value: Any, say: Say) -> Any:
    """Texts, however deep they lie in tuples and dataclasses, in the language; everything else as it is."""
    if isinstance(value, Verbatim) or not isinstance(value, str):
        if isinstance(value, tuple):
            return tuple(_told(one, say) for one in value)
        if is_dataclass(value):
            return replace(value, **{field.name: _told(getattr(value, field.name), say) for field in fields(value)})
        return value
    return say(value)
