"""Links: what an address asks for is found again, and what cannot be had gets a sentence."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape

import pytest
from playwright.sync_api import Page, expect

from mia_viz.targets import bundled
from mia_viz.ui import links, pick
from mia_viz.ui.choose import chosen_tile
from mia_viz.ui.lab import static
from mia_viz.ui.link_reading import SETTINGS, WRONG, View, parse
from mia_viz.ui.walk import subject
from tests.ui.conftest import copied, go, shoot


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
    band = {"attack": "secmi", "lo": 0.05, "hi": 0.3, "shape": "gaussian"}
    assert view == View("brain-b", 130, "frequency", **band, lesson=4, quiz=("brain", 12))
    assert parse({**query, "picture": "130"})[0] == view
    assert parse({"band": "fremia"})[0] == View(preset="fremia")
    assert parse({"band": "0-0.2-0.2"})[0] == View(lo=0.0, hi=0.2, rest=0.2)


def test_a_pair_an_age_and_the_settings_of_a_step_are_read():
    query = {"left": "brain-a-0200:112", "right": "brain-b:0130.png", "age": "350", "task": "2", "level": "0"}
    view, wrong = parse(query)
    assert wrong == ()
    assert view == View(
        left=("brain-a-0200", 112), right=("brain-b", 130), age=350, settings=(("task", 2), ("level", 0))
    )
    pair = {"left": "emoji-a:3", "right": "emoji-b:4"}
    assert parse({"target": "emoji-b", **pair})[0] == View("emoji-b", left=("emoji-a", 3), right=("emoji-b", 4))
    mixed = {"left": "brain-a:3", "right": "emoji-b:4"}
    assert parse(mixed) == (View(left=("brain-a", 3), right=("emoji-b", 4)), ())
    table = links._pair(parse({"target": "digits-a", **mixed})[0], "digits-a")
    assert table.family == "digits"  # that of the page in view, which would lay the columns anew for another
    assert [(side.target, side.picked.family) for side in table.sides] == [("brain-a", "brain"), ("emoji-b", "emoji")]


def test_ten_pictures_of_any_family_are_read():
    assert parse({"quiz": "digits:7"}) == (View(quiz=("digits", 7)), ())
    assert parse({"quiz": "7"}) == (View(quiz=("brain", 7)), ())


def test_every_setting_of_the_browser_is_one_that_a_link_may_name():
    script = static("settings.js")
    controls = script[script.index("CONTROLS") : script.index("};")]
    assert set(re.findall(r"(\w+): '#", controls)) == {*SETTINGS, "age"}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("target", ["", "brain", "own:1", "../brain-a", "brain-a\0"]),
        ("picture", ["-1", "768", "99999999", "0130.PNG", "../0130.png", "1.5", "²", "own"]),
        ("step", ["", "Choose", "structure", "settings"]),
        ("attack", ["", "none", "loss; drop"]),
        ("band", ["", "0.3-0.05", "0.1-0.1", "-0.1-0.3", "nan-1", "0-nan", "inf-inf", "a-b", "0.1", "2-3"]),
        ("band", ["0-1-1", "0-1-0-1", "0-1--1", "0-1-nan"]),
        ("shape", ["", "square"]),
        ("lesson", ["0", "99", "-1", "x", "1e3"]),
        ("quiz", ["0", "10000", "x", ":7", "cats:7", "digits:", "digits:0", "digits:7:7"]),
        ("left", ["", "112", "brain-a:", "brain-a:768", "emoji-a:99999", "own:1:3", "brain-a:112:1"]),
        ("right", ["brain-c:1"]),
        ("age", ["0", "351", "x", "0350"]),
        ("task", ["-1", "1000", "x", ""]),
    ],
)
def test_what_cannot_be_had_gets_one_sentence_and_the_default(name, values):
    for value in values:
        view, wrong = parse({name: value})
        assert view == View(), value
        assert wrong == (WRONG[name],)
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
    twin, _ = links.case_of(View("brain-b"))  # asked beforehand for the comparison
    assert (twin.target, twin.name, twin.truth, len(twin.findings)) == ("brain-b", stored.name, "hold-out", 4)


def marked(html: str) -> dict:
    """What the browser reads off a part of the page."""
    (mark,) = re.findall(r"data-mark='([^']*)'", html)
    return json.loads(unescape(mark))


def test_the_page_names_no_picture_of_ones_own_to_links():
    _, picked = pick.opening_case("brain")
    index = int(picked.name.split()[-1])
    assert marked(chosen_tile(picked)) == {"picture": index, "caption": ""}
    own = pick.Picked("picture 0003", "brain", picked.prepared, None)
    assert marked(chosen_tile(own))["picture"] is None
    assert marked(subject(pick.blank_case(own, "brain-a")))["picture"] is None


def test_the_page_tells_links_what_was_asked_and_whether_they_bring_the_answers():
    case, picked = pick.opening_case("emoji")
    other = pick.pick_bundled("emoji", 3)
    assert marked(chosen_tile(other)) == {"picture": 3, "caption": other.caption}
    about = {"target": case.target, "picture": int(picked.name.split()[-1]), "asked": case.target, "empty": False}
    assert marked(subject(case)) == {**about, "finished": True, "carried": True, "told": True}
    now = marked(subject(replace(case, caption="it's something <else>", live=True)))
    assert (now["carried"], now["told"]) == (False, False)
    asked = replace(pick.blank_case(other, "emoji-b"), findings=case.findings, live=True)
    assert marked(subject(asked))["carried"] is False
    blank = marked(subject(pick.blank_case(other, "emoji-b")))
    assert (blank["carried"], blank["empty"], blank["finished"]) == (True, True, False)


def radio(part: str, place: int) -> str:
    return f"{part} label:nth-of-type({place}) input"


def shown(page: Page, tab: str) -> None:
    """The tab is open, and the page complains of nothing."""
    expect(page.locator(f"#tab-{tab}-button")).to_have_attribute("aria-selected", "true", timeout=60_000)
    expect(page.locator(".lk-said")).to_have_text("")


def settings_hold(page: Page, radios: dict[str, int], sliders: dict[str, str]) -> None:
    for part, place in radios.items():
        expect(page.locator(radio(part, place))).to_be_checked(timeout=60_000)
    for part, value in sliders.items():
        expect(page.locator(f"{part} input[type=range]")).to_have_value(value, timeout=60_000)


@pytest.mark.ui
def test_links_of_the_steps_open_what_was_seen_in_a_fresh_browser(watched, arrived):
    go(watched, "Restore", "#pair img")
    first = watched.locator("#trio .mv-lead").inner_text()
    watched.locator(radio("#which", 3)).click()
    expect(watched.locator("#trio .mv-lead")).not_to_have_text(first)
    restore, alike = copied(watched), watched.locator("#trio .mv-lead").inner_text()
    assert "target=brain-a&picture=112&step=restore&task=3" in restore
    go(watched, "Frequency", "#laboratory .lab-curve >> visible=true")
    watched.locator(".lab-method").select_option(label="SecMI")
    expect(watched.locator("#laboratory .lab-sentence")).not_to_be_empty()
    watched.locator("#laboratory [data-preset=mid]").click()
    watched.locator(".lab-handle").first.press("ArrowRight")
    watched.locator(".lab-shape").select_option("gaussian")
    frequency, band = copied(watched), watched.locator(".lab-band").inner_text()
    assert "step=frequency&attack=secmi&band=0.11-0.4&shape=gaussian" in frequency
    expect(watched).to_have_url(frequency)
    go(watched, "Noise", "#noise-matrix table")
    watched.locator("#scrub input[type=range]").press("ArrowRight")
    watched.locator("#scrub input[type=range]").press("ArrowRight")
    watched.locator(radio("#noise-strength", 4)).click()
    noise = copied(watched)
    assert "step=noise&level=3&strength=4" in noise

    page = arrived(restore)
    shown(page, "restore")
    settings_hold(page, {"#which": 3}, {})
    expect(page.locator("#trio .mv-lead")).to_have_text(alike)
    page = arrived(frequency)
    expect(page.locator(".lab-band")).to_have_text(band, timeout=60_000)
    expect(page.locator(".lab-method")).to_have_value("secmi")
    expect(page.locator(".lab-shape")).to_have_value("gaussian")
    expect(page).to_have_url(frequency)
    page = arrived(noise)
    shown(page, "noise")
    settings_hold(page, {"#noise-strength": 4}, {"#scrub": "3"})
    expect(page.locator("#noise-now")).to_contain_text("Answer at level 60")
    expect(page.locator("#noise-grid [aria-current]")).to_be_visible()
    expect(page).to_have_url(noise)


@pytest.mark.ui
def test_links_of_the_comparison_open_its_pair_its_age_and_its_settings(watched, arrived):
    go(watched, "Compare", "#compare-heads .cmp-head")
    watched.locator("#preset-early").click()
    expect(watched.locator("#compare-heads [data-side^='brain-a-0']")).to_have_count(1)
    watched.locator(radio("#compare-task", 2)).click()
    watched.locator(radio("#compare-band", 2)).click()
    watched.locator("#compare-level input[type=range]").press("ArrowRight")
    pair, heads = copied(watched), watched.locator("#compare-heads").inner_text()
    expect(watched.locator(".lk-said")).to_contain_text("opens this view")
    assert "task=2&level=2&detail=2" in pair
    assert "left=brain-a-0200%3A112&right=brain-a%3A112" in pair
    watched.locator("#tab-ages-button").click()
    watched.locator("#ages-age label", has_text="350").click()
    watched.locator(radio("#ages-task", 2)).click()
    ages = copied(watched)
    assert "step=compare&age=350&task=2" in ages

    page = arrived(pair)
    shown(page, "compare")
    expect(page.locator("#compare-heads")).to_have_text(heads, use_inner_text=True, timeout=60_000)
    settings_hold(page, {"#compare-task": 2, "#compare-band": 2}, {"#compare-level": "2"})
    expect(page).to_have_url(pair)
    page = arrived(ages)
    shown(page, "ages")
    settings_hold(page, {"#ages-task": 2}, {})
    expect(page.locator("#ages-age label", has_text="350").locator("input")).to_be_checked()
    expect(page.locator("#ages-film .cmp-now").first).to_contain_text("350 passes")


@pytest.mark.ui
def test_a_link_to_the_structure_step_waits_until_the_family_has_it(watched, arrived, url):
    page = arrived(f"{url}?target=emoji-a&step=structure&level=150")
    shown(page, "structure")
    settings_hold(page, {}, {"#structure-level": "150"})
    expect(page.locator("#structure-now")).to_contain_text("Taken to level 150")
    expect(page.locator("#subject")).to_contain_text("computed beforehand")
    shoot(page, "link-structure")


@pytest.mark.ui
def test_a_link_is_about_the_evidence_that_is_seen_and_says_what_it_cannot_carry(watched, arrived):
    said = watched.locator(".lk-said")
    watched.locator("#gallery button").nth(2).click()
    expect(watched.locator("#chosen")).to_contain_text("picture 0115")
    watched.get_by_label("Brain MR model B", exact=True).check()
    expect(watched.locator("#card")).to_contain_text("Brain MR model B")
    assert "target=brain-b&picture=115&step=choose" in copied(watched)
    expect(said).to_contain_text("not the evidence named above")
    go(watched, "Verdict", "#answer h2")
    verdict, answer = copied(watched), watched.locator("#answer h2").inner_text()
    assert "target=brain-a&picture=112&step=verdict" in verdict
    expect(said).to_contain_text("It opens this view")
    go(watched, "Many pictures", "#table-start")
    copied(watched)
    expect(said).to_contain_text("What was given or found out on this page")
    go(watched, "Choose", "#hero img")
    watched.locator("#analyse").click()
    expect(watched.locator("#subject")).to_contain_text("computed just now", timeout=240_000)
    assert "target=brain-b&picture=115&step=choose" in copied(watched)
    expect(said).to_contain_text("must press Analyse first")
    watched.evaluate("document.querySelector('#cancel').click()")  # it may have ended by itself
    watched.get_by_role("button", name="Use a picture of your own").click()
    watched.locator("#upload input[type=file]").set_input_files(bundled.population("brain").path(130))
    watched.wait_for_function("document.querySelector('#links').mvState.picture === null")
    assert "picture=" not in copied(watched)
    expect(said).to_contain_text("Your own picture is never part of a link")
    shoot(watched, "link-own")

    page = arrived(verdict)
    shown(page, "verdict")
    expect(page.locator("#answer h2")).to_have_text(answer, timeout=60_000)


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
    watched.goto(f"{url}?target=nobody&picture=5000&band=much&step=restore&task=99")
    expect(watched.locator(".lk-said")).to_contain_text("names a model that is not here", timeout=60_000)
    expect(watched.locator(".lk-said")).to_contain_text(re.compile("picture.*band"))
    expect(watched.locator("#subject")).to_contain_text("picture 0112")
    expect(watched.locator(".lk-said")).to_contain_text("names a setting that is not here")
    shoot(watched, "link-bad")
