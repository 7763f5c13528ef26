"""The sensitivity table: what is read off stored parts is what the attacks themselves would have said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mia_viz import sensitivity
from mia_viz.analysis import rescore, run
from mia_viz.bands import ring_edges
from mia_viz.case import Case
from mia_viz.examine import examine
from mia_viz.frequency import Filter, radial_energy
from mia_viz.pictures.prepare import Prepared
from mia_viz.plans import walk_plans
from mia_viz.probe import Probe
from mia_viz.reference import Reference, build
from mia_viz.sensitivity import changes, ring_energy
from mia_viz.verdict import judge

COUNT = 24


def plans():
    """The walk's plans, with the unfiltered noise aggregation whose energies are kept, and a short restoration."""
    found = []
    for chosen in walk_plans():
        if chosen.attack.name == "drc":
            chosen = replace(chosen, params=replace(chosen.params, levels=5, resamplings=1))
        found.append(chosen)
    return found


@pytest.fixture(scope="module")
def world(make_wavy, pictures) -> tuple[Case, Reference, torch.Tensor]:
    target, known = make_wavy(), pictures(COUNT)
    facts = Reference(
        "wavy",
        "ab" * 32,
        tuple(f"{i:064x}" for i in range(COUNT)),
        tuple(map(str, range(COUNT))),
        np.arange(COUNT) < 10,
        np.full(COUNT, "calibration"),
        {},
    )
    unfiltered = replace(plans()[0], filter=Filter())
    built = build(target, known, [*plans(), unfiltered], facts)
    query = pictures(1, seed=3)
    prepared = Prepared(query[0].numpy(), (), "f" * 64)
    return examine(target, prepared, "query", built, plans=plans()), built, query


def rows(world, kind: str) -> list:
    return [change for change in changes(world[0], world[1]) if change.kind == kind]


def test_ring_energies_are_those_of_the_reference(pictures):
    residual = pictures(1, channels=3)[0]
    np.testing.assert_allclose(ring_energy(residual.numpy(), 32), radial_energy(residual).numpy(), rtol=1e-6)


def test_methods_alone_are_their_own_verdicts(world):
    assert [row.verdict for row in rows(world, "one method alone")] == [f.verdict for f in world[0].findings]


def test_a_band_of_the_loss_is_the_loss_under_that_filter(world, monkeypatch, make_wavy, pictures):
    edges = ring_edges(16, 16, 32)
    bands = (("one", float(edges[3]), float(edges[12])), ("two", float(edges[12]), float(edges[33 - 1])))
    monkeypatch.setattr(sensitivity, "BANDS", bands)
    loss, target = walk_plans()[1], make_wavy()
    for row, (_, low, high) in zip(rows(world, "band of the loss"), bands, strict=True):
        chosen = replace(loss, filter=Filter("band", lo=low, hi=high))
        scores = [rescore(run(Probe(target, x), loss), chosen).score for x in (world[2], pictures(COUNT))]
        expected = judge(scores[0][0], scores[1][10:], scores[1][:10])
        assert row.verdict == expected


def test_a_level_of_noise_aggregation_is_the_distance_there(world, make_wavy, pictures):
    chosen, target = walk_plans()[0], make_wavy()
    distances = []
    for x in (world[2], pictures(COUNT)):
        residual = run(Probe(target, x), chosen).evidence.residual.double()
        distances.append(-residual.square().sum((2, 3, 4)).numpy())
    found = rows(world, "t of noise aggregation")
    assert [row.setting for row in found] == [f"t = {t} only" for t in world[0].noises.levels]
    for k, row in enumerate(found):
        assert row.verdict == judge(distances[0][0, k], distances[1][10:, k], distances[1][:10, k])


def test_the_mean_of_restorations_is_the_attack_itself(world):
    found = rows(world, "how restorations are put together")
    assert found[0].verdict == world[0].finding("drc").verdict
    assert [row.setting.split()[0] for row in found] == ["mean", "median", "how"]
    assert len(rows(world, "mask of the restoration")) == 4


def test_parts_that_do_not_give_the_attacks_number_are_not_used(world):
    case, known, _ = world
    other = replace(case, rebuilt=replace(case.rebuilt, rebuilt=case.rebuilt.rebuilt + 1))
    assert not [row for row in changes(other, known) if row.kind == "band of the loss"]
    assert changes(case, None) == ()
    bare = {key: replace(c, likeness=None, energy=c.energy[:, :0]) for key, c in known.columns.items()}
    kinds = {row.kind for row in changes(case, replace(known, columns=bare))}
    assert kinds == {"one method alone"}
