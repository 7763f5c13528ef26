"""Memory: what stays on a device, and smaller batches when it runs out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mia_viz.targets.autoencoder import Autoencoder
from mia_viz.targets.latent_open import open_latent
from mia_viz.targets.memory import Batches, Rooms, placement, size_in_bytes
from mia_viz.targets.target import TargetError
from tests.targets.tiny_pipelines import SIDE, vae

GIB = 1 << 30


class Noting(nn.Linear):
    """A module that notes down where it is moved."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.moves: list[str] = []

    def to(self, device):
        self.moves.append(str(device))
        return self


@pytest.mark.parametrize(
    ("sizes", "free", "plan"),
    [
        ((1, 4, 1), 8, "together"),
        ((1, 4, 1), 7.9, "in turn"),
        ((9, 6, 1), 12, "in turn"),
        ((9, 6, 1), 11.9, "layer by layer"),
        ((0, 1, 1), 0, "layer by layer"),
    ],
)
def test_a_quarter_of_the_free_memory_is_left_for_activations(sizes, free, plan):
    groups = dict(zip(("text", "network", "vae"), (int(size * GIB) for size in sizes), strict=True))
    assert placement(groups, int(free * GIB)) == plan


def test_all_parts_go_to_the_device_when_they_fit():
    a, b = Noting(), Noting()
    rooms = Rooms({"a": [a], "b": [b]}, torch.device("cpu"))
    rooms.need("a")
    rooms.need("b")
    assert (a.moves, b.moves) == (["cpu"], ["cpu"])


def test_parts_take_turns_when_they_do_not_fit_together():
    a, b = Noting(), Noting()
    rooms = Rooms({"a": [a], "b": [b]}, torch.device("cuda"), plan="in turn")
    assert (a.moves, b.moves) == ([], [])
    for name in ("a", "a", "b", "a"):
        rooms.need(name)
    assert a.moves == ["cuda", "cpu", "cuda"]
    assert b.moves == ["cpu", "cuda", "cpu"]


def test_layers_that_are_streamed_give_the_same_answers():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    x = torch.randn(3, 4)
    before = network(x)
    rooms = Rooms({"network": [network]}, torch.device("cpu"), plan="layer by layer", streamed=["network"])
    rooms.need("network")
    assert all(weight.is_meta for weight in network.parameters())
    torch.testing.assert_close(network(x), before)


def test_sizes_count_weights_and_buffers():
    module = nn.BatchNorm1d(10)
    assert size_in_bytes([module, module]) == 2 * (4 * 10 * 4 + 8)


def hungry(limit: int, asked: list[int]):
    def function(batch):
        asked.append(len(batch))
        if len(batch) > limit:
            raise torch.OutOfMemoryError("made up")
        return batch + 1

    return function


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_a_batch_is_halved_until_it_fits_and_nothing_is_lost(limit):
    batches, asked = Batches(8), []
    batch = torch.arange(11.0)
    assert torch.equal(batches.run(hungry(limit, asked), batch), batch + 1)
    assert batches.most <= max(limit, 8 if limit >= 8 else limit)
    asked.clear()
    batches.run(hungry(limit, asked), batch)
    assert max(asked) <= limit  # it has learned


def test_one_that_does_not_fit_is_an_error_after_the_last_resort():
    with pytest.raises(torch.OutOfMemoryError):
        Batches(4).run(hungry(0, []), torch.zeros(4))
    resorts = []

    def resort() -> bool:
        resorts.append(1)
        return len(resorts) == 1

    with pytest.raises(torch.OutOfMemoryError):
        Batches(4, resort).run(hungry(0, []), torch.zeros(4))
    assert len(resorts) == 2


def test_a_vae_out_of_memory_works_in_tiles_and_gives_the_same_latents(pictures, monkeypatch):
    """Pictures of one tile are untouched by tiling, so the answer must be the very same."""
    encoder, images = Autoencoder(vae()), pictures(5, SIDE, 3)
    whole, encode, asked = encoder.encode(images), encoder.vae.encode, []

    def scarce(pixels):
        asked.append((len(pixels), encoder.vae.use_tiling))
        if len(pixels) > 1 or not encoder.vae.use_tiling:
            raise torch.OutOfMemoryError("made up")
        return encode(pixels)

    monkeypatch.setattr(encoder.vae, "encode", scarce)
    torch.testing.assert_close(encoder.encode(images), whole)
    assert encoder.tiled
    assert asked == [(5, False), (2, False), (1, False), *[(1, True)] * 5]


@pytest.mark.parametrize("kind", ["sd", "sdxl", "sd3", "flux", "dit"])
def test_a_target_whose_layers_are_streamed_answers_the_same(saved, pictures, kind):
    whole, target = open_latent(saved(kind)), open_latent(saved(kind))
    target._rooms = Rooms(
        target._rooms.groups, target.device, plan="layer by layer", streamed=["text", "network", "vae"]
    )
    captions = ["1", ""]
    conditions = [t.condition(captions).tensors for t in (whole, target)]
    torch.testing.assert_close(*conditions)
    x_0 = target.encode(pictures(2, SIDE, 3))
    torch.testing.assert_close(x_0, whole.encode(pictures(2, SIDE, 3)))
    asked = (x_0, torch.tensor([10, 600]))
    torch.testing.assert_close(target.predict_noise(*asked), whole.predict_noise(*asked))
    torch.testing.assert_close(target.decode(x_0), whole.decode(x_0))
    assert not target.has_gradients
    with pytest.raises(TargetError, match="when it fits into memory"):
        target.loss_gradients(*asked, x_0)
