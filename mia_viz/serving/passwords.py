"""Who may sign in: names with salted scrypt hashes, in a file or an environment variable. Passwords are never kept.

A line is NAME:scrypt$LOG2N$R$P$SALT$HASH with salt and hash in base64; empty lines and lines that begin with # are
skipped. scrypt: Percival and Josefsson 2016, RFC 7914; a guess at the settings below takes 32 MiB and about 0.1 s.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mia_viz.whole import whole_file

VARIABLE = "MIA_VIZ_USERS"
LOG2_N, R, P = 15, 8, 1
SALT_BYTES, HASH_BYTES = 16, 32
MOST_LOG2_N, MOST_R, MOST_P = 20, 32, 16
SHORTEST, LONGEST = 10, 1000
"""Characters of a password."""
NAME = re.compile(r"[^\s:#$\x00-\x1f\x7f][^\s:$\x00-\x1f\x7f]{0,63}")
NAME_RULE = "A user's name has 1 to 64 characters, without spaces, colons and dollar signs."
LARGEST = 1_000_000
DAMAGED = "Line {} of the users is damaged; remove it and add the user again with: python -m mia_viz users add NAME."


class UsersError(ValueError):
    """The users cannot be read or written; the message is one sentence."""


@dataclass(frozen=True)
class Hashed:
    """A password's scrypt hash with its salt and settings."""

    log2_n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @property
    def text(self) -> str:
        """As it stands in a file."""
        salt, digest = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return f"scrypt${self.log2_n}${self.r}${self.p}${salt}${digest}"


def check_password_rules(password: str) -> None:
    """Raise UsersError for a password that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsersError(f"A password needs {SHORTEST} to {LONGEST:,} characters.")


def hashed(password: str) -> Hashed:
    """A password's hash under a new salt. Raises UsersError for one that is too short or too long."""
    check_password_rules(password)
    salt = secrets.token_bytes(SALT_BYTES)
    return Hashed(LOG2_N, R, P, salt, _scrypt(password, salt, LOG2_N, R, P))


NOBODY = Hashed(LOG2_N, R, P, bytes(SALT_BYTES), bytes(HASH_BYTES))
"""What the password of a name that is not known is compared with, so that the answer takes as long."""


def matches(users: Mapping[str, Hashed], name: str, password: str) -> bool:
    """Whether this is the password of that name; takes as long for a name that is not known."""
    known = users.get(name, NOBODY)
    if len(password) > LONGEST:
        return False
    found = _scrypt(password, known.salt, known.log2_n, known.r, known.p, len(known.digest))
    return hmac.compare_digest(found, known.digest) and name in users


def _scrypt(password: str, salt: bytes, log2_n: int, r: int, p: int, size: int = HASH_BYTES) -> bytes:
    # One letter can be typed as several sequences of characters; NFKC makes them one.
    text = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=2**log2_n, r=r, p=p, maxmem=2**30 + 2**26, dklen=size)


def parse(text: str) -> dict[str, Hashed]:
    """Users by name. Raises UsersError for a damaged line, a name given twice, or settings beyond reason."""
    found: dict[str, Hashed] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, colon, stored = line.partition(":")
        if not colon or not NAME.fullmatch(name) or name in found:
            raise UsersError(DAMAGED.format(number))
        found[name] = _stored(stored.strip(), number)
    return found


def _stored(text: str, number: int) -> Hashed:
    parts = text.split("$")
    try:
        kind, log2_n, r, p = parts[0], *(int(part) for part in parts[1:4])
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[4:])
    except (ValueError, LookupError) as error:
        raise UsersError(DAMAGED.format(number)) from error
    sizes = SALT_BYTES <= len(salt) <= 64 and HASH_BYTES <= len(digest) <= 64
    settings = 14 <= log2_n <= MOST_LOG2_N and 1 <= r <= MOST_R and 1 <= p <= MOST_P and r << (log2_n + 7) <= 2**30
    if kind != "scrypt" or not sizes or not settings:
        raise UsersError(DAMAGED.format(number))
    return Hashed(log2_n, r, p, salt, digest)


def read_users(file: Path | None) -> dict[str, Hashed]:
    """Users of a file, or else of MIA_VIZ_USERS; none where neither is given. Raises UsersError."""
    if file is None:
        return parse(os.environ.get(VARIABLE, ""))
    try:
        about = file.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
            raise UsersError(f"{file.name} is not a file of users.")
        if about.st_mode & 0o022:
            raise UsersError(f"Others may write to {file.name}; make it yours alone first: chmod 600 {file.name}.")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsersError(f"The file of users {file.name} is missing or cannot be read.") from error
    users = parse(text)
    if not users:
        raise UsersError(f"{file.name} names no users; add one with: python -m mia_viz users add NAME.")
    return users


def add_user(file: Path, name: str, password: str) -> bool:
    """Add a user to a file, or give one a new password; whether it was there. Raises UsersError.

    Only the owner can read the file; the old one stays whole until the new one is complete.
    """
    if not NAME.fullmatch(name):
        raise UsersError(NAME_RULE)
    users = read_users(file) if file.exists() else {}
    known = name in users
    users[name] = hashed(password)
    text = "".join(f"{user}:{stored.text}\n" for user, stored in users.items())
    try:
        with whole_file(file) as partial:
            partial.chmod(0o600)
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsersError(f"{file.name} cannot be written: {error.strerror}.") from error
    return known
