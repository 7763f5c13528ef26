"""The short form of `python -m tests.fuzz`, and that its cases are what they claim to be."""

from __future__ import annotations

from tests import fuzz


def test_damaged_files_of_every_format_end_in_one_sentence():
    outcomes = fuzz.run(300)
    failed = [outcome for outcome in outcomes if outcome.failed]
    assert len(outcomes) == 300
    assert not failed
    for kind in fuzz.seeds():
        assert any(o.kind == kind for o in outcomes)
    assert {"opened", "refused"} == {o.result for o in outcomes}


def test_seeds_open_and_cases_repeat():
    for kind, files in fuzz.seeds().items():
        assert any(fuzz.opened(data) == "opened" for data in files), kind
    assert fuzz.case(0, 17) == fuzz.case(0, 17)
    assert fuzz.case(0, 17) != fuzz.case(1, 17)
