"""Hashes of reports: one text for one content, and time is no part of the result."""

from __future__ import annotations

import hashlib
import json

import pytest

from mia_viz.report.hashes import canonical, of_content, of_result, sealed

CONTENT = {"b": [1, 2.5, None], "a": {"y": "\N{GREEK SMALL LETTER ALPHA}", "x": True}, "time": {"utc": "now"}}


def test_one_text_for_one_content():
    assert canonical(CONTENT) == canonical({name: CONTENT[name] for name in sorted(CONTENT)})
    assert canonical(CONTENT) == '{"a":{"x":true,"y":"α"},"b":[1,2.5,null],"time":{"utc":"now"}}'.encode()
    with pytest.raises(ValueError, match="Out of range"):
        canonical({"a": float("nan")})


def test_seals_survive_the_file_and_see_every_change():
    whole = json.loads(json.dumps(sealed(CONTENT), indent=1))
    assert whole["content_sha256"] == of_content(whole)
    assert (
        whole["result_sha256"]
        == of_result(whole)
        == hashlib.sha256(canonical({k: CONTENT[k] for k in "ab"})).hexdigest()
    )
    later = sealed({**CONTENT, "time": {"utc": "later"}})
    assert later["result_sha256"] == whole["result_sha256"]
    assert later["content_sha256"] != whole["content_sha256"]
    assert of_result({**whole, "b": [1, 2.5, 0]}) != whole["result_sha256"]
    assert of_content({**whole, "time": {"utc": "later"}}) != whole["content_sha256"]
