"""The estimate: arithmetic by hand, and counts that an audit really has."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from mia_viz.audit.paper import Assumptions, estimate, plans_of, questions
from mia_viz.audit.run import Options, audit
from mia_viz.audit.source import Source
from mia_viz.cli import main


def test_a_million_by_hand():
    found = estimate(1_000_000, plans_of("loss"))
    assert found.nfe == 1
    assert found.gpu_hours == pytest.approx(1e6 * 5 / 60 * 1.05 / 3600)
    assert found.hours == pytest.approx(found.gpu_hours / 16)
    assert found.table_bytes == pytest.approx(1e6 * 440)
    assert found.source_bytes == pytest.approx(1e11)
    assert found.rate == pytest.approx(60 / 5 / 1.05)
    assert found.read == pytest.approx(found.rate * 1e5)


def test_every_assumption_counts():
    mine = Assumptions(10.0, 0.0, 0.0, 2.0, 100.0, 50.0, 1000.0)
    found = estimate(720, plans_of("pia"), mine, passes=2)
    assert found.seconds == pytest.approx(720 * 4 / 10)
    assert found.hours == pytest.approx(720 * 4 / 10 / 3600 / 2)
    assert found.table_bytes == 720 * 150
    assert found.source_bytes == 720_000
    assert estimate(720, plans_of("pia"), mine, spectra=False).table_bytes == 72_000


@pytest.mark.parametrize("names", ["loss", "loss,pia,pian", "secmi,noise_aggregation", "loss,fcre"])
def test_counts_are_those_of_an_audit(names, folder, make_wavy, tmp_path):
    plans = plans_of(names)
    audit(make_wavy(), Source(str(folder)), plans, tmp_path / "out", Options(part=12, batch=12))
    row = pq.read_table(tmp_path / "out" / "parts" / "part-000000.parquet").to_pylist()[0]
    nfe, spectra = questions(plans)
    assert nfe == sum(row[f"{chosen.key}.nfe"] for chosen in plans)
    assert spectra == sum(len(row[f"{chosen.key}.energy"]) for chosen in plans)


def test_answers_that_come_with_gradients_are_counted_once(folder, tiny_target, tmp_path):
    plans = plans_of("loss,pfami,gradient")
    audit(tiny_target, Source(str(folder)), plans, tmp_path / "out", Options(part=12, batch=12))
    row = pq.read_table(tmp_path / "out" / "parts" / "part-000000.parquet").to_pylist()[0]
    assert [row[f"{chosen.key}.nfe"] for chosen in plans] == [1, 15, 10]
    nfe, spectra = questions(plans)
    assert nfe == 26
    assert spectra == sum(len(row[f"{chosen.key}.energy"]) for chosen in plans)


def test_a_filter_needs_no_further_question():
    nfe, spectra = questions((*plans_of("loss"), *plans_of("loss", filter_text="lowpass:r=5,s=0.2")))
    assert (nfe, spectra) == (1, 1)


def test_attacks_that_need_captions_count_with_their_own_number():
    nfe, spectra = questions(plans_of("clid"))
    assert nfe == plans_of("clid")[0].evaluations
    assert spectra == 1


def test_the_command(capsys):
    arguments = ["audit", "--plan", "1000000", "--attack", "loss,secmi", "--set", "secmi.stride=20"]
    assert main([*arguments, "--evaluations-per-second", "120", "--gpus", "8"]) == 0
    printed = capsys.readouterr().out
    assert "1,000,000 pictures" in printed
    assert "network passes per second of one GPU: 120" in printed
    assert "not a measurement" in printed
    assert main(["audit", "--plan", "10", "--gpus", "0"]) == 2
    assert "--gpus cannot be 0." in capsys.readouterr().err
    assert main(["audit", "--plan", "10", "--attack", "all"]) == 2
    assert "Name the attacks" in capsys.readouterr().err
    assert main(["audit"]) == 2
    assert "needs --images and --out" in capsys.readouterr().err
