"""The cluster engine: the local engine's table on a real Ray cluster of two nodes, one of which dies in the middle."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler
from torch import Tensor

from mia_viz.analysis import plan
from mia_viz.audit import cluster
from mia_viz.audit.run import Options
from mia_viz.audit.run import audit as audit_here
from mia_viz.audit.source import Source, Start
from mia_viz.targets.target import Target, Wrapper

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
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), str(Path(__file__).parent))))  # as pytest names this
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        second = made.add_node(num_cpus=1, object_store_memory=STORE)
        yield made.address, lambda: made.remove_node(second, allow_graceful=False)
    finally:
        made.shutdown()


CALLS = 2 * (1 + 12)
"""Questions of one part: two batches, and in each the loss asks once and SecMI twelve times."""
ENOUGH = 8
"""Parts that one actor may do before the other one was heard of; the two cannot be done with all 25 by then."""
HEARD, KILLED = "heard", "killed"


class Meeting(Wrapper):
    """A target that waits in the middle of a part until both actors are heard of, both wait, and one was killed.

    So nothing depends on how fast the machine is.
    """

    def __init__(self, inner: Target, place: Path) -> None:
        super().__init__(inner)
        self.place, self.calls = place, 0

    @property
    def weights_sha256(self) -> str:
        return self.inner.weights_sha256

    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition=None) -> Tensor:
        self.calls += 1
        part, call = divmod(self.calls, CALLS)
        if call == CALLS // 2 and not (self.place / KILLED).exists():
            if part >= ENOUGH:
                wait_for((self.place / HEARD).exists)
            if (self.place / HEARD).exists():
                (self.place / f"waiting-{os.getpid()}").touch()
                wait_for((self.place / KILLED).exists)
        return super().predict_noise(x_t, timesteps, condition)


def meeting(inner: cluster.Opener, place: Path, device: str) -> Target:
    return Meeting(inner(device), place)


def wait_for(happened: Callable[[], bool], most: float = 300.0) -> None:
    end = time.monotonic() + most
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def gone(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_node_that_dies_changes_nothing(nodes, opener, folder, tmp_path, pngs):
    """Both actors have done a part at least and are in the middle of another one when one of them is lost."""
    for i in range(12, 100):
        (folder / f"{i:04d}.png").write_bytes(pngs[i % 12] if i % 7 else b"words")
    (address, kill), source, seen, killed = nodes, Source(str(folder)), [], []
    place = tmp_path / "meeting"
    place.mkdir()
    opener = partial(meeting, opener, place)

    def report(tally):
        seen.append(tally)
        if tally.actors == 2:  # before that, what an actor said would be lost with its node
            (place / HEARD).touch()

    def waiting() -> list[str]:
        return [file.name.removeprefix("waiting-") for file in place.glob("waiting-*")]

    def kill_once_both_wait():
        wait_for(lambda: len(waiting()) == 2)
        killed.append(seen[-1].done)
        kill()
        wait_for(lambda: any(map(gone, waiting())))  # else it might still say what came of its part
        (place / KILLED).touch()

    killer = threading.Thread(target=kill_once_both_wait, daemon=True)
    with cluster.connected(address) as machines:
        assert machines == cluster.Machines("cpu", 2, 1, 1)
        target = cluster.planned(opener, machines)
        work = (target, source, PLANS)
        killer.start()
        end = cluster.audit(opener, machines, *work, tmp_path / "ray", SMALL, report=report)
        killer.join()
        again = cluster.audit(opener, machines, *work, tmp_path / "ray", SMALL)
    audit_here(*work, tmp_path / "here", SMALL)
    assert 8 <= killed[0] < 90, "the kill must come in the middle"
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
        ([{"CPU": 8.0}, {"CPU": 4.0}], "auto", cluster.Machines("cpu", 3, 4, 1)),
        ([{"CPU": 16.0}, {"CPU": 2.0}, {"memory": 1.0}], "auto", cluster.Machines("cpu", 9, 2, 1)),
        ([{"CPU": 32.0, "GPU": 4.0}, {"CPU": 8.0}], "auto", cluster.Machines("cuda", 4, 1, 4)),
        ([{"CPU": 32.0, "GPU": 4.0}], "cpu", cluster.Machines("cpu", 8, 4, 1)),
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
