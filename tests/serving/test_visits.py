"""The whole app with several visitors: each with a model and pictures of its own, and what is let go of them when."""

from __future__ import annotations

import gc
import os
import time
import weakref
from pathlib import Path

import pytest

from mia_viz.case import Case
from mia_viz.own_models import LET_GO as MODEL_LET_GO
from mia_viz.own_models import SHELF
from mia_viz.ui import housekeeping, log
from mia_viz.ui.launch import build, launch_options
from mia_viz.ui.letting_go import FOUND, LET_GO, SEVERAL
from tests.commands.conftest import write_model
from tests.serving.asking import (
    ANALYSE,
    answers,
    as_it_stands,
    asked,
    chosen,
    compared,
    given,
    held,
    housekeeping_of,
    opened,
    picture,
)
from tests.serving.visit import Visit, file_data
from tests.ui.measure import free_port


@pytest.fixture(scope="module")
def app():
    """The real app and its address."""
    blocks = build()
    blocks.queue(default_concurrency_limit=8)
    log.keep_messages_out()
    options = {**launch_options(), "css": None, "theme": None, "server_port": free_port()}
    _, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", **options)
    yield blocks, url
    blocks.close()
    SHELF.close()


@pytest.fixture
def house(app, monkeypatch):
    """The running app's housekeeping, which makes its rounds when asked to only; its clock moves when it is put on."""
    Visit(app[1]).open().close()
    house = housekeeping_of(app[0])
    late = [0.0]
    begun = time.monotonic()
    monkeypatch.setattr(house.visitors, "clock", lambda: begun + late[0])
    house.later = lambda seconds: late.__setitem__(0, late[0] + seconds)
    return house


@pytest.fixture
def visit(app):
    made = []

    def make() -> Visit:
        made.append(Visit(app[1]).open())
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return [str(write_model(root / f"model-{k}", seed=k)) for k in range(3)]


def test_two_visitors_have_a_model_of_their_own_each_and_not_the_others(visit, models, house, app):
    ada, ben = visit(), visit()
    names = [opened(one, model) for one, model in zip((ada, ben), models, strict=False)]
    assert [SHELF.own(name).title for name in names] == ["model-0", "model-1"]
    pages = [chosen(one) for one in (ada, ben)]
    for k, (one, name) in enumerate(zip((ada, ben), names, strict=True)):
        said = pages[k] + asked(one, name)
        assert f"model-{k}" in said
        assert "Done in" in said
        assert f"model-{1 - k}" not in said
        assert names[1 - k] not in said
    refused = ada.join(ada.event(*ANALYSE), [None, names[1], "", None])
    messages = [m for m in ada.messages() if m.get("event_id") == refused.json()["event_id"]]
    assert messages[-1]["success"] is False  # it is none of the page's choices
    house.end(app[0], ada.session)
    with pytest.raises(ValueError, match="No model"):
        SHELF.own(names[0])
    assert SHELF.target(names[1]) is not None
    house.end(app[0], ben.session)


def test_where_room_is_for_one_the_model_that_rests_goes_and_comes_back_under_its_name(
    visit, models, house, app, monkeypatch
):
    monkeypatch.setattr(SHELF, "most", 1)
    ada, ben = visit(), visit()
    name = opened(ada, models[0])
    chosen(ada)
    opened(ben, models[1])
    said = asked(ada, name)
    assert MODEL_LET_GO in said.replace("&#x27;", "'")
    assert "mv-again" in said
    assert "Done in" not in said
    assert "is open again" in str(ada.answers(ada.event("own-again", "click"), [None]))
    assert "Done in" in asked(ada, name)
    for one in (ada, ben):
        house.end(app[0], one.session)


def test_a_picture_that_rests_for_a_quarter_of_an_hour_is_let_go_and_the_page_says_so(visit, house, app):
    blocks = app[0]
    ada, ben = visit(), visit()
    given(ada)
    ben.answers(ben.event("how", "input"), [None, "exact", "brain-a"])
    watched = [weakref.ref(value) for value in held(blocks, ada)]
    assert watched
    house.later(housekeeping.KEPT_SECONDS - 5)
    house.round(blocks)
    assert len(held(blocks, ada)) == len(watched)
    house.later(10)
    house.round(blocks)
    gc.collect()
    assert held(blocks, ada) == []
    assert [one() for one in watched] == [None] * len(watched)
    assert "scan.png" not in str(blocks.state_holder.session_data[ada.session].config_values)
    refused = ada.join(ada.event(*ANALYSE), [None, "brain-a", "", None])
    assert (refused.status_code, refused.json()["detail"]) == (409, LET_GO)
    back = ada.event("head", "select")
    said = str(ada.answers(back, [None] * 4, event_data={"touched": True}))
    assert LET_GO in said
    assert "scan.png" not in said
    assert LET_GO not in str(ada.answers(back, [None] * 4, event_data={"touched": True}))
    given(ada, "second.png")
    assert "second.png" in asked(ada, "brain-a")
    assert LET_GO not in str(ben.answers(ben.event("head", "select"), [None] * 4, event_data={}))
    assert ben.join(ben.event("how", "input"), [None, "exact", "brain-a"]).status_code == 200


def test_what_a_page_sends_as_let_go_is_not_believed(visit, house, app):
    ada = visit()
    given(ada)
    every = ",".join(str(number) for number in range(3000))
    ada.http.headers["x-mia-viz-let-go"] = every
    assert LET_GO not in str(ada.answers(ada.event("head", "select"), [None] * 4, event_data={"touched": True}))
    assert held(app[0], ada)


def test_while_it_is_touched_or_asked_about_a_picture_stays(visit, house, app):
    blocks = app[0]
    ada = visit()
    given(ada)
    for _ in range(3):
        house.later(housekeeping.KEPT_SECONDS - 5)
        house.round(blocks)
        ada.answers(ada.event("head", "select"), [None] * 4, event_data={"touched": True})
    assert held(blocks, ada)
    event = ada.event(*ANALYSE)
    running = ada.join(event, [None, "brain-a", "", None]).json()["event_id"]
    house.later(housekeeping.KEPT_SECONDS + 5)
    house.round(blocks)
    said = str(ada.collect(running))
    assert "scan.png" in said
    assert "Done in" in said
    assert len(held(blocks, ada)) >= 3  # the picture, what was asked about, and the evidence


def test_a_question_without_a_touch_does_not_keep_a_picture(visit, house, app):
    ada = visit()
    given(ada)
    house.later(housekeeping.KEPT_SECONDS - 5)
    ada.answers(ada.event("head", "select"), [None] * 4, event_data={"touched": False})
    house.later(10)
    house.round(app[0])
    assert held(app[0], ada) == []


def test_sets_and_archives_are_let_go_and_an_archive_in_use_stays_on_the_disk(visit, house, app):
    blocks = app[0]
    ada = visit()
    files = [file_data(ada.upload(f"{k}.png", picture(k)).json()[0]) for k in range(5)]
    assert "5 pictures taken" in str(
        ada.answers(ada.event("suspects-files", "upload"), [files, "exact", "brain-a", None])
    )
    path = Path(ada.upload("all.zip", b"PK\x05\x06" + bytes(18)).json()[0])
    assert "all.zip is ready" in str(ada.answers(ada.event("table-upload", "upload"), [file_data(str(path)), None]))
    long_ago = time.time() - 3000
    os.utime(path, (long_ago, long_ago))
    house.round(blocks)
    assert path.exists()
    house.later(housekeeping.KEPT_SECONDS + 5)
    house.round(blocks)
    assert not path.exists()
    assert held(blocks, ada) == []
    said = str(ada.answers(ada.event("head", "select"), [None] * 4, event_data={"touched": True}))
    assert said.count(SEVERAL) == 2
    assert LET_GO not in said  # of the first page nothing was


def test_what_was_found_is_let_go_where_it_is_compared_too(visit, house, app):
    ada = visit()
    given(ada)
    assert "Done in" in asked(ada, "brain-a")
    compared(ada, "brain-a")
    kept = next(v for v in held(app[0], ada) if isinstance(v, tuple))
    assert [case.name for case in kept] == ["scan.png"]
    house.later(housekeeping.KEPT_SECONDS + 5)
    house.round(app[0])
    assert held(app[0], ada) == []
    said = str(ada.answers(ada.event("head", "select"), [None] * 4, event_data={"touched": True}))
    assert FOUND in said
    assert LET_GO in said
    assert "scan.png" not in said


def test_nothing_that_is_kept_names_a_picture_that_was_let_go(visit, house, app):
    """Whatever kind of value it is: steps were drawn and a report was made about it."""
    ada = visit()
    given(ada)
    assert "Done in" in asked(ada, "brain-a")
    kept = app[0].state_holder.session_data[ada.session].state_data
    (sha256,) = {value.sha256 for value in held(app[0], ada) if isinstance(value, Case)}
    for tab in ("tab-frequency", "tab-noise", "tab-verdict"):
        as_it_stands(ada, tab, "select")
    assert "download=" in as_it_stands(ada, "make-report", "click")
    assert sha256 in repr(kept)
    house.later(housekeeping.KEPT_SECONDS + 5)
    house.round(app[0])
    assert [name for name, value in kept.items() if sha256 in repr(value) or "scan.png" in repr(value)] == []


def test_answers_of_ones_own_model_are_compared_and_go_with_it_or_after_a_quarter_of_an_hour(visit, models, house, app):
    ada = visit()
    name = opened(ada, models[0])
    chosen(ada)
    given(ada, size=16, target=name)
    assert "Done in" in asked(ada, name)
    page = compared(ada, name)
    assert "asked of model-0" in page
    assert [case.target for case in answers(app[0], ada)] == [name]
    another = opened(ada, models[1])
    page = compared(ada, name)  # the walk is still at the one before
    assert "asked of model-1" in page
    assert "model-0" not in page
    assert answers(app[0], ada) == []
    chosen(ada)
    given(ada, "second.png", size=16, target=another)
    assert "Done in" in asked(ada, another)
    compared(ada, another)
    assert [case.name for case in answers(app[0], ada)] == ["second.png"]
    house.later(housekeeping.KEPT_SECONDS + 5)
    house.round(app[0])
    assert held(app[0], ada) == []
    said = str(ada.answers(ada.event("head", "select"), [None] * 4, event_data={"touched": True}))
    assert FOUND in said
    assert "second.png" not in said
    assert "asked of model-1" not in said  # of what is at hand it could not be asked about anything
    house.end(app[0], ada.session)


def test_signing_out_ends_a_visit_and_gives_its_model_up_at_once(visit, models, house, app):
    ada = visit()
    name = opened(ada, models[2])
    owner = house.visitors._owners[ada.session]
    house.visitors.goodbye(owner)
    house.round(app[0])
    assert ada.session not in app[0].state_holder.session_data
    with pytest.raises(ValueError, match="No model"):
        SHELF.own(name)
