"""The table: the same however often it was interrupted, however it was divided, whatever the other pictures are."""

from __future__ import annotations

import multiprocessing
import os
import random
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from torch import Tensor

from mia_viz.analysis import plan, run
from mia_viz.attacks import Attack, Evidence
from mia_viz.audit.run import Options, audit
from mia_viz.audit.scorer import Ranks
from mia_viz.audit.source import Source
from mia_viz.audit.table import Parts, schema
from mia_viz.pictures.apart import CRASHED
from mia_viz.probe import Probe
from mia_viz.reference import Reference, build
from mia_viz.targets.target import Wrapper
from mia_viz.verdict import judge

PLANS = (plan("loss"), plan("secmi"))
SMALL = Options(part=3, batch=2)


class Slow(Wrapper):
    """A target that takes its time, so that a kill finds it at work."""

    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition=None) -> Tensor:
        time.sleep(0.01)
        return self.inner.predict_noise(x_t, timesteps)


def table(folder) -> pa.Table:
    return pa.concat_tables([pq.read_table(f) for f in sorted((folder / "parts").glob("*.parquet"))])


def test_rows_hold_what_the_engine_says(bad, wavy, tmp_path, pngs):
    end = audit(wavy, bad, PLANS, tmp_path / "out", SMALL)
    rows = table(tmp_path / "out").to_pylist()
    assert (end.done, end.before, end.total) == (12, 0, 12)
    assert [row["place"] for row in rows] == list(range(12))
    assert [row["place"] for row in rows if row["status"] == "unreadable"] == [1, 5, 9]
    assert all(row["error"].endswith(".") for row in rows if row["status"] == "unreadable")
    assert table(tmp_path / "out").schema.equals(schema(PLANS))
    from mia_viz.audit.ahead import Form, decode
    from mia_viz.audit.source import Item

    for i in (0, 4, 11):
        values = decode(Item(0, "", pngs[i]), Form((1, 16, 16))).values
        alone = Probe(wavy, Tensor(values[None]))
        for chosen in PLANS:
            result = run(alone, chosen)
            assert rows[i][f"{chosen.key}.raw"] == result.raw[0]
            assert rows[i][f"{chosen.key}.score"] == result.score[0]
            assert rows[i][f"{chosen.key}.nfe"] == result.nfe
            # Parseval: the rings add up to the residual's energy
            energy = np.array(rows[i][f"{chosen.key}.energy"]).sum(axis=1)
            expected = result.evidence.residual[0].double().square().sum(dim=(1, 2, 3)).numpy()
            np.testing.assert_allclose(energy, expected, rtol=1e-5)


def test_twenty_kills_change_nothing(folder, wavy, tmp_path, pngs):
    for i in range(12, 300):
        (folder / f"{i:04d}.png").write_bytes(pngs[i % 12] if i % 7 else b"words")
    source, slow = Source(str(folder)), Slow(wavy)
    audit(slow, source, PLANS[:1], tmp_path / "whole", SMALL)
    rng, context, progress = random.Random(20), multiprocessing.get_context("fork"), []
    parts = Parts(tmp_path / "killed", schema(PLANS[:1]), 3)
    for _ in range(20):
        process = context.Process(target=audit, args=(slow, source, PLANS[:1], tmp_path / "killed", SMALL))
        process.start()
        enough = len(parts.done()) + rng.randint(0, 3)
        while len(parts.done()) < enough and process.is_alive():
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.06))
        process.kill()
        process.join()
        progress.append(len(parts.done()))
    assert progress[-1] > progress[0], "some work must outlive a kill"
    assert progress[-1] < 100, "every kill must find it at work"
    before = {file: file.stat().st_mtime_ns for file in parts.folder.glob("*.parquet")}
    audit(slow, source, PLANS[:1], tmp_path / "killed", SMALL)
    assert table(tmp_path / "killed").equals(table(tmp_path / "whole"))
    assert {file: file.stat().st_mtime_ns for file in before} == before, "finished parts are not done again"
    assert not list(parts.folder.glob("*.partial"))
    assert table(tmp_path / "killed").column("place").to_pylist() == list(range(300))


def test_shards_make_the_same_table(bad, wavy, tmp_path):
    audit(wavy, bad, PLANS, tmp_path / "whole", SMALL)
    for i in (3, 1, 2):
        end = audit(wavy, bad, PLANS, tmp_path / "shards", Options(part=3, batch=2, shard=(i, 3)))
        assert end.done == end.total
    assert table(tmp_path / "shards").equals(table(tmp_path / "whole"))


def test_more_processes_that_decode_change_nothing(bad, wavy, tmp_path):
    audit(wavy, bad, PLANS, tmp_path / "one", SMALL)
    audit(wavy, bad, PLANS, tmp_path / "three", Options(part=3, batch=2, workers=3))
    assert table(tmp_path / "three").equals(table(tmp_path / "one"))


def test_files_that_crash_the_decoder_are_rows_of_the_first_run(folder, wavy, tmp_path, deadly):
    audit(wavy, Source(str(folder)), PLANS, tmp_path / "whole", SMALL)
    for name in ("0002.png", "0003.png", "more/0011.png"):
        (folder / name).write_bytes((folder / name).read_bytes() + deadly)
    end = audit(wavy, Source(str(folder)), PLANS, tmp_path / "out", SMALL)
    rows, sound = (table(tmp_path / name).to_pylist() for name in ("out", "whole"))
    assert (end.done, end.total) == (12, 12)
    assert [i for i, row in enumerate(rows) if row["error"] == CRASHED] == [2, 3, 11]
    for i, row in enumerate(rows):
        if i in (2, 3, 11):
            assert (row["status"], row["pixels_sha256"], row["loss.score"]) == ("unreadable", None, None)
        else:
            assert row == sound[i]
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"audit.json", "parts"}


def test_a_finished_audit_asks_nothing(bad, wavy, make_recorder, tmp_path):
    audit(wavy, bad, PLANS, tmp_path / "out", SMALL)
    recorder = make_recorder(wavy)
    recorder.name = wavy.name
    end = audit(recorder, bad, PLANS, tmp_path / "out", SMALL)
    assert (end.done, end.before, recorder.calls) == (0, 12, [])


def test_another_audit_in_the_folder_is_refused(bad, wavy, tmp_path, folder):
    audit(wavy, bad, PLANS, tmp_path / "out", SMALL)
    for plans, options, name in (
        (PLANS[:1], SMALL, "other attacks"),
        (PLANS, Options(part=3, batch=4), "another batch"),
        (PLANS, Options(part=3, batch=2, seed=1), "another seed"),
        (PLANS[:1], Options(part=3, batch=2, seed=1), "other attacks and another seed"),
    ):
        with pytest.raises(ValueError, match=f"with {name};"):
            audit(wavy, bad, plans, tmp_path / "out", options)
    (folder / "0000.png").unlink()
    with pytest.raises(ValueError, match="other pictures;"):
        audit(wavy, bad, PLANS, tmp_path / "out", SMALL)


def test_the_table_may_not_lie_among_the_pictures(wavy, folder):
    with pytest.raises(ValueError, match="lies among the pictures"):
        audit(wavy, Source(str(folder)), PLANS, folder / "out", SMALL)
    assert not (folder / "out").exists()


def test_unreadable_pictures_can_be_tried_again(bad, wavy, tmp_path, folder, pngs):
    audit(wavy, bad, PLANS, tmp_path / "out", SMALL)
    (folder / "nowhere").write_bytes(pngs[9])  # the link's end comes back
    again = Options(part=3, batch=2, retry=True)
    with pytest.raises(ValueError, match="other pictures"):  # its size was not known before
        audit(wavy, bad, PLANS, tmp_path / "out", again)
    (folder / "nowhere").unlink()
    end = audit(wavy, bad, PLANS, tmp_path / "out", again)
    assert end.done == 9, "the parts of places 1, 5 and 9"


class Picky(Attack):
    """Refuses dark pictures by ValueError and gives no number for others."""

    name, title, paper, url, idea, member_is = "picky", "Picky", "none", "", "A test.", "higher"

    def evaluations(self, params) -> int:
        return 1

    def collect(self, probe: Probe, params) -> Evidence:
        if (probe.x_0.mean(dim=(1, 2, 3)) < 0).any():
            raise ValueError("This picture is too dark.")
        state = probe.noised(100)
        return Evidence(probe.predict(state)[:, None], probe.noise(0)[:, None], ("a",), (100,), "noise")

    def statistic(self, evidence: Evidence, params, chosen=None) -> Tensor:
        values = evidence.residual.double().mean(dim=(1, 2, 3, 4))
        return values.where(values > 0, float("nan"))


def test_a_picture_that_an_attack_refuses_does_not_spoil_its_batch(folder, wavy, tmp_path):
    from mia_viz.analysis import Plan

    attack = Picky()
    plans = (plan("loss"), Plan(attack, attack.Params()))
    audit(wavy, Source(str(folder)), plans, tmp_path / "out", Options(part=12, batch=12))
    rows = table(tmp_path / "out").to_pylist()
    errors = [row["error"] for row in rows]
    dark = [error == "This picture is too dark." for error in errors]
    assert 0 < sum(dark) < 12
    assert any(error and error.startswith("No finite number came of picky") for error in errors)
    for row in rows:
        assert (row["status"] == "scored") == (row["error"] is None)
        assert (row["picky.score"] is not None) == (row["status"] == "scored")


def test_ranks_are_those_of_a_verdict(wavy, pictures):
    shown = pictures(30)
    names = tuple(f"{i % 28:064x}" for i in range(30))  # two pictures are there twice
    member = np.arange(30) % 3 == 0
    split = np.where(np.arange(30) % 5 == 0, "test", "calibration")
    facts = Reference(wavy.name, "", names, names, member, split, {})
    known = build(wavy, shown, PLANS[:1], facts)
    ranks, scores = Ranks(known, PLANS[0], ""), known.columns["loss"].score
    for score in (*scores, scores.min() - 1, scores.max() + 1):
        for name in (*names, "f" * 64):
            holdouts = known.scores("loss", False, without=(name,))
            assert ranks.p_value(score, name) == judge(score, holdouts).p_value
    assert Ranks(known, PLANS[1], "").p_value(0.0, "") is None
    assert Ranks(None, PLANS[0], "").p_value(0.0, "") is None


def test_p_values_reach_the_table(folder, wavy, tmp_path, pictures):
    names = tuple(f"{i:064x}" for i in range(20))
    facts = Reference(wavy.name, "", names, names, np.arange(20) < 5, np.full(20, "calibration"), {})
    known = build(wavy, pictures(20), PLANS[:1], facts)
    audit(wavy, Source(str(folder)), PLANS, tmp_path / "out", SMALL, known)
    for row in table(tmp_path / "out").to_pylist():
        assert row["loss.p_value"] == judge(row["loss.score"], known.scores("loss", False)).p_value
        assert row["secmi.p_value"] is None


def test_captions_are_told_and_noted(folder, make_murmur, tmp_path):
    from PIL import Image

    for file in folder.rglob("*.png"):
        if not file.name.startswith("."):
            Image.open(file).convert("RGB").resize((32, 32)).save(file)
    (folder / "0002.txt").unlink()
    target = make_murmur()
    audit(target, Source(str(folder), told=True), PLANS[:1], tmp_path / "out", SMALL)
    rows = table(tmp_path / "out").to_pylist()
    assert [row["caption"] for row in rows] == [f"picture {i}" if i != 2 else "" for i in range(12)]
    assert {f"picture {i}" for i in range(12) if i != 2} <= set(target.told)


def test_progress_and_the_clock_add_up(folder, wavy, tmp_path):
    seen = []
    end = audit(Slow(wavy), Source(str(folder)), PLANS, tmp_path / "out", SMALL, report=seen.append)
    assert [tally.done for tally in seen] == sorted(tally.done for tally in seen)
    assert end.done == 12
    assert end.left == 0
    assert 0 < end.busy <= end.seconds
    assert 0 <= end.waited <= end.seconds
    assert end.busy + end.waited <= end.seconds
    assert seen[0].left > 0


def test_the_folder_holds_nothing_of_this_process(bad, wavy, tmp_path):
    audit(wavy, bad, PLANS, tmp_path / "out", SMALL)
    names = {file.name for file in (tmp_path / "out").rglob("*") if file.is_file()}
    assert names == {"audit.json", *(f"part-{i:06d}.parquet" for i in range(4))}
    assert str(os.getpid()) not in " ".join(names)
