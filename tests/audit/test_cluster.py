"""The cluster engine: the local engine's table on a real Ray cluster of two nodes, one of which dies in the middle."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler

from mia_viz.analysis import plan
from mia_viz.audit import cluster
from mia_viz.audit.run import Options
from mia_viz.audit.run import audit as audit_here
from mia_viz.audit.source import Source, Start

PLANS = (plan("loss"), plan("secmi"))
SMALL = Options(part=4, batch=2)
STORE = 90 * 2**20
ROOT = Path(__file__).resolve().parents[2]


def table(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(file) for file in sorted((folder / "parts").glob("*.parquet"))])


@pytest.fixture
def opener(make_unet, tmp_path):
    DDPMPipeline(unet=make_unet(), scheduler=DDPMScheduler()).save_pretrained(tmp_path / "model")
    return cluster.opener_of(str(tmp_path / "model"), "auto", None, 1.0)


@pytest.fixture
def nodes(monkeypatch):
    """(address, kill): two nodes of one core each; kill() ends the second at once."""
    pytest.importorskip("ray", reason="Ray is not installed; python -m pip install -r requirements-ray.txt")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("MIA_VIZ_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        second = made.add_node(num_cpus=1, object_store_memory=STORE)
        yield made.address, lambda: made.remove_node(second, allow_graceful=False)
    finally:
        made.shutdown()


def test_a_node_that_dies_changes_nothing(nodes, opener, folder, tmp_path, pngs):
    for i in range(12, 100):
        (folder / f"{i:04d}.png").write_bytes(pngs[i % 12] if i % 7 else b"words")
    (address, kill), source, seen, killed = nodes, Source(str(folder)), [], []

    def report(tally):
        seen.append(tally)
        if tally.actors == 2 and not killed:  # both have work in hand
            killed.append(tally.done)
            kill()

    with cluster.connected(address) as machines:
        assert machines == cluster.Machines("cpu", 2, 1, 0)
        target = cluster.planned(opener, machines)
        work = (target, source, PLANS)
        end = cluster.audit(opener, machines, *work, tmp_path / "ray", SMALL, report=report)
        again = cluster.audit(opener, machines, *work, tmp_path / "ray", SMALL)
    audit_here(*work, tmp_path / "here", SMALL)
    assert killed
    assert killed[0] < 90, "the kill must come in the middle"
    assert (end.done, end.before, end.total) == (100, 0, 100)
    assert end.actors == 3, "the lost one was replaced"
    assert [tally.done for tally in seen] == list(range(4, 101, 4))
    assert (again.done, again.before) == (0, 100)
    assert table(tmp_path / "ray").equals(table(tmp_path / "here"))
    assert not list((tmp_path / "ray").rglob("*.partial"))


@pytest.fixture
def job(opener, container, tmp_path):
    """What an actor gets, about a file of twelve pictures."""
    return cluster.Job(opener, "cpu", 1, Source(str(container)), PLANS, tmp_path / "actor", 2, SMALL, None)


def test_an_actor_does_any_part_alone(job, tmp_path):
    actor = cluster.Actor(pickle.loads(pickle.dumps(job)))
    starts, count = job.source.starts(4)
    assert count == 12
    for start in reversed(starts):
        said = actor({"place": [start.place], "file": [os.fsencode(start.file)], "inside": [start.inside]})
        assert said["pictures"] == [4]
        assert said["error"] == [""]
    audit_here(job.opener("cpu"), job.source, PLANS, tmp_path / "here", SMALL)
    assert table(tmp_path / "actor").equals(table(tmp_path / "here"))


def test_what_stops_the_local_engine_comes_back_as_a_sentence(job):
    pytest.importorskip("ray", reason="Ray is not installed; python -m pip install -r requirements-ray.txt")
    actor = cluster.Actor(job)

    def fail(start: Start):
        raise OSError("The disk is full.")

    actor.do = fail
    said = actor({"place": [0], "file": [b""], "inside": [0]})
    assert said["error"] == ["The disk is full."]
    rows = [{name: values[0] for name, values in said.items()}]
    with pytest.raises(ValueError, match="disk is full"):
        cluster._gathered(iter(rows), cluster.Tally(0, 0, 12, 0.0, 0.0, 0.0), 1, print)


@pytest.mark.parametrize(
    ("nodes_have", "device", "found"),
    [
        ([{"CPU": 8.0}, {"CPU": 4.0}], "auto", cluster.Machines("cpu", 3, 4, 0)),
        ([{"CPU": 16.0}, {"CPU": 2.0}, {"memory": 1.0}], "auto", cluster.Machines("cpu", 9, 2, 0)),
        ([{"CPU": 32.0, "GPU": 4.0}, {"CPU": 8.0}], "auto", cluster.Machines("cuda", 4, 1, 4)),
        ([{"CPU": 32.0, "GPU": 4.0}], "cpu", cluster.Machines("cpu", 8, 4, 0)),
    ],
)
def test_what_a_cluster_can_hold(nodes_have, device, found):
    assert cluster.machines_of(nodes_have, device, 4) == found


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no GPU"):
        cluster.machines_of([{"CPU": 4.0}], "cuda", 4)


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ValueError, match=r"requirements-ray\.txt"), cluster.connected():
        pass


def test_a_target_elsewhere_tells_its_device(make_wavy):
    inner = make_wavy()
    far = cluster.Elsewhere(inner, "cuda", "float16")
    assert (far.device, far.precision) == (torch.device("cuda"), "float16")
    assert (far.name, far.weights_sha256, far.shape) == (inner.name, inner.weights_sha256, inner.shape)
