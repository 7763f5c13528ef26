"""The shelf of opened models: one for each visit, side by side while there is room, and the way back."""

from __future__ import annotations

import gc
import re
import shutil
import weakref

import pytest

from mia_viz import engine, memory, own_models
from mia_viz.allowed import NotAllowed
from mia_viz.commands import common
from mia_viz.own_models import CHANGED, LET_GO, NO_ROOM, REPLACED, SHELF, ModelLetGo, Shelf
from mia_viz.subjects import subject
from tests.commands.conftest import write_model, write_pictures
from tests.test_own_models import built, named


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A tiny model and folders of 12 members and 14 hold-outs."""
    root = tmp_path_factory.mktemp("own")
    write_model(root / "tiny", seed=0)
    write_pictures(root / "in", 12, seed=1)
    write_pictures(root / "out", 14, seed=2)
    return root


@pytest.fixture
def own(folders):
    yield SHELF.open(str(folders / "tiny"))
    SHELF.close()


def test_a_visit_has_one_model_and_the_one_before_is_given_up(folders, tmp_path):
    shelf = Shelf()
    first = shelf.open(str(folders / "tiny"))
    weights = weakref.ref(shelf.target(first.name).unet)
    with pytest.raises(NotAllowed):
        shelf.open(str(tmp_path / "none"))
    assert shelf.target(first.name) is not None  # a wrong name costs nothing
    second = shelf.open(str(folders / "tiny"))
    gc.collect()
    assert weights() is None
    with pytest.raises(ValueError, match=re.escape(REPLACED)):
        shelf.target(first.name)
    assert shelf.own(first.name).title == "tiny"  # pages about it can still be read
    shelf.close()
    with pytest.raises(ValueError, match="no longer open"):
        shelf.target(second.name)


def test_every_visit_has_a_model_of_its_own(folders):
    shelf = Shelf()
    first, second = (shelf.open(str(folders / "tiny"), owner=owner) for owner in ("ada", "ben"))
    assert first.name != second.name
    assert shelf.target(first.name) is not shelf.target(second.name)
    weights = weakref.ref(shelf.target(first.name).unet)
    shelf.leave("ada")
    assert weights() is None
    for ask in (shelf.own, shelf.target, shelf.open_again):
        with pytest.raises(ValueError, match="No model of your own is open"):
            ask(first.name)
    assert shelf.target(second.name) is not None
    shelf.forget(second.name)
    with pytest.raises(ValueError, match="No model"):
        shelf.own(second.name)


def test_the_model_that_rested_longest_makes_room_and_is_opened_again_under_its_name(folders):
    shelf = Shelf(most=2)
    ada, ben = (shelf.open(str(folders / "tiny"), owner=owner) for owner in ("ada", "ben"))
    shelf.target(ada.name)
    cy = shelf.open(str(folders / "tiny"), owner="cy")
    with pytest.raises(ModelLetGo, match=re.escape(LET_GO)):
        shelf.target(ben.name)
    assert shelf.target(ada.name) is not shelf.target(cy.name)
    with shelf.in_use():
        shelf.target(ada.name)
        shelf.target(ada.name)
        assert shelf.open_again(ben.name) is ben  # cy's went, though ada's was asked first of the three
        with pytest.raises(ModelLetGo):
            shelf.target(cy.name)
        shelf.target(ben.name)
        with pytest.raises(ValueError, match=re.escape(NO_ROOM)):
            shelf.open_again(cy.name)
    assert shelf.open_again(cy.name) is cy
    assert shelf.target(cy.name).weights_sha256 == cy.weights_sha256


def test_room_is_counted_in_bytes(folders):
    size = memory.weight_bytes(str(folders / "tiny"))
    shelf = Shelf(room=lambda device: 2 * size + 10)
    owns = [shelf.open(str(folders / "tiny"), owner=str(k)) for k in range(3)]
    with pytest.raises(ModelLetGo):
        shelf.target(owns[0].name)
    assert all(shelf.target(own.name) for own in owns[1:])
    too_small = Shelf(room=lambda device: 1)
    assert too_small.target(too_small.open(str(folders / "tiny")).name)  # alone, it is tried all the same


def test_where_memory_runs_out_the_models_that_rest_are_let_go_and_it_is_tried_again(folders, monkeypatch):
    shelf, real, failures = Shelf(), common.open_target, [MemoryError()]
    first = shelf.open(str(folders / "tiny"), owner="ada")

    def scarce(*given):
        if failures:
            raise failures.pop()
        return real(*given)

    monkeypatch.setattr(common, "open_target", scarce)
    second = shelf.open(str(folders / "tiny"), owner="ben")
    assert shelf.target(second.name) is not None
    with pytest.raises(ModelLetGo):
        shelf.target(first.name)
    failures += [MemoryError(), MemoryError()]
    with pytest.raises(ValueError, match="more memory than is free"):
        shelf.open(str(folders / "tiny"), owner="cy")


def test_a_model_whose_files_have_changed_is_not_opened_again_under_its_name(tmp_path):
    shelf = Shelf(most=1)
    own = shelf.open(str(write_model(tmp_path / "mine", seed=3)), owner="ada")
    write_model(tmp_path / "theirs", seed=4)
    shelf.open(str(tmp_path / "theirs"), owner="ben")
    shutil.rmtree(tmp_path / "mine")
    shutil.copytree(tmp_path / "theirs", tmp_path / "mine")
    with pytest.raises(ValueError, match=re.escape(CHANGED)):
        shelf.open_again(own.name)


def test_what_one_visit_builds_is_not_forgotten_for_anothers(own, folders, monkeypatch):
    monkeypatch.setattr(own_models, "KEPT", 1)
    mine = built(own.name, named(folders), attacks=["loss"]).own
    others = [SHELF.open(str(folders / "tiny"), owner="ben") for _ in range(3)]
    assert engine.reference(mine.name) is not None
    monkeypatch.setattr(own_models, "REMEMBERED", 2)
    SHELF.open(str(folders / "tiny"), owner="ben")
    with pytest.raises(ValueError, match="No model"):
        SHELF.own(others[0].name)
    SHELF.leave("ben")
    assert SHELF.own(mine.name) is mine


def test_of_older_models_the_known_pictures_are_forgotten(own, folders, monkeypatch):
    monkeypatch.setattr(own_models, "KEPT", 2)
    names = [built(own.name, named(folders), attacks=["loss"]).own.name for _ in range(3)]
    assert [engine.reference(name) is None for name in names] == [True, False, False]
    assert subject(names[0]).title == "tiny"
