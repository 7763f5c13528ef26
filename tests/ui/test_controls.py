"""The controls of a published evaluation, in words."""

from __future__ import annotations

import re

from mia_viz import engine
from mia_viz.targets import bundled
from mia_viz.ui.controls import AGE, MEANINGS, controls


def cells(html: str) -> list[list[str]]:
    """Texts of all table rows."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows]


def evaluation(**change: object) -> dict:
    auc = [{"value": v, "low": v - 0.1, "high": v + 0.1} for v in (0.45, 0.55, 0.9, 0.2)]
    lines = [("shuffled labels", "loss", 0), ("shuffled labels", "pia", 1)]
    lines += [
        ("members of the two twins, right model", "loss", 2),
        ("members of the two twins, wrong model", "loss", 3),
    ]
    rows = [{"kind": kind, "attack": attack, "auc": auc[i], "flipped": None} for kind, attack, i in lines]
    rows.append({"kind": "eps_hat = 0", "attack": "pia", "auc": None, "flipped": None})
    return {
        "weights_sha256": engine.reference("brain-a").weights_sha256,
        "controls": rows,
        "remarks": ["brain-a-0200 has none."],
        **change,
    }


def test_every_control_is_explained_with_its_range(monkeypatch):
    monkeypatch.setattr(bundled, "evaluation", lambda name: evaluation())
    text = controls("brain-a")
    rows = {row[0]: row for row in cells(text)}
    assert rows["Labels dealt at random"][1] == (
        "0.45 to 0.55 over 2 methods and settings; intervals reach from 0.35 to 0.65"
    )
    assert rows["The same pictures, asked of the wrong twin"][1] == "0.20 [0.10, 0.30]"
    assert rows["A model that always answers zero"][1] == "not defined"
    assert rows["loss"] == ["loss", "0.45 [0.35, 0.55]", "", "", "0.90 [0.80, 1.00]", "0.20 [0.10, 0.30]"]
    assert "Brain MR model A, after 200 passes" in text


def test_every_kind_of_control_that_was_published_has_words():
    for name in ("brain-a", "brain-b"):
        kinds = {c["kind"] for c in bundled.evaluation(name)["controls"] if not c["kind"].startswith(AGE)}
        assert kinds <= set(MEANINGS)


def test_an_evaluation_of_other_weights_is_not_shown(monkeypatch):
    monkeypatch.setattr(bundled, "evaluation", lambda name: evaluation(weights_sha256="0" * 64))
    assert controls("brain-a") == "<p>No controls were measured for this model.</p>"
