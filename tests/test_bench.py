"""Costs: evaluations are counted, the bare network is the same calls, overhead is what comes on top."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from mia_viz.analysis import plan
from mia_viz.bench import Call, CallCounter, Job, bare_network, jobs_of, measure, network_calls


@pytest.mark.parametrize("name", ["loss", "secmi", "pia", "noise_aggregation"])
def test_network_calls_add_up_to_the_declared_cost(name, make_wavy):
    calls = network_calls(make_wavy(), Job(name, (plan(name),)), torch.rand(3, 1, 16, 16))
    assert sum(call.size * count for call, count in calls.items()) == 3 * plan(name).evaluations


def test_plans_of_one_job_share_their_answers(make_wavy):
    job = Job("sweep", tuple(plan("pia", {"t": str(t)}) for t in (100, 200, 300)))
    calls = network_calls(make_wavy(), job, torch.rand(3, 1, 16, 16))
    assert sum(call.size * count for call, count in calls.items()) == 3 * 4  # eps_hat_0 once, then one per level
    (cost,) = measure(make_wavy(), [job], pictures=2, repeats=1)
    assert (cost.attack, cost.nfe) == ("sweep", 4)


def test_counter_passes_answers_on(make_wavy):
    x_t, timesteps = torch.randn(2, 1, 16, 16), torch.tensor([1, 2])
    counter = CallCounter(make_wavy())
    assert torch.equal(counter.predict_noise(x_t, timesteps), make_wavy().predict_noise(x_t, timesteps))
    assert counter.calls == Counter({Call(2): 1})


def test_bare_network_scales_few_calls_up(make_wavy):
    target, x_0 = CallCounter(make_wavy()), torch.rand(2, 1, 16, 16)
    taken = bare_network(target, Counter({Call(2): 100, Call(5): 1}), x_0)
    assert taken.wall > 0
    assert target.calls[Call(2)] <= 4
    assert target.calls[Call(5)] == 1


def test_gradients_are_counted_and_timed_too(tiny_target):
    job = Job("gradient", (plan("gradient", {"steps": "3"}),))
    assert network_calls(tiny_target, job, torch.rand(2, 1, 16, 16)) == Counter({Call(3, backward=True): 2})
    (cost,) = measure(tiny_target, [job], pictures=2, repeats=1)
    assert cost.nfe == 3
    assert cost.bare > 0


def test_overhead_of_a_slow_network_is_small(make_wavy):
    class Slow(make_wavy):
        def predict_noise(self, x_t, timesteps):
            for _ in range(20):
                torch.linalg.matrix_norm(torch.ones(100, 100), ord="nuc")
            return super().predict_noise(x_t, timesteps)

    costs = measure(Slow(), jobs_of([plan("loss"), plan("pia")]), pictures=2, repeats=3)
    assert [cost.attack for cost in costs] == ["loss", "pia"]
    assert [cost.nfe for cost in costs] == [1, 2]
    for cost in costs:
        assert abs(cost.overhead) < 0.5
        assert cost.wall >= cost.bare * 0.5
