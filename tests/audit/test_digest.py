"""The summary: counts, lists and the test agree with the table taken as a whole."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from mia_viz.analysis import plan
from mia_viz.audit import digest as digest_module
from mia_viz.audit.digest import SHOWN, TOGETHER, digest
from mia_viz.audit.page import write
from mia_viz.audit.table import Parts, schema
from mia_viz.combined import fit_weigher
from mia_viz.reference import Column, Reference, settings_text
from mia_viz.sets import compare_sets

PLANS = (plan("loss"), plan("sima"))
ROWS = 300


@pytest.fixture
def known() -> Reference:
    """A reference of 120 pictures whose members score higher by one."""
    rng = np.random.default_rng(1)
    member, split = np.arange(120) < 50, np.where(np.arange(120) % 3, "calibration", "test")
    columns = {}
    for chosen in PLANS:
        score = rng.standard_normal(120) + member
        columns[chosen.key] = Column(settings_text(chosen), score, -score, np.zeros((120, 0, 32)), 1.0)
    names = tuple(f"{i:064x}" for i in range(120))
    return Reference("wavy", "", names, names, member, split, columns)


@pytest.fixture
def audited(tmp_path, known):
    """A table of 300 rows in parts of 32: copies, failures, and two pictures of the reference."""
    rng = np.random.default_rng(2)
    scores = rng.standard_normal((ROWS, 2)) + 0.3
    scores[7] = scores[3]
    hashes = [f"{int(v):064x}" for v in rng.integers(1 << 40, 1 << 62, ROWS)]
    hashes[7], hashes[10], hashes[11] = hashes[3], known.image_sha256[0], known.image_sha256[60]
    rows = []
    for i in range(ROWS):
        row = {"place": i, "id": f"<{i}>.png", "pixels_sha256": hashes[i], "status": "scored"}
        if i % 50 == 49:
            rows.append({**row, "pixels_sha256": None, "status": "unreadable", "error": "It is <broken>."})
            continue
        for chosen, score in zip(PLANS, scores[i], strict=True):
            row |= {f"{chosen.key}.score": score, f"{chosen.key}.p_value": (1 + i % 100) / 101}
        rows.append(row)
    parts = Parts(tmp_path, schema(PLANS), 32)
    for part in range(-(-ROWS // 32)):
        parts.write(part, rows[part * 32 : (part + 1) * 32])
    return tmp_path, scores, hashes


def test_counts_and_lists(audited, known, make_wavy):
    folder, scores, hashes = audited
    found = digest(folder, PLANS, known, make_wavy())
    assert found.statuses == {"scored": 294, "unreadable": 6}
    assert found.kinds == {"It is <broken>.": 6}
    assert found.known == 2
    good = [i for i in range(ROWS) if i % 50 != 49]
    for column, chosen in enumerate(PLANS):
        some = found.methods[chosen.key]
        assert (some.count, some.judged, some.outstanding) == (294, 294, 3)
        ordered = sorted((i for i in good if i != 7), key=lambda i: -scores[i, column])
        assert [r.place for r in some.most] == ordered[:SHOWN]
        assert [r.place for r in some.least] == ordered[::-1][:SHOWN]
        assert len(found.sample[chosen.key]) == len({hashes[i] for i in good})


def test_the_combined_score_is_ranked_among_pictures_that_made_no_rule(audited, known, make_wavy):
    folder, scores, hashes = audited
    found = digest(folder, PLANS, known, make_wavy())
    groups = [{p.key: known.scores(p.key, member) for p in PLANS} for member in (False, True)]
    weigher = fit_weigher(*groups)
    unseen = weigher.score({p.key: known.scores(p.key, False, "test") for p in PLANS})
    best = found.methods[TOGETHER].most[0]
    own = weigher.score({p.key: [scores[best.place, i]] for i, p in enumerate(PLANS)})[0]
    assert best.score == pytest.approx(own)
    left = unseen[[n != hashes[best.place] for n in np.array(known.image_sha256)[known.choose(False, "test")]]]
    assert best.p_value == (1 + (left >= own).sum()) / (len(left) + 1)
    assert found.first.key == TOGETHER
    assert "the model never saw" in found.answer


def test_the_set_test_leaves_audited_pictures_out(audited, known, make_wavy):
    folder, *_ = audited
    found = digest(folder, PLANS[:1], known, make_wavy())
    unseen = known.scores("loss", False, "test", (known.image_sha256[60],))
    assert found.set_test == compare_sets(found.sample["loss"], unseen)
    assert found.set_test.unseen == (known.choose(False, "test")).sum() - 1  # picture 60 is a test hold-out
    assert found.no_set_test == ""


def test_without_a_reference_nothing_is_claimed(audited, make_wavy):
    found = digest(audited[0], PLANS, None, make_wavy())
    assert TOGETHER not in found.methods
    assert found.set_test is None
    assert "no reference" in found.sentences[-1]


def test_the_sample_is_bounded_and_does_not_depend_on_the_order(audited, make_wavy, monkeypatch):
    monkeypatch.setattr(digest_module, "SAMPLE", 40)
    folder, scores, hashes = audited
    sample = digest(folder, PLANS, None, make_wavy()).sample["loss"]
    good = {hashes[i]: scores[i, 0] for i in range(ROWS) if i % 50 != 49}
    smallest = sorted(good, key=lambda name: int(name[:15], 16))[:40]
    if len({name[:15] for name in smallest}) == 40:
        assert sorted(sample) == pytest.approx(sorted(good[name] for name in smallest))
    assert len(sample) == 40


def test_the_page_is_whole_and_safe(audited, known, make_wavy):
    folder, *_ = audited
    found = digest(folder, PLANS, known, make_wavy())
    page = write(found, folder, make_wavy()).read_text()
    assert "<broken>" not in page
    assert "It is &lt;broken&gt;." in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "<script" not in page
    assert "The whole collection, all methods together" in page
    assert f"{100 * found.set_test.above:.1f} %" in page
    assert "Without a score, or not with all of them: 6. Of these, 6 could not be used at all." in page
    assert page.count("<img") == 3  # one distribution per method, no picture of anybody
    stored = json.loads((folder / "summary.json").read_text())
    assert stored["answer"] == found.answer
    assert len(stored["methods"]["loss"]["most"]) == SHOWN


def test_an_empty_audit_is_one_sentence(tmp_path, make_wavy):
    with pytest.raises(ValueError, match="no picture"):
        digest(tmp_path, PLANS, None, make_wavy())


def test_what_chance_alone_would_do_is_never_nothing():
    found = digest_module.Digest()
    found.methods["loss"] = digest_module.Scores("loss", "Loss", np.empty(0), np.empty(0), 40, 40, 38)
    assert "fewer than one would by chance" in found.answer
    found.methods["loss"].judged = 400
    assert "about 4 would by chance" in found.answer
