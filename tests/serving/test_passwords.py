"""Names and hashes: RFC 7914's own vector, files that are whole and private, damaged and absurd lines refused."""

from __future__ import annotations

import base64
import hashlib
import stat

import pytest

from mia_viz.serving import passwords
from mia_viz.serving.passwords import UsersError, add_user, hashed, matches, parse, read_users
from mia_viz.serving.throttle import Throttle

WORDS = "correct horse battery"


def test_the_hash_is_scrypt_of_rfc_7914():
    """Section 12, third vector: N = 16384, r = 8, p = 1, 64 bytes."""
    expected = bytes.fromhex(
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )
    salt = b"SodiumChloride"
    assert passwords._scrypt("pleaseletmein", salt, 14, 8, 1, 64) == expected
    padded = salt + bytes(2)  # a stored salt has at least 16 bytes
    digest = hashlib.scrypt(b"pleaseletmein", salt=padded, n=2**14, r=8, p=1, dklen=32)
    line = f"ada:scrypt$14$8$1${base64.b64encode(padded).decode()}${base64.b64encode(digest).decode()}"
    assert matches(parse(line), "ada", "pleaseletmein")


def test_right_wrong_and_unknown():
    users = {"ada": hashed(WORDS)}
    assert matches(users, "ada", WORDS)
    assert not matches(users, "ada", WORDS + " ")
    assert not matches(users, "ben", WORDS)
    assert not matches(users, "ada", "x" * 100_000)
    assert hashed(WORDS).salt != hashed(WORDS).salt
    assert parse(f"ada:{users['ada'].text}\n") == users


def test_one_password_typed_in_two_ways_is_one():
    assert matches({"ada": hashed("Z\u00fcrich ist gross")}, "ada", "Zu\u0308rich ist gross")


@pytest.mark.parametrize("name", ["", "two words", "a:b", "#x", "a$b", "x" * 65, "new\nline"])
def test_names_that_would_break_the_file_are_refused(name, tmp_path):
    with pytest.raises(UsersError, match="1 to 64 characters"):
        add_user(tmp_path / "users", name, WORDS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("password", ["", "short", "x" * 1001])
def test_passwords_too_short_or_too_long_are_refused(password, tmp_path):
    with pytest.raises(UsersError, match="10 to 1,000"):
        add_user(tmp_path / "users", "ada", password)


def test_the_file_is_the_owners_holds_no_password_and_keeps_other_users(tmp_path):
    file = tmp_path / "users"
    assert not add_user(file, "ada", WORDS)
    assert not add_user(file, "ben", WORDS)
    before = read_users(file)["ben"]
    assert add_user(file, "ada", "another password")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert WORDS not in file.read_text()
    users = read_users(file)
    assert users["ben"] == before
    assert matches(users, "ada", "another password")
    assert not matches(users, "ada", WORDS)
    assert [f.name for f in tmp_path.iterdir()] == ["users"]


def test_a_file_that_others_may_write_to_is_refused(tmp_path):
    file = tmp_path / "users"
    add_user(file, "ada", WORDS)
    file.chmod(0o620)
    with pytest.raises(UsersError, match="chmod 600"):
        read_users(file)


GOOD = hashed(WORDS).text


@pytest.mark.parametrize(
    "line",
    [
        "ada",
        "ada:",
        "ada:plain",
        "ada:md5$14$8$1$AAAA$AAAA",
        f"ada:{GOOD.replace('scrypt$15', 'scrypt$3')}",
        f"ada:{GOOD.replace('scrypt$15', 'scrypt$40')}",
        f"ada:{GOOD.replace('$15$8$', '$20$32$')}",
        f"ada:{GOOD.replace('$8$1$', '$8$-1$')}",
        f"ada:{GOOD[:-6]}",
        f"ada:{GOOD}!",
        f"ada:{GOOD}\nada:{GOOD}",
        f"two words:{GOOD}",
    ],
    ids=range(12),  # salts differ from run to run, and names of tests must not
)
def test_damaged_and_absurd_lines_are_refused(line):
    with pytest.raises(UsersError, match=r"^Line [12] of the users is damaged.*\.$"):
        parse(f"# comment\n{line}".removeprefix("# comment\n"))


def test_an_empty_or_missing_file_is_refused(tmp_path):
    with pytest.raises(UsersError, match="missing"):
        read_users(tmp_path / "none")
    (tmp_path / "empty").write_text("# nobody\n")
    (tmp_path / "empty").chmod(0o600)
    with pytest.raises(UsersError, match="names no users"):
        read_users(tmp_path / "empty")


def test_users_of_the_environment(monkeypatch):
    monkeypatch.setenv(passwords.VARIABLE, f"ada:{GOOD}\nben:{GOOD}")
    assert sorted(read_users(None)) == ["ada", "ben"]


def test_every_failure_after_three_makes_the_next_attempt_wait_longer():
    now = [0.0]
    slow = Throttle(lambda: now[0])
    waits = []
    for _ in range(12):
        waits.append(slow.wait("ada"))
        now[0] += waits[-1]
        assert slow.wait("ada") == 0
        slow.failed("ada")
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert slow.wait("ben") == 0
    now[0] += 1000
    assert slow.wait("ada") == 0
    slow.failed("ben")
    slow.succeeded("ben")
    assert slow.wait("ben") == 0
