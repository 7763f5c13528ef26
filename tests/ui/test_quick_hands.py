"""Whoever is quicker than the answers ends where the hand ended: nothing that was moved meanwhile is dropped."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import expect

from mia_viz import engine
from mia_viz.ui import pick, restore, verdict
from tests.ui.conftest import go

pytestmark = pytest.mark.ui


@pytest.fixture
def held_back(monkeypatch):
    """Has a function of a module wait at its next call; returns what tells that it waits, and what lets it go on."""
    letting_go = []

    def hold(module, name: str) -> tuple[threading.Event, threading.Event]:
        asked, answer, real = threading.Event(), threading.Event(), getattr(module, name)

        def slow(*given):
            if not asked.is_set():
                asked.set()
                answer.wait(20)
            return real(*given)

        monkeypatch.setattr(module, name, slow)
        letting_go.append(answer)
        return asked, answer

    yield hold
    for answer in letting_go:
        answer.set()


def test_the_last_of_quick_moves_is_what_is_shown(watched, held_back):
    go(watched, "Restore", "#which")
    options = watched.locator("#which label")
    last = options.nth(2).inner_text().split(": ")[1]
    asked, answer = held_back(restore, "trio")
    options.nth(1).click()
    assert asked.wait(20)
    options.nth(2).click()
    answer.set()
    expect(watched.locator("#trio img").first).to_have_attribute("alt", f"the picture, {last}")
    expect(options.nth(2).locator("input")).to_be_checked()


def test_the_last_of_quick_choices_is_what_is_chosen_and_analyse_waits_for_it(watched, held_back):
    pictures = watched.locator("#gallery button")
    numbers = [f"picture {index:04d}" for index in pick.gallery_indices("brain")]
    expect(watched.locator("#chosen")).to_contain_text("picture")
    asked, answer = held_back(pick, "pick_bundled")
    pictures.nth(2).click()
    assert asked.wait(20)
    pictures.nth(4).click()
    expect(watched.locator("#analyse")).to_be_disabled()
    answer.set()
    expect(watched.locator("#chosen")).to_contain_text(numbers[4])
    expect(watched.locator("#analyse")).to_be_enabled()


def test_a_report_that_names_the_file_is_not_handed_over_where_that_was_unsaid_meanwhile(watched, held_back):
    go(watched, "Verdict", "#plot-combined .main-svg")
    name = watched.get_by_label("Write the picture's file name")
    name.check()
    asked, answer = held_back(verdict.report, "links")
    watched.locator("#make-report").click()
    assert asked.wait(20)
    name.uncheck()
    expect(watched.locator("#report-links")).not_to_contain_text("Making")
    answer.set()
    expect(watched.locator("#report-links")).to_contain_text("please make it again")
    expect(watched.locator("#report-links a")).to_have_count(0)
    watched.locator("#make-report").click()
    expect(watched.locator("#report-links a")).to_have_count(3)


def test_an_answer_about_the_case_before_is_not_left_standing(watched, held_back):
    asked, answer = held_back(verdict, "conclude")
    watched.get_by_role("tab", name="Verdict").click()
    assert asked.wait(20)
    go(watched, "Choose", "#family")
    watched.locator("#family").get_by_label("Handwritten digits").check()
    expect(watched.locator("#subject")).to_contain_text("Digit model A")
    answer.set()
    case, _ = pick.opening_case("digits")
    found = engine.statement_named(case.target, case).verdict
    expect(watched.locator("#answer")).to_contain_text(found.frequency)
