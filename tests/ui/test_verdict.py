"""The verdict step's words and its memory, without a browser."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mia_viz import engine
from mia_viz.pictures.files import load_picture
from mia_viz.pictures.prepare import prepare
from mia_viz.statement import NO_REFERENCE, NOT_COVERED, statement
from mia_viz.ui import evidence, report, verdict
from mia_viz.ui.pick import opening_case


@pytest.fixture(scope="module")
def told() -> verdict.Told:
    case, _ = opening_case("brain")
    return verdict.conclude(case, None, None)


def test_the_first_screen_works_out_no_statement():
    code = (
        "import sys\nfrom mia_viz.ui.launch import build\nbuild()\n"
        "assert not {'torch', 'sklearn', 'matplotlib'} & set(sys.modules), 'loaded too early'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_answer_comes_first_and_has_its_frequency(told):
    text = verdict.answer(told)
    found = told.statement
    assert text.index(found.answer) < text.index(found.verdict.frequency)
    assert "likelihood" not in text
    assert all(limit in text for limit in found.caveats)
    assert found.strength.cap in evidence.ratio(found)


def test_nothing_is_said_before_every_method_has_spoken(told):
    half = replace(told.case, findings=told.case.findings[:2], overall=None, live=True)
    assert verdict.conclude(half, told, None) is None
    assert "when all methods have spoken" in verdict.show(half, None, None)[1]
    assert len(verdict.show(half, None, None)) == len(verdict.show(told.case, told, None)) == 16


def test_a_statement_is_worked_out_once_and_the_twin_is_remembered(told):
    assert verdict.conclude(told.case, told, None) is told
    twin = replace(
        told.case, target="brain-b", findings=tuple(replace(f, score=f.score - 1) for f in told.case.findings)
    )
    after = verdict.conclude(twin, told, None)
    assert after.twin is told.case
    assert "Brain MR model A" in evidence.beside(after.statement)
    back = verdict.conclude(told.case, after, None)
    assert back.statement.twin.target == "brain-b"
    other = replace(twin, sha256="0" * 64)
    assert verdict.conclude(other, told, None).twin is None


def test_a_picture_the_reference_does_not_cover_gets_no_likelihood_ratio(told):
    noise = np.random.default_rng(0).uniform(-1, 1, told.case.values.shape).astype(np.float32)
    case = replace(told.case, values=noise, sha256="0" * 64)
    found = statement(case, engine.reference(case.target))
    assert found.answer == NOT_COVERED
    text = verdict.answer(verdict.Told(case, found, None, {}))
    assert NOT_COVERED in text
    assert "no likelihood ratio is given" in text
    assert evidence.ratio(found) == ""
    assert "times more probable" not in text + evidence.checks(found) + evidence.trust(found)
    assert "Of 1,000 pictures" not in text + evidence.checks(found)
    assert evidence.LOOSE in evidence.words(case, found)
    assert len(evidence.values(case, found)) == 6
    assert len(evidence.draw(case, found)) == 3


def test_evidence_without_a_reference_is_shown_without_a_verdict(told):
    findings = tuple(replace(finding, verdict=None) for finding in told.case.findings)
    case = replace(told.case, findings=findings, overall=None)
    found = statement(case, None)
    assert NO_REFERENCE in verdict.answer(verdict.Told(case, found, None, {}))
    assert evidence.ratio(found) == evidence.checks(found) == ""
    assert evidence.words(case, found).count(evidence.NO_SCALE) == len(findings)
    assert len(evidence.draw(case, found)) == 3


def test_the_report_knows_the_file_a_case_came_from(told, tmp_path):
    assert told.picture["name"] == "0112.png"
    file = tmp_path / "mine.png"
    values = np.random.default_rng(1).integers(0, 255, (80, 90), dtype=np.uint8)
    Image.fromarray(values).save(file)
    picture = load_picture(file)
    case = replace(told.case, sha256=prepare(picture, (64, 64), 1, "fit").sha256)
    found = report.source(case, picture)
    assert (found["prepare"], found["name"], found["file_sha256"]) == ("fit", "mine.png", picture.sha256)
    assert "file_sha256" not in report.source(replace(case, sha256="0" * 64), picture)
