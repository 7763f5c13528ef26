"""Torch files that ask for endless time or memory with nothing but what torch's restricted reader carries out."""

from __future__ import annotations

import pickle
import zipfile

import pytest
import torch

from mia_viz.targets import pickled
from mia_viz.targets.layout import LayoutError, load_research_checkpoint
from mia_viz.targets.pickled import rehearse

DEEP = b")" + b"2\x86" * 60
"""A tuple of two of the one before, sixty times: 2**60 steps to hash."""
ORDERED = b"ccollections\nOrderedDict\n"


@pytest.mark.parametrize(
    "asks",
    [
        b"}" + DEEP + b"Ns",
        b"}(" + DEEP + b"Nu",
        b"(" + DEEP + b"Nd",
        b"\x8f(" + DEEP + b"\x90",
        b"(" + DEEP + b"\x91",
        ORDERED + b"]]" + DEEP + b"aNaa\x85R",
        b"(X\x07\0\0\0storageN" + DEEP + b"NK\x01tQ",
        b"\x96" + (1 << 40).to_bytes(8, "little"),
        ORDERED + b"}X\x01\0\0\0aNsb",
    ],
    ids=["item", "items", "dict", "set", "frozen set", "ordered", "storage", "byte array", "state of a function"],
)
def test_what_a_few_bytes_ask_for_is_refused_before_it_is_done(tmp_path, asks):
    """Each would hang, take memory or change what other files are read with."""
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + asks + b".")
    with pytest.raises((pickle.UnpicklingError, ValueError, TypeError)):
        rehearse(tmp_path / "a.pt")
    with pytest.raises(LayoutError, match=r"not executed|damaged"):
        load_research_checkpoint(tmp_path / "a.pt")


@pytest.mark.parametrize("old", [False, True])
def test_endless_pickles_are_refused(tmp_path, old, monkeypatch):
    """Every byte of it opens one more list."""
    monkeypatch.setattr(pickled, "MOST_PICKLE", 10_000)
    endless = b"\x80\x02" + b"(" * 20_000
    (tmp_path / "a.pt").write_bytes(endless)
    if not old:
        with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
            archive.writestr("archive/data.pkl", endless)
    with pytest.raises(ValueError, match="far too long"):
        rehearse(tmp_path / "a.pt")


def test_what_training_stores_beside_its_tensors_is_let_through(tmp_path):
    """Whatever torch's own restricted reader takes: moments of an optimiser, settings, places, numbers of all sorts."""
    content = {
        "model": torch.nn.Linear(2, 2).state_dict(),
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.99)}]},
        "size": torch.Size([2, 3]),
        "of": torch.float16,
        "seed": 2**40,
        "names": ["a", None, True],
        "half": torch.nn.Parameter(torch.zeros(2, dtype=torch.bfloat16)),
    }
    file = tmp_path / "a.pt"
    torch.save(content, file)
    torch.load(file, weights_only=True)
    rehearse(file)
