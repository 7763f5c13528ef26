"""A browser without a screen: talks to the app as gradio's page does, over real HTTP, through the real queue."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import httpx

API = "/gradio_api"


class Visit:
    """One page open in one browser. jar: cookies of a browser that has another page open already."""

    def __init__(self, url: str, jar: httpx.Cookies | None = None) -> None:
        self.url = url.rstrip("/")
        self.http = httpx.Client(base_url=self.url, cookies=jar, timeout=120)
        self.session = secrets.token_hex(6)
        self.config: dict[str, Any] = {}

    def open(self) -> Visit:
        """Load the page and what it is made of."""
        assert self.http.get("/").status_code == 200
        self.config = self.http.get("/config").json()
        return self

    def close(self) -> None:
        self.http.close()

    def element(self, name: str) -> int:
        """The number of the component with an elem_id."""
        return next(c["id"] for c in self.config["components"] if c["props"].get("elem_id") == name)

    def event(self, name: str, kind: str, which: int = -1) -> dict[str, Any]:
        """The listener of a component's event that has something to do on the server; of several the last one."""
        target = self.element(name)
        found = [d for d in self.config["dependencies"] if [target, kind] in [list(t) for t in d["targets"]]]
        return [d for d in found if d["backend_fn"]][which]

    def upload(self, name: str, data: bytes) -> httpx.Response:
        return self.http.post(f"{API}/upload", files={"files": (name, data)})

    def file(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(f"{API}/file={path}", headers=headers)

    def join(self, event: dict[str, Any], data: list[Any], **more: Any) -> httpx.Response:
        """Ask for an event; data: one value per input, None for what the server keeps."""
        body = {"data": data, "fn_index": event["id"], "session_hash": self.session, "trigger_id": None, **more}
        return self.http.post(f"{API}/queue/join", json=body)

    def messages(self, session: str | None = None) -> Iterator[dict[str, Any]]:
        """Everything the server tells this page until its jobs are done."""
        query = {"session_hash": session or self.session}
        with self.http.stream("GET", f"{API}/queue/data", params=query) as answer:
            assert answer.status_code == 200, answer.read()
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    yield message
                    if message["msg"] == "close_stream":
                        return

    def cancel(self, event: dict[str, Any], event_id: str) -> httpx.Response:
        return self.http.post(
            f"{API}/cancel", json={"session_hash": self.session, "fn_index": event["id"], "event_id": event_id}
        )

    def answers(self, event: dict[str, Any], data: list[Any], **more: Any) -> list[Any]:
        """The outputs of an event after its end, with all that was streamed put together."""
        answer = self.join(event, data, **more)
        assert answer.status_code == 200, answer.text
        return self.collect(answer.json()["event_id"])

    def collect(self, event_id: str) -> list[Any]:
        """The outputs of an event that was asked for; raises AssertionError when it failed."""
        raw: list[Any] = []
        shown: list[Any] = []
        for message in self.messages():
            if message.get("event_id") not in (event_id, None) or "output" not in message:
                continue
            assert message["success"], message
            raw = merged(raw, message)
            shown = [now(old, new) for old, new in zip(shown or [None] * len(raw), raw, strict=True)]
        return shown


def file_data(path: str) -> dict[str, Any]:
    """An uploaded file as the page names it."""
    return {"path": path, "orig_name": path.rpartition("/")[2], "meta": {"_type": "gradio.FileData"}}


def merged(values: list[Any], message: dict[str, Any]) -> list[Any]:
    """Outputs as the server said them last: whole values, or steps to them from those of the message before."""
    news = message["output"].get("data", [])
    if message["msg"] != "process_generating" or not values:
        return news
    return [_changed(old, steps) for old, steps in zip(values, news, strict=True)]


def now(shown: Any, new: Any) -> Any:
    """What a component shows after one more message; an update without a value leaves it as it is."""
    if isinstance(new, dict) and new.get("__type__") == "update":
        return new.get("value", shown)
    return new


def _changed(value: Any, steps: list[list[Any]]) -> Any:
    """A value after gradio's steps [action, path, value]."""
    value = json.loads(json.dumps(value))
    for action, path, new in steps:
        if not path:
            value = new if action in ("replace", "add") else value + new
            continue
        holder = value
        for part in path[:-1]:
            holder = holder[part]
        if action == "delete":
            del holder[path[-1]]
        elif action == "append":
            holder[path[-1]] += new
        elif action == "add" and isinstance(holder, list):
            holder.insert(int(path[-1]), new)
        else:
            holder[path[-1]] = new
    return value
