"""Asking methods one after the other: what each finds is told, and one that fails takes none of the others with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mia_viz.examine import ask_methods
from mia_viz.pictures.prepare import Prepared
from mia_viz.probe import Cancelled, Progress
from mia_viz.targets.target import Wrapper


class Narrow(Wrapper):
    """A model that answers, and has no room for its gradients."""

    has_gradients = True

    def loss_gradients(self, *asked):
        raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.fixture
def prepared(tiny_target) -> Prepared:
    values = np.random.default_rng(0).uniform(-1, 1, tiny_target.shape).astype(np.float32)
    return Prepared(values, (), "a" * 64)


NAMES = ("loss", "pfami", "gradient", "sima")


def test_gradients_without_room_are_said_after_what_the_others_found(tiny_target, prepared):
    found = []
    with pytest.raises(torch.OutOfMemoryError):
        ask_methods(Narrow(tiny_target), prepared, NAMES, None, Progress(), found.append)
    assert [finding.attack for finding in found] == ["loss", "pfami", "sima"]


def test_all_are_told_and_each_question_is_asked_once(tiny_target, prepared):
    found, progress = [], Progress()
    ask_methods(tiny_target, prepared, NAMES, None, progress, found.append)
    assert [finding.attack for finding in found] == ["gradient", "loss", "pfami", "sima"]
    assert progress.done == 10 + 1 + 15 + 1


def test_stopping_ends_it_at_once(tiny_target, prepared):
    found, progress = [], Progress()
    progress.cancel.set()
    with pytest.raises(Cancelled):
        ask_methods(tiny_target, prepared, NAMES, None, progress, found.append)
    assert found == []
