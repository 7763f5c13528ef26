"""Served to others: nobody gets in without signing in, guessing gets slower, one analysis each. Real HTTP."""

from __future__ import annotations

import httpx
import pytest

from mia_viz.serving import throttle
from mia_viz.serving.sign_in import WRONG
from mia_viz.ui.gate import BUSY
from tests.serving.conftest import PASSWORD
from tests.serving.visit import API, Visit


def attempt(url: str, name: str, password: str) -> httpx.Response:
    return httpx.post(f"{url}sign-in", data={"name": name, "password": password}, timeout=60)


@pytest.fixture
def signed_in(served):
    """Maker of visitors who have signed in."""
    made = []

    def make(name: str) -> Visit:
        jar = httpx.Cookies(attempt(served[1], name, PASSWORD).cookies)
        made.append(Visit(served[1], jar).open())
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_nothing_is_told_before_signing_in(served):
    url = served[1]
    answer = httpx.get(url)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    page = httpx.get(f"{url}sign-in")
    assert "Please sign in" in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "gradio_config" not in page.text
    for path in ("/config", f"{API}/info", f"{API}/file=/etc/passwd", f"{API}/heartbeat/x", f"{API}/queue/data", "/x"):
        assert httpx.get(url.rstrip("/") + path).status_code == 401
    for path in (f"{API}/upload", f"{API}/queue/join", f"{API}/cancel", "/login"):
        assert httpx.post(url.rstrip("/") + path).status_code == 401


def test_signing_in_and_out(served, signed_in):
    ada, ben = signed_in("ada"), signed_in("ben")
    assert ada.answers(ada.event("tell", "click"), [None]) == ["nothing"]
    assert ben.http.get(f"{API}/queue/data", params={"session_hash": ada.session}).status_code == 403
    assert ada.http.post("/sign-out").headers["location"] == "/sign-in"
    assert ada.http.get("/config").status_code == 401
    assert ben.http.get("/config").status_code == 200


def test_a_cookie_of_before_signing_in_is_worth_nothing(served):
    """Session fixation: whatever a browser brings, signing in gives a new secret."""
    answer = attempt(served[1], "ada", PASSWORD)
    first = answer.headers["set-cookie"]
    assert "HttpOnly; SameSite=Lax" in first
    second = httpx.post(
        f"{served[1]}sign-in", data={"name": "ada", "password": PASSWORD}, cookies=dict(answer.cookies), timeout=60
    )
    assert second.headers["set-cookie"] != first
    assert httpx.get(f"{served[1]}config", cookies=dict(answer.cookies)).status_code == 401


def test_behind_a_proxy_with_tls_the_cookie_is_sent_nowhere_else(served):
    form = {"name": "ada", "password": PASSWORD}
    answer = httpx.post(f"{served[1]}sign-in", data=form, headers={"X-Forwarded-Proto": "https"}, timeout=60)
    assert answer.headers["set-cookie"].endswith("; Secure")


def test_guessing_gets_slower_and_tells_no_names(served, monkeypatch):
    url = served[1]
    wrong = attempt(url, "eve", "wrong 0")
    unknown = attempt(url, "nobody", "wrong 0")
    assert (wrong.status_code, unknown.status_code) == (403, 403)
    assert WRONG in wrong.text
    assert unknown.text == wrong.text
    with monkeypatch.context() as patched:
        patched.setattr(throttle, "FREE", -5)  # after one failure as long as otherwise after nine
        for password in ("wrong 1", PASSWORD):  # the right one has to wait as well
            held = attempt(url, "eve", password)
            assert held.status_code == 429
            assert int(held.headers["retry-after"]) > 30
            assert "please wait" in held.text
    assert attempt(url, "eve", PASSWORD).status_code == 303


def test_rubbish_at_the_door(served):
    url = f"{served[1]}sign-in"
    assert httpx.post(url, content=b"\xff\xfe&name=%ff&password=\x00").status_code == 403
    assert httpx.post(url, content=bytes(100_000)).status_code == 413
    assert httpx.get(served[1], headers={"Cookie": "=;;\x7f; a b"}).status_code == 303


def test_one_analysis_per_visitor_at_a_time(signed_in):
    ada, ben = signed_in("ada"), signed_in("ben")
    event = ada.event("ask", "click")
    first = ada.join(event, ["ada"]).json()["event_id"]
    again = Visit(ada.url, ada.http.cookies).open()  # another page of the same browser
    others = ben.join(event, ["ben"])
    refused = again.join(event, ["ada again"])
    assert (refused.status_code, refused.json()) == (503, {"detail": BUSY})
    assert ada.collect(first) == ["ada 19"]
    assert ben.collect(others.json()["event_id"]) == ["ben 19"]
    assert ada.answers(event, ["ada"]) == ["ada 19"]
    again.close()
