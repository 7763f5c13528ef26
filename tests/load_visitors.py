"""What visitors of the load test do; see `tests.load`."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from tests.serving.visit import Visit, file_data

RUBBISH = (
    b"",
    b"rubbish",
    b"\x89PNG\r\n\x1a\n" + bytes(500),
    b"PK\x03\x04" + bytes(99),
    bytes(128) + b"DICM" + bytes(64),
)
KINDS = ("asks", "asks", "cancels", "leaves", "uploads rubbish")
TARGET = "brain-a"


@dataclass
class Tally:
    """What happened, counted by all visitors; wrong: answers that were another's, changed, or none at all."""

    counts: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def miss(self, what: str) -> None:
        with self.lock:
            self.wrong.append(what)


@dataclass(frozen=True)
class Expected:
    """What a picture's analysis must show: the values of `Walk.evidence` that are HTML or JSON, by their place."""

    name: str
    texts: Mapping[int, str]


def visitor(number: int, url: str, expected: Mapping[int, Expected], end: float, tally: Tally) -> None:
    """Come again and again until the time is up, each time as somebody new, who does one of KINDS."""
    chance = random.Random(number)
    kind = KINDS[number % len(KINDS)]
    while time.monotonic() < end:
        page = Visit(url)
        try:
            page.open()
            with page.http.stream("GET", f"/gradio_api/heartbeat/{page.session}"):  # a page holds this until it closes
                one_visit(page, kind, chance, expected, end, tally)
        except (httpx.HTTPError, AssertionError, StopIteration) as error:
            tally.miss(f"visitor {number} ({kind}): {type(error).__name__} {error}"[:300])
        finally:
            page.close()
        time.sleep(chance.uniform(0.1, 0.5))


def one_visit(
    page: Visit, kind: str, chance: random.Random, expected: Mapping[int, Expected], end: float, tally: Tally
) -> None:
    """Choose a picture and do what this kind of visitor does with it."""
    if kind == "uploads rubbish":
        send_rubbish(page, chance, tally)
    place = chance.choice([*expected])
    choose = page.event("gallery", "select")
    page.answers(choose, filled(page, choose), event_data={"index": place, "value": None})
    ask = page.event("analyse", "click")
    start = time.monotonic()
    joined = page.join(ask, filled(page, ask))
    if joined.status_code == 503:
        tally.add("told that the queue is full")
        return
    assert joined.status_code == 200, joined.text
    tally.add("accepted")
    event_id = joined.json()["event_id"]
    if kind in ("cancels", "leaves"):
        leave_early(page, ask, event_id, kind, chance, tally)
        return
    values = page.collect(event_id)
    tally.waits.append(time.monotonic() - start)
    compare(page, ask, values, expected[place], tally)


def leave_early(page: Visit, ask: dict, event_id: str, kind: str, chance: random.Random, tally: Tally) -> None:
    """Read a few messages, then cancel, or close the page without a word."""
    few = chance.randrange(1, 6)
    for count, message in enumerate(page.messages(), start=1):
        if message["msg"] == "process_completed":
            tally.add("done before it could be cancelled")
            return
        if count >= few:
            break
    if kind == "cancels":
        assert page.cancel(ask, event_id).status_code == 200
        tally.add("cancelled")
    else:
        tally.add("left")


def send_rubbish(page: Visit, chance: random.Random, tally: Tally) -> None:
    """Upload a damaged file: it must be refused in a sentence."""
    sent = page.upload("Patient Mueller.dcm", chance.choice(RUBBISH))
    assert sent.status_code == 200, sent.text
    event = page.event("upload", "upload")
    values = page.answers(event, filled(page, event, upload=file_data(sent.json()[0])))
    said = [value for value in values if isinstance(value, str) and "mv-error" in value]
    if len(said) != 1:
        tally.miss("rubbish was not refused in a sentence")
    tally.add("rubbish refused")


def filled(page: Visit, event: dict, **given: object) -> list:
    """Values for an event's inputs: those given, the model, no caption, and nothing for what the server keeps."""
    values = {"target": TARGET, "caption": "", "how": "exact", **given}
    by_id = {page.element(name): value for name, value in values.items()}
    return [by_id.get(number) for number in event["inputs"]]


def compare(page: Visit, ask: dict, values: list, wanted: Expected, tally: Tally) -> None:
    """The evidence on the page against the same analysis made directly."""
    first = ask["outputs"].index(page.element("subject"))  # the first of `Walk.evidence`
    shown = values[first:]
    other = [place for place, text in wanted.texts.items() if place >= len(shown) or shown[place] != text]
    if other:
        tally.miss(f"{wanted.name}: {len(other)} of {len(wanted.texts)} parts differ from those computed directly")
        return
    tally.add("answered rightly")
