"""Links: what an address asks for is found again, and what cannot be had gets a sentence."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from mia_viz.ui import links, pick
from mia_viz.ui.links import View, parse
from tests.ui.conftest import go, shoot


def test_a_whole_address_is_read():
    query = {
        "target": "brain-b",
        "picture": "0130.png",
        "step": "frequency",
        "attack": "secmi",
        "band": "0.05-0.3",
        "shape": "gaussian",
        "lesson": "4",
        "quiz": "12",
        "__theme": "dark",
    }
    view, wrong = parse(query)
    assert wrong == ()
    assert view == View("brain-b", 130, "frequency", "secmi", None, 0.05, 0.3, "gaussian", 4, 12)
    assert parse({**query, "picture": "130"})[0] == view
    assert parse({"band": "fremia"})[0] == View(preset="fremia")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("target", ["", "brain", "own:1", "../brain-a", "brain-a\0"]),
        ("picture", ["-1", "768", "99999999", "0130.PNG", "../0130.png", "1.5", "²", "own"]),
        ("step", ["", "Choose", "structure", "settings"]),
        ("attack", ["", "none", "loss; drop"]),
        ("band", ["", "0.3-0.05", "0.1-0.1", "-0.1-0.3", "nan-1", "0-nan", "inf-inf", "a-b", "0.1", "2-3"]),
        ("shape", ["", "square"]),
        ("lesson", ["0", "11", "-1", "x", "1e3"]),
        ("quiz", ["0", "10000", "x"]),
    ],
)
def test_what_cannot_be_had_gets_one_sentence_and_the_default(name, values):
    for value in values:
        view, wrong = parse({name: value})
        assert view == View(), value
        assert wrong == (links.WRONG[name],)
        assert wrong[0].endswith(".")


def test_structure_is_a_step_of_the_models_that_have_it():
    assert parse({"step": "structure", "target": "emoji-a"})[0].step == "structure"


def test_the_stored_case_opens_where_the_link_is_about_it_and_nothing_is_made_up_elsewhere():
    stored, picked = pick.opening_case("brain")
    index = int(picked.name.split()[-1])
    assert links.case_of(View())[0].name == stored.name
    assert links.case_of(View(stored.target, index))[0].findings
    other, chosen = links.case_of(View(stored.target, 130))
    assert (other.findings, other.name, chosen.name) == ((), "picture 0130", "picture 0130")
    twin, _ = links.case_of(View("brain-b"))
    assert (twin.target, twin.findings, twin.name) == ("brain-b", (), stored.name)
    assert twin.truth == "hold-out"


def test_the_state_names_no_picture_of_ones_own():
    case, picked = pick.opening_case("brain")
    assert links.state(picked, case.target, case)["picture"] == int(picked.name.split()[-1])
    own = pick.Picked("picture 0003", "brain", picked.prepared, None)
    assert links.state(own, case.target, case)["picture"] is None
    assert links.state(own, "own:1", case)["target"] is None


@pytest.mark.ui
def test_a_copied_link_opens_the_same_view(watched, context, url):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    go(watched, "Frequency", "#laboratory .lab-curve >> visible=true")
    watched.locator(".lab-method").select_option(label="SecMI")
    expect(watched.locator("#laboratory .lab-sentence")).not_to_be_empty()
    watched.locator("#laboratory [data-preset=mid]").click()
    watched.locator(".lab-handle").first.press("ArrowRight")
    watched.locator(".lab-shape").select_option("gaussian")
    band = watched.locator(".lab-band").inner_text()
    watched.locator(".lk-copy").click()
    expect(watched.locator(".lk-said")).to_contain_text("copied")
    copied = watched.evaluate("navigator.clipboard.readText()")
    assert "target=brain-a&picture=112&step=frequency&attack=secmi&band=0.11-0.4&shape=gaussian" in copied
    expect(watched).to_have_url(copied)
    other = context.new_page()  # as the one who was sent the link; leaving the first page would abort its requests
    other.goto(copied)
    expect(other.locator(".lab-band")).to_have_text(band, timeout=60_000)
    expect(other.locator(".lab-method")).to_have_value("secmi")
    expect(other.locator(".lab-shape")).to_have_value("gaussian")
    expect(other).to_have_url(copied)


@pytest.mark.ui
def test_a_picture_that_nobody_has_asked_about_waits_for_analyse(watched, url):
    watched.goto(f"{url}?target=brain-b&picture=130&step=verdict")
    expect(watched.locator("#subject")).to_contain_text("has not been asked about picture 0130", timeout=60_000)
    expect(watched.locator("#answer")).to_contain_text("when all methods have spoken")
    go(watched, "Choose", "#chosen img")
    expect(watched.locator("#chosen")).to_contain_text("picture 0130")
    expect(watched.get_by_label("Brain MR model B", exact=True)).to_be_checked()
    expect(watched.locator("#analyse")).to_be_enabled()
    shoot(watched, "link-unasked")


@pytest.mark.ui
def test_a_bad_link_says_so_and_shows_the_example(watched, url):
    watched.goto(f"{url}?target=nobody&picture=5000&band=much")
    expect(watched.locator(".lk-said")).to_contain_text("names a model that is not here", timeout=60_000)
    expect(watched.locator(".lk-said")).to_contain_text(re.compile("picture.*band"))
    expect(watched.locator("#subject")).to_contain_text("picture 0112")
    shoot(watched, "link-bad")
