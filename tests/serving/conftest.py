"""A small gradio app behind the real gate: a file that is taken, something remembered, a job that takes its time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gradio as gr
import pytest

from mia_viz.private import private_folder
from mia_viz.serving import passwords
from mia_viz.ui import log, sign_out
from mia_viz.ui.launch import launch_options
from tests.serving.visit import Visit
from tests.ui.measure import free_port

PASSWORD = "correct horse battery"


def small_app(served: bool) -> gr.Blocks:
    """What the real app does with files, in small: keep, name, forget; and an analysis that can be cancelled."""
    private_folder()
    with gr.Blocks(analytics_enabled=False) as app:
        if served:
            sign_out.build()
        held = gr.State("nothing")
        file = gr.File(elem_id="upload")
        said = gr.Textbox(elem_id="said")
        keep, tell, ask = (gr.Button(name, elem_id=name) for name in ("keep", "tell", "ask"))

        def take(path: str | None) -> tuple[None, str, str]:
            text = Path(path).read_text()
            os.unlink(path)
            return None, text, f"{os.path.basename(path)}: {text}"

        def slow(text: str) -> Iterator[str]:
            for k in range(20):
                time.sleep(0.25)
                yield f"{text} {k}"

        file.upload(take, file, [file, held, said], api_visibility="private")
        keep.click(lambda path: f"seen {path}", file, said, api_visibility="private")
        tell.click(lambda text: text, held, said, api_visibility="private")
        ask.click(slow, said, said, concurrency_limit=1, concurrency_id="model", api_visibility="private")
    return app


def started(users: dict | None = None) -> tuple[gr.Blocks, str]:
    app = small_app(users is not None)
    app.queue(default_concurrency_limit=8)
    log.keep_messages_out()
    options = {**launch_options(users), "css": None, "theme": None, "server_port": free_port()}
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", **options)
    return app, url


@pytest.fixture(scope="session")
def own() -> Iterator[tuple[gr.Blocks, str]]:
    """The app as one uses it oneself, and its address."""
    app, url = started()
    yield app, url
    app.close()


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[gr.Blocks, str]]:
    """The app as others use it: Ada and Ben may sign in."""
    app, url = started({name: passwords.hashed(PASSWORD) for name in ("ada", "ben", "eve")})
    yield app, url
    app.close()


@pytest.fixture
def visit(own) -> Iterator[Callable[[], Visit]]:
    """Maker of visitors of one's own app, each in a browser of its own."""
    made: list[Visit] = []

    def make() -> Visit:
        made.append(Visit(own[1]).open())
        return made[-1]

    yield make
    for one in made:
        one.close()
