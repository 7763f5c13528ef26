"""Costs: evaluations are counted, the bare network is the same calls, overhead is what comes on top."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from mia_viz.analysis import plan
from mia_viz.bench import CallCounter, bare_network, measure, network_calls


@pytest.mark.parametrize("name", ["loss", "secmi", "pia", "noise_aggregation"])
def test_network_calls_add_up_to_the_declared_cost(name, make_wavy):
    calls = network_calls(make_wavy(), plan(name), torch.rand(3, 1, 16, 16))
    assert sum(size * count for size, count in calls.items()) == 3 * plan(name).evaluations


def test_counter_passes_answers_on(make_wavy):
    x_t, timesteps = torch.randn(2, 1, 16, 16), torch.tensor([1, 2])
    counter = CallCounter(make_wavy())
    assert torch.equal(counter.predict_noise(x_t, timesteps), make_wavy().predict_noise(x_t, timesteps))
    assert counter.sizes == Counter({2: 1})


def test_bare_network_scales_few_calls_up(make_wavy):
    target, x_0 = CallCounter(make_wavy()), torch.rand(2, 1, 16, 16)
    taken = bare_network(target, Counter({2: 100, 5: 1}), x_0)
    assert taken.wall > 0
    assert target.sizes[2] <= 4
    assert target.sizes[5] == 1


def test_overhead_of_a_slow_network_is_small(make_wavy):
    class Slow(make_wavy):
        def predict_noise(self, x_t, timesteps):
            for _ in range(20):
                torch.linalg.matrix_norm(torch.ones(100, 100), ord="nuc")
            return super().predict_noise(x_t, timesteps)

    costs = measure(Slow(), [plan("loss"), plan("pia")], pictures=2, repeats=3)
    assert [cost.attack for cost in costs] == ["loss", "pia"]
    assert [cost.nfe for cost in costs] == [1, 2]
    for cost in costs:
        assert abs(cost.overhead) < 0.5
        assert cost.wall >= cost.bare * 0.5
