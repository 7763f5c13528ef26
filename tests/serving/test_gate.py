"""Another visitor tries to get at a picture, a result or a running job: by path, by name, by guessing. Real HTTP."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mia_viz.serving import visitors
from mia_viz.ui import gate_upload
from mia_viz.ui.gate import OVER
from mia_viz.ui.housekeeping import Housekeeping
from tests.serving.visit import API, Visit, file_data

SECRET = b"nobody else's picture"
NAME = "Patient Mueller.png"


def uploaded(visit: Visit, data: bytes = SECRET, name: str = NAME) -> str:
    answer = visit.upload(name, data)
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def test_an_upload_is_its_visitors_alone(visit, own):
    ada, ben = visit(), visit()
    path = uploaded(ada)
    root = Path(os.environ["GRADIO_TEMP_DIR"])
    assert root.stat().st_mode & 0o777 == 0o700
    assert Path(path).is_relative_to(root)
    assert ada.file(path).content == SECRET
    assert ada.file(path).headers["cache-control"] == "no-store"
    # One who has the same file learns neither where the other copy lies nor that there is one.
    twin = uploaded(ben)
    assert twin != path
    around = Path(path).parent.name
    for guess in (
        path,
        f"{path}/",
        f"{root}/../{root.name}{path.removeprefix(str(root))}",
        f"//{path}",
        f"file://{path}",
        f"./../../../../../..{path}",
        str(Path(path).parent),
        str(root),
        f"{root}/{around}/{NAME}",
        "/etc/passwd",
        "app.py",
        "../../etc/passwd",
        "..%2f..%2fetc/passwd",
        "http://127.0.0.1/",
        "https://example.org/picture.png",
        path + "\0.png",
    ):
        answer = ben.http.get(f"{API}/file=" + guess.replace("\0", "%00").replace("%2f", "%252f"))
        assert answer.status_code in (403, 404), guess
        assert SECRET not in answer.content
        assert ben.file(path, Range="bytes=0-5").status_code == 403
    for route in ("/file/", "/proxy="):
        assert ben.http.get(f"{API}{route}{path}").status_code == 404


def test_a_file_that_is_not_ones_own_cannot_be_given_to_a_handler(visit):
    """Else a handler would read it out, and remove it: another's upload, or a file of the server."""
    ada, ben = visit(), visit()
    path, victim = uploaded(ada), Path(os.environ["GRADIO_TEMP_DIR"]) / "victim.txt"
    victim.write_text("a file of the server")
    for named in (path, str(victim), "/etc/hostname", "http://127.0.0.1:9/x", f"{ben.url}{API}/file={path}"):
        for payload in (file_data(named), {"path": named}, {**file_data(named), "url": named}):
            for event in (ben.event("upload", "upload"), ben.event("keep", "click")):
                answer = ben.join(event, [payload])
                assert answer.status_code == 403, named
                assert answer.json() == {"detail": "This does not belong to your visit."}
    assert victim.exists()
    assert Path(path).exists()
    victim.unlink()
    _, _, said = ada.answers(ada.event("upload", "upload"), [file_data(path)])
    assert said == f"{Path(path).name}: {SECRET.decode()}"
    assert not Path(path).exists()


def test_two_visitors_with_one_file_do_not_meet(visit):
    ada, ben = visit(), visit()
    paths = [uploaded(one) for one in (ada, ben)]
    for one, path in zip((ada, ben), paths, strict=True):
        assert one.answers(one.event("upload", "upload"), [file_data(path)])[2].endswith(SECRET.decode())


def test_another_page_cannot_be_listened_to_used_or_stopped(visit):
    ada, ben = visit(), visit()
    event = ada.event("ask", "click")
    event_id = ada.join(event, ["private"]).json()["event_id"]
    assert ben.http.get(f"{API}/queue/data", params={"session_hash": ada.session}).status_code == 403
    assert ben.http.get(f"{API}/heartbeat/{ada.session}").status_code == 403
    stolen = {"session_hash": ada.session, "fn_index": event["id"], "event_id": event_id}
    assert ben.http.post(f"{API}/cancel", json=stolen).status_code == 403
    assert ben.http.post(f"{API}/cancel", json={**stolen, "session_hash": ben.session}).status_code == 403
    told = {"data": [None], "fn_index": ada.event("tell", "click")["id"], "session_hash": ada.session}
    assert ben.http.post(f"{API}/queue/join", json=told).status_code == 403
    assert ada.collect(event_id) == ["private 19"]


def test_what_is_held_for_one_page_is_not_told_to_another(visit):
    ada, ben = visit(), visit()
    ada.answers(ada.event("upload", "upload"), [file_data(uploaded(ada))])
    assert ada.answers(ada.event("tell", "click"), [None]) == [SECRET.decode()]
    assert ben.answers(ben.event("tell", "click"), [None]) == ["nothing"]


@pytest.mark.parametrize(
    "path",
    ["/deep_link?session_hash=x", "/call/tell", "/run/tell", "/api/tell", "/runs", "/openapi.json", "/queue/status",
     "/component_server", "/process_recording", "/dev/reload", "/vibe-code/", "/stream/x/0/1/playlist.m3u8",
     "/custom_component/x/y/z/w", "/login_check", "/token", "/profiling/summary"],
)  # fmt: skip
def test_routes_that_the_page_does_not_need_are_closed(path, visit):
    one = visit()
    assert one.http.get(f"{API}{path}").status_code == 404
    assert one.http.post(f"{API}{path}", json={}).status_code == 404


@pytest.mark.parametrize("path", ["/monitoring", "/monitoring/summary", "/login", "/docs", "/redoc", "/pwa_icon"])
def test_so_are_other_pages(path, visit):
    assert visit().http.get(path).status_code == 404


def test_without_the_cookie_of_a_page_nothing_is_told(own, visit):
    ada = visit()
    stranger = Visit(own[1])
    assert stranger.http.get(f"{API}/heartbeat/{ada.session}").status_code == 403
    assert stranger.upload("x.png", b"x").status_code == 403
    assert stranger.http.get("/").headers["set-cookie"].endswith("HttpOnly; SameSite=Lax")
    stranger.close()


def test_pages_of_other_sites_and_other_names_for_this_machine_are_refused(visit):
    """Cross-site requests, and DNS rebinding: a name of the attacker's that points to 127.0.0.1."""
    one = visit()
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
        assert one.http.get("/config", headers=headers).status_code == 403
    assert one.http.get("/config", headers={"Origin": one.url}).status_code == 200


def test_every_answer_carries_the_headers(visit):
    one = visit()
    for path in ("/", "/config", f"{API}/nothing", f"{API}/file=/etc/passwd", "/theme.css"):
        headers = one.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
    policy = one.http.get("/").headers["content-security-policy"]
    assert policy.count("'sha256-") >= 3


def test_limits_of_size(visit, own, monkeypatch):
    one = visit()
    monkeypatch.setattr(own[0], "max_file_size", 1000)
    refused = one.upload("big.png", bytes(2000))
    assert (refused.status_code, refused.text) == (413, "This file is larger than 0 MB; please choose a smaller one.")
    monkeypatch.setattr(visitors, "MOST_AT_ONCE", 1500)
    assert one.upload("a.png", bytes(900)).status_code == 200
    refused = one.upload("b.png", bytes(900))
    assert (refused.status_code, refused.text) == (413, gate_upload.TOO_MUCH)
    event = one.event("ask", "click")
    assert one.join(event, ["x" * 9_000_000]).status_code == 413
    assert one.http.post(f"{API}/queue/join", content=b"{" * 1000).status_code == 400
    assert one.http.post(f"{API}/queue/join", content=b"[" * 100_000).status_code == 400


def test_an_upload_that_breaks_off_leaves_nothing(visit):
    import socket

    one = visit()
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    before = {f for f in folder.rglob("*") if f.is_file()}
    host, port = one.url.removeprefix("http://").split(":")
    cookies = "; ".join(f"{name}={value}" for name, value in one.http.cookies.items())
    head = (
        f"POST {API}/upload HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookies}\r\nContent-Length: 100000\r\n"
        'Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\nContent-Disposition: form-data; name="files"; '
        'filename="scan.dcm"\r\n\r\n'
    )
    with socket.create_connection((host, int(port))) as line:
        line.sendall(head.encode() + bytes(50_000))
        for _ in range(100):
            if {f for f in folder.rglob("*") if f.is_file()} - before:
                break
            time.sleep(0.05)
    for _ in range(100):
        if {f for f in folder.rglob("*") if f.is_file()} == before:
            return
        time.sleep(0.05)
    raise AssertionError("half an upload was left behind")


def test_a_visit_that_is_over_is_forgotten_as_a_whole(visit, own):
    one = visit()
    one.answers(one.event("upload", "upload"), [file_data(uploaded(one))])
    blocks = own[0]
    assert one.session in blocks.state_holder.session_data
    rules = blocks.app.user_middleware[-1].kwargs["rules"]
    Housekeeping(rules.visitors).end(blocks, one.session)
    assert one.session not in blocks.state_holder.session_data
    refused = one.join(one.event("tell", "click"), [None])
    assert (refused.status_code, refused.json()["detail"]) == (410, OVER)
    again = Visit(one.url, one.http.cookies).open()
    assert again.answers(again.event("tell", "click"), [None]) == ["nothing"]
    again.close()
