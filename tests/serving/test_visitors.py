"""Whose page, whose file: first come first served, nobody else's afterwards; what is over is gone."""

from __future__ import annotations

import os

from mia_viz.serving import visitors
from mia_viz.serving.headers import script_hashes, security_headers
from mia_viz.serving.visitors import Visitors, room, tidy, used


def test_a_page_belongs_to_the_first_browser_that_names_it(tmp_path):
    all_of = Visitors(tmp_path)
    ada, ben = all_of.welcome(), all_of.welcome()
    assert all_of.known(ada.secret) is ada
    assert all_of.known("made up") is None
    assert all_of.known(None) is None
    assert all_of.owns(ada, "page")
    assert all_of.owns(ada, "page")
    assert not all_of.owns(ben, "page")
    all_of.goodbye(ada)
    assert all_of.known(ada.secret) is None
    assert all_of.ended("page")


def test_signing_in_lasts_for_a_working_day(tmp_path):
    now = [0.0]
    all_of = Visitors(tmp_path, lambda: now[0])
    ada, someone = all_of.welcome("ada"), all_of.welcome()
    now[0] = visitors.SIGNED_IN_SECONDS + 1
    assert all_of.known(ada.secret) is None
    assert all_of.known(someone.secret) is someone


def test_old_visitors_and_pages_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(visitors, "MOST_VISITORS", 2)
    monkeypatch.setattr(visitors, "MOST_SESSIONS", 2)
    all_of = Visitors(tmp_path)
    first, second, third = (all_of.welcome() for _ in range(3))
    assert [all_of.known(v.secret) is None for v in (first, second, third)] == [True, False, False]
    assert all(all_of.owns(third, page) for page in "abc")
    assert all_of.ended("a")
    assert not all_of.ended("b")


def test_files_are_the_visitors_own_and_go_after_a_quarter_of_an_hour(tmp_path):
    all_of = Visitors(tmp_path)
    ada, ben = all_of.welcome(), all_of.welcome()
    old, new = room(ada) / "old.png", room(ada) / "part" / "new.png"
    new.parent.mkdir()
    for file in (old, new):
        file.write_bytes(b"1234")
    assert (ada.folder.stat().st_mode & 0o777, used(ada.folder)) == (0o700, 8)
    assert all_of.may_read(ada, new.resolve())
    assert not all_of.may_read(ben, new.resolve())
    assert not all_of.may_read(None, new.resolve())
    now = new.stat().st_mtime
    os.utime(old, (now - visitors.UPLOAD_SECONDS - 1,) * 2)
    tidy(tmp_path, now)
    assert [f.exists() for f in (old, new)] == [False, True]
    tidy(tmp_path, now + visitors.UPLOAD_SECONDS + 1)
    assert not new.exists()
    assert not ada.folder.exists()
    assert visitors.UPLOAD_SECONDS + 15 <= 15 * 60


def test_room_on_the_disk_is_a_users_in_all_browsers_together(tmp_path, monkeypatch):
    monkeypatch.setattr(visitors, "MOST_AT_ONCE", 100)
    monkeypatch.setattr(visitors, "MOST_TOGETHER", 150)
    all_of = Visitors(tmp_path)
    ada, again, ben = (all_of.welcome(name) for name in ("ada", "ada", "ben"))
    (room(ada) / "a.png").write_bytes(bytes(60))
    assert [all_of.left(v) for v in (ada, again, ben)] == [40, 40, 90]
    (room(ben) / "b.png").write_bytes(bytes(70))
    assert [all_of.left(v) for v in (ada, again, ben)] == [20, 20, 20]
    one, other = all_of.welcome(), all_of.welcome()
    (room(one) / "c.png").write_bytes(bytes(15))
    assert [all_of.left(v) for v in (one, other)] == [5, 5]


def test_scripts_of_a_page_are_known_by_their_hash():
    """The example of the CSP specification (Content Security Policy Level 3, section 2.3.1)."""
    page = b"<html><script>alert('Hello, world.');</script><script src=x.js></script><script data-x>\n1</script>"
    hashes = script_hashes(page)
    assert hashes[0] == "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
    assert len(hashes) == 2
    policy = security_headers("/", hashes)["content-security-policy"]
    assert hashes[0] in policy
    scripts = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert "unsafe-inline" not in scripts
    assert "frame-ancestors 'none'" in policy


def test_answers_are_not_kept_except_gradios_own_parts():
    assert security_headers("/gradio_api/queue/data")["cache-control"] == "no-store"
    assert "cache-control" not in security_headers("/assets/index.js")
