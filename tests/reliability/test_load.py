"""The load test in short: a visitor of every kind, for as long as an answer takes. Long form: python -m tests.load."""

from __future__ import annotations

import pytest

from tests import load


@pytest.mark.ui
def test_visitors_at_once_get_their_own_right_answers(capsys):
    code = load.run(5, 10, pictures=2, patient=False)
    figures = capsys.readouterr().out
    assert code == 0, figures
    assert "answered rightly" in figures
