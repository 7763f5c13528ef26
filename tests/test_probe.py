"""The probe: the same scores however the questions are put, exact counting, cancelling, running out of memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from mia_viz.analysis import plan, run
from mia_viz.attacks import get, names
from mia_viz.diffusion import Schedule, ddim_move
from mia_viz.memory import is_out_of_memory
from mia_viz.probe import Cancelled, Probe, Progress, image_keys

QUICK = {"drc": {"levels": "6", "resamplings": "2"}, "pfami": {"crops": "2"}}


def plans():
    return [
        plan(name, QUICK.get(name, {}))
        for name in names()
        if get(name).access != "white-box" and not get(name).needs_caption
    ]


def scores(probe: Probe, chosen=None) -> np.ndarray:
    """(attacks, images) raw statistics."""
    return np.stack([run(probe, p).raw for p in (chosen or plans())])


@pytest.fixture(scope="module")
def baseline(make_wavy, pictures) -> np.ndarray:
    return scores(Probe(make_wavy(), pictures(5)))


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_scores_do_not_depend_on_batch_size(make_wavy, pictures, baseline, batch):
    np.testing.assert_allclose(scores(Probe(make_wavy(), pictures(5), batch=batch)), baseline, rtol=1e-6)


def test_scores_do_not_depend_on_the_order_or_company_of_images(make_wavy, pictures, baseline):
    order = [3, 0, 4, 1, 2]
    shuffled = scores(Probe(make_wavy(), pictures(5)[order]))
    np.testing.assert_allclose(shuffled, baseline[:, order], rtol=1e-6)
    alone = scores(Probe(make_wavy(), pictures(5)[2:3]))
    np.testing.assert_allclose(alone[:, 0], baseline[:, 2], rtol=1e-6)


def test_scores_do_not_depend_on_what_was_asked_before(make_wavy, pictures, baseline):
    backwards = scores(Probe(make_wavy(), pictures(5)), plans()[::-1])[::-1]
    np.testing.assert_allclose(backwards, baseline, rtol=1e-6)
    for k, chosen in enumerate(plans()):
        np.testing.assert_allclose(run(Probe(make_wavy(), pictures(5)), chosen).raw, baseline[k], rtol=1e-6)


def test_a_real_network_answers_alike_in_any_batch(tiny_target, pictures):
    """Its kernels round differently for batches of different sizes; test_parity.py has the larger network."""
    whole = scores(Probe(tiny_target, pictures(4)))
    for batch in (1, 3):
        parts = scores(Probe(tiny_target, pictures(4), batch=batch))
        assert (np.abs(parts - whole).max(axis=1) / np.abs(whole).max(axis=1)).max() < 1e-5


def test_noise_is_numpys_and_standard_normal(make_wavy, pictures):
    probe = Probe(make_wavy(), pictures(3), seed=7, keys=[10, 20, 30])
    for draw in (0, 4):
        for row, key in enumerate((10, 20, 30)):
            theirs = np.random.default_rng([7, draw, key]).standard_normal((1, 16, 16)).astype(np.float32)
            assert np.array_equal(probe.noise(draw)[row].numpy(), theirs)
    other = Probe(make_wavy(), pictures(3), seed=8, keys=[10, 20, 30])
    assert not torch.equal(probe.noise(0), other.noise(0))
    sequence = probe.noise_sequence(4, 3, slice(1, 3))
    assert sequence.shape == (3, 2, 1, 16, 16)
    assert torch.equal(sequence[0], probe.noise(4)[1:])


def test_images_are_named_by_their_content(pictures):
    x = pictures(3)
    keys = image_keys(x)
    assert len(set(keys)) == 3
    assert image_keys(x.flip(0)) == keys[::-1]
    assert image_keys(x.clone()) == keys


def test_the_wrong_number_of_keys_is_refused(make_wavy, pictures):
    with pytest.raises(ValueError, match="2 keys were given for 3 images"):
        Probe(make_wavy(), pictures(3), keys=[1, 2])


def test_answers_are_remembered_and_counted_once(make_recorder, make_wavy, pictures):
    target = make_recorder(make_wavy())
    probe = Probe(target, pictures(2))
    state = probe.noised(50)
    first = probe.predict(state)
    assert probe.predict(probe.noised(50)) is first
    assert probe.predict_all([state, probe.noised(60), state])[2] is first
    assert (probe.asked, probe.nfe, len(target.questions)) == (4, 2.0, 4)
    probe.predict(state.at(51))  # the same picture as if it were of another level is another question
    probe.forget()
    probe.predict(state)
    assert probe.nfe == 4.0


def test_inversions_share_their_prefix(make_recorder, make_wavy, pictures):
    target = make_recorder(make_wavy())
    probe = Probe(target, pictures(1))
    deep = probe.invert(100, 10)
    assert probe.nfe == 10
    assert probe.invert(50, 10).timestep == 50
    assert probe.nfe == 10
    gains, x = target.schedule.gains, probe.x_0
    for t in range(0, 100, 10):
        eps_hat = target.inner.predict_noise(x, torch.tensor([t]))
        x = ddim_move(x, eps_hat, gains(t), gains(t + 10))
    torch.testing.assert_close(deep.x, x, rtol=0, atol=0)
    assert probe.invert(25, 10).timestep == 25  # 0, 10, 20 are known; nothing new
    assert probe.nfe == 10


@pytest.mark.parametrize("stop_after", [0, 1, 3])
def test_cancelling_stops_before_the_next_evaluation(make_recorder, make_wavy, pictures, stop_after):
    target, progress = make_recorder(make_wavy()), Progress()
    heard = []

    def listener(now: Progress) -> None:
        heard.append(now.done)
        if now.done == 2 * stop_after:
            now.cancel.set()

    progress.listener = listener
    if stop_after == 0:
        progress.cancel.set()
    with pytest.raises(Cancelled):
        run(Probe(target, pictures(2), progress=progress), plan("secmi"))
    assert target.calls == [2] * stop_after
    assert heard == [2 * (i + 1) for i in range(stop_after)]


@pytest.mark.parametrize("largest", [1, 3])
def test_running_out_of_memory_loses_nothing(make_recorder, make_wavy, pictures, baseline, largest, full):
    target = make_recorder(make_wavy(), largest=largest)
    target.full = full
    probe = Probe(target, pictures(5))
    np.testing.assert_allclose(scores(probe), baseline, rtol=1e-6)
    assert probe.batch <= largest
    calm = Probe(make_wavy(), pictures(5))
    scores(calm)
    assert probe.asked == calm.asked == len(target.questions) == probe.progress.done


def test_memory_too_small_for_one_image_is_an_error_at_once(make_recorder, make_wavy, pictures, full):
    target, tries = make_recorder(make_wavy(), largest=0), []
    target.full, target.before = full, lambda: tries.append(1)
    with pytest.raises(RuntimeError) as caught:
        run(Probe(target, pictures(2), batch=1000), plan("loss"))
    assert is_out_of_memory(caught.value)
    assert len(tries) == 2  # both pictures, then one: what was never tried together is not halved


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (torch.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."), True),
        (RuntimeError("could not create a primitive"), True),
        (
            RuntimeError("could not create a primitive descriptor for a convolution"),
            False,
        ),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_a_shortage_of_memory_is_told_from_other_failures(error, short):
    assert is_out_of_memory(error) == short


def test_what_is_no_shortage_is_not_tried_again(make_recorder, make_wavy, pictures):
    target, tries = make_recorder(make_wavy(), largest=0), []
    target.before = lambda: tries.append(1)

    def broken() -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    target.full = broken
    with pytest.raises(RuntimeError, match="mat1"):
        run(Probe(target, pictures(2)), plan("loss"))
    assert tries == [1]


class Operations(TorchDispatchMode):
    """Counts what reaches the dispatcher and would wait for an accelerator, or carry data to or from it."""

    def __init__(self, traffic: Traffic) -> None:
        super().__init__()
        self.traffic = traffic

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        moves = name == "_to_copy" and (kwargs or {}).get("device") is not None
        reads = name == "_local_scalar_dense" and args[0].dtype != torch.float64
        # Where a mask chooses, the host has to know how many it chose.
        chosen = [i for i in args[1] if i is not None] if name in ("index", "index_put", "index_put_") else []
        masked = any(i.dtype == torch.bool for i in chosen)
        named = name in ("lift_fresh", "nonzero", "is_nonzero", "equal", "masked_select")
        self.traffic.waits += moves or reads or masked or named
        return func(*args, **(kwargs or {}))


class Traffic(TorchFunctionMode):
    """Counts waits: operations as above, and calls that do nothing on a processor but would wait for an accelerator.

    Reading a gain out of the schedule is left out: that is float64 and on the CPU for good.
    """

    READS = ("item", "tolist", "numpy", "__array__", "__float__", "__int__", "__bool__", "__index__")
    MOVES = ("cpu", "cuda", "to", "type_as")

    def __init__(self) -> None:
        super().__init__()
        self.waits, self.operations = 0, Operations(self)

    def __enter__(self) -> Traffic:
        super().__enter__()
        self.operations.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self.operations.__exit__(*error)
        super().__exit__(*error)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, given = getattr(func, "__name__", ""), [*args[1:], *(kwargs or {}).values()]
        if name in self.READS:
            self.waits += args[0].dtype != torch.float64
        elif name in self.MOVES:
            kinds = (torch.dtype, bool, torch.memory_format)  # a conversion stays where it is
            self.waits += name != "to" or not all(isinstance(value, kinds) for value in given)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["secmi", "fcre", "noise_aggregation", "rediffuse", "smia", "drc"])
def test_nothing_waits_for_the_device_inside_a_walk(make_recorder, tiny_target, pictures, name):
    target, seen = make_recorder(tiny_target, notes=False), []
    with Traffic() as traffic:

        def before() -> None:
            seen.append(traffic.waits)

        target.before = before
        settings = QUICK["drc"] if name == "drc" else {}
        run(Probe(target, pictures(2)), plan(name, settings))
    assert len(seen) > 1
    assert len(set(seen)) == 1, f"{seen[-1] - seen[0]} waits between the first and the last evaluation"


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x[0].item(),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.to("cpu"),
        lambda x: x.to(device="cpu", dtype=torch.float64),
        lambda x: x.to(x.new_zeros(1)),
        lambda x: x.to("meta"),
        lambda x: x.numpy(),
        lambda x: np.asarray(x),
        lambda x: float(x[0]),
        lambda x: bool(x[0]),
        lambda x: range(3)[x[0].int()],
        lambda x: torch.tensor([1.0]),
        lambda x: torch.from_numpy(np.ones(1)),
        lambda x: x[x > 0],
        lambda x: x.masked_select(x > 0),
        lambda x: torch.equal(x, x),
    ],
)
def test_the_traffic_counter_can_see(wait):
    x = torch.ones(3)
    with Traffic() as traffic:
        wait(x)
    assert traffic.waits > 0


def test_the_traffic_counter_leaves_alone_what_does_not_wait():
    x, schedule = torch.ones(3), Schedule.linear()
    with Traffic() as traffic:
        x.to(torch.float64)
        x.double() + x.to(dtype=torch.float16)
        schedule.gains(5)
    assert traffic.waits == 0
