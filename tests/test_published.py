"""Published times are read as they are written; whatever is no such list is refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mia_viz.published import ENTRIES, seconds

CASE = Path(__file__).parent / "data" / "parity" / "scores.json"


def test_times_of_every_entry():
    published = json.loads(CASE.read_text())["attacks"]
    found = seconds(CASE)
    assert set(found) == set(published) == {*ENTRIES, "sima.epsilon"}
    assert found["secmi.stat"] == published["secmi.stat"]["cpu_seconds_per_image"]


def test_an_entry_has_a_plan_per_published_row():
    rows = {name: entry["rows"] for name, entry in json.loads(CASE.read_text())["attacks"].items()}
    for name, entry in ENTRIES.items():
        assert len(entry.plans()) == len(rows[name] or [None])


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"attacks": {}}', '{"attacks": {"a": {}}}', '{"attacks": {"a": {"cpu_seconds_per_image": 0}}}'],
)
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(ValueError, match=r"--compare needs\.$"):
        seconds(tmp_path / "scores.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="There is no file"):
        seconds(tmp_path / "nothing.json")
