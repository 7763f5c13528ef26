"""Panels that are drawn when a step is opened never undo what was set on the page while they were being drawn."""

from __future__ import annotations

import threading
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from mia_viz.case import Case
from mia_viz.ui import drawing
from mia_viz.ui.drawing import Drawing

CASE = Case("model", "picture", np.zeros((1, 2, 2), np.float32), "a")


@pytest.fixture
def slow(page: Page):
    """A small app whose panel is drawn on pressing a button and is not finished before it is told so."""
    begun, finish, drawn = threading.Event(), threading.Event(), []

    def draw(case: Case, place: int, held: str) -> list:
        drawn.append((place, held))
        begun.set()
        assert finish.wait(30)
        return [f"<p>{case.name} at {place}, {held}</p>"]

    with gr.Blocks(analytics_enabled=False) as app:
        case, held = gr.State(CASE), gr.State("kept")
        place = gr.Slider(1, 5, value=1, step=1, elem_id="place")
        button, panel = gr.Button("Open", elem_id="open"), gr.HTML("nothing", elem_id="panel")
        turn, now = gr.Button("Turn", elem_id="turn"), gr.HTML("picture", elem_id="now")
        turn.click(lambda: (replace(CASE, name="another", sha256="b"), "another"), None, [case, now])
        drawing.wire(button.click, case, [Drawing([place], [panel], draw, (held,))])
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", share=False)
    page.goto(url)
    yield page, begun, finish, drawn
    app.close()


@pytest.mark.ui
def test_a_control_moved_meanwhile_is_obeyed(slow):
    page, begun, finish, drawn = slow
    page.locator("#open").click()
    assert begun.wait(30)
    page.locator("#place input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    finish.set()
    expect(page.locator("#panel")).to_contain_text("picture at 2, kept", timeout=30_000)
    expect(page.locator("#place input[type=range]")).to_have_value("2")
    assert drawn == [(1, "kept"), (2, "kept")]


@pytest.mark.ui
def test_it_is_drawn_once_where_nothing_was_moved(slow):
    page, _, finish, drawn = slow
    finish.set()
    for time in (1, 2):
        page.locator("#open").click()
        expect(page.locator("#panel")).to_contain_text("picture at 1, kept", timeout=30_000)
        page.wait_for_timeout(500)
        assert drawn == [(1, "kept")] * time


@pytest.mark.ui
def test_another_case_is_drawn_where_the_page_turned_to_it_meanwhile(slow):
    page, begun, finish, drawn = slow
    page.locator("#open").click()
    assert begun.wait(30)
    page.locator("#turn").click()
    expect(page.locator("#now")).to_have_text("another")
    finish.set()
    expect(page.locator("#panel")).to_contain_text("another at 1, kept", timeout=30_000)
    assert len(drawn) == 2
