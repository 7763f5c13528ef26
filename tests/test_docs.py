"""The code in the documentation runs and says what the pages say it says."""

from __future__ import annotations

import doctest
import importlib
import re
import sys
from pathlib import Path

import pytest

from mia_viz.attacks import attack as registry

ROOT = Path(__file__).resolve().parents[1]


def code_of(page: str) -> list[str]:
    """The page's runnable pieces of Python."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)


def run(code: str, names: dict[str, object]) -> None:
    """Run a piece of a page; without the future imports of this file."""
    exec(compile(code, "page", "exec", dont_inherit=True), names)


@pytest.fixture
def my_attack(tmp_path, monkeypatch):
    """The page's attack, imported from a file outside the package; the list of attacks is put back afterwards."""
    before = dict(registry._REGISTRY)
    (tmp_path / "my_attack.py").write_text(code_of("attacks.md")[0])
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("my_attack")
    del sys.modules["my_attack"]
    registry._REGISTRY.clear()
    registry._REGISTRY.update(before)


def test_the_page_for_programmers(monkeypatch):
    monkeypatch.chdir(ROOT)
    first, *others = code_of("python.md")
    names: dict[str, object] = {}
    run(first, names)
    assert len([row for row in first.splitlines() if row.startswith("import") or " = " in row]) == 6
    own = [piece for piece in others if "client" not in piece]  # those are run by tests/ui/test_api.py
    for i, piece in enumerate(own):
        example = doctest.DocTestParser().get_doctest(piece, names, f"python.md {i}", "python.md", 0)
        runner = doctest.DocTestRunner(verbose=False)
        runner.run(example, clear_globs=False)
        assert runner.summarize(verbose=False).failed == 0
        assert example.examples


def test_the_page_on_attacks(my_attack):
    attack, test = code_of("attacks.md")
    run(test, vars(my_attack))
    assert "worst_pixel" in registry.names()
    assert len([row for row in attack.splitlines() if row.strip()]) <= 40


def test_the_attack_of_the_page_works_by_its_name(my_attack, tiny_target, pictures):
    import mia_viz

    values = pictures(2).numpy()
    shown = mia_viz.Pictures(values, ("a", "b"), ("1", "2"))
    collected = mia_viz.collect(tiny_target, shown, "worst_pixel", t=50)
    assert mia_viz.score(collected).shape == (2,)
    assert mia_viz.score(collected, "lowpass:r=2,s=0").shape == (2,)
