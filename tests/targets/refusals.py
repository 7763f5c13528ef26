"""What every refusal of a model looks like."""

from __future__ import annotations

import pytest

from mia_viz.targets.bundled import open_target
from mia_viz.targets.target import TargetError


def refused(where, said: str, **settings) -> None:
    """Opening fails with one short sentence, and only with a TargetError."""
    with pytest.raises(TargetError, match=said) as caught:
        open_target(str(where), **settings)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 260
