"""The app as a service: another program gets the same answer as the engine, and a sentence where it asks wrongly."""

from __future__ import annotations

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from mia_viz import engine
from mia_viz.probe import Progress
from mia_viz.targets import bundled
from mia_viz.ui import pick
from tests.serving.visit import Visit
from tests.test_docs import code_of

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def client(url):
    return Client(url, verbose=False)


def test_only_these_names_are_offered(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/models", "/verdict"}
    found = client.predict(api_name="/models")
    assert [one["name"] for one in found] == bundled.bundled_names()
    assert next(one for one in found if one["name"] == "emoji-a")["shape"] == [3, 64, 64]


def test_the_answer_is_the_engines(client):
    place = bundled.population("digits").path(7)
    found = client.predict(handle_file(str(place)), "digits-a", api_name="/verdict")
    picked = pick.pick_bundled("digits", 7)
    case = engine.examine_named("digits-a", picked.prepared, "picture", None, Progress(), lambda case: None)
    expected = engine.statement_named("digits-a", case)
    assert (found["answer"], found["zone"]) == (expected.answer, expected.zone)
    np.testing.assert_allclose(found["p_value"], expected.verdict.p_value)
    np.testing.assert_allclose(found["likelihood_ratio"], expected.strength.lr, rtol=1e-6)
    np.testing.assert_allclose([m["score"] for m in found["methods"]], [f.score for f in case.findings], rtol=1e-5)


def test_the_example_of_the_docs_runs(url, capsys):
    example = next(piece for piece in code_of("python.md") if "gradio_client" in piece)
    place = bundled.population("brain").path(112)
    exec(example.replace("http://127.0.0.1:7860", url).replace("mine.png", str(place)), {})
    printed = capsys.readouterr().out
    assert str(bundled.bundled_names()) in printed
    assert "The model" in printed


def test_files_of_others_are_neither_read_nor_removed(url, tmp_path):
    """What a request names as its picture is read and then removed, so it must be the asker's own upload."""
    place = tmp_path / "private.png"
    place.write_bytes(bundled.population("digits").path(7).read_bytes())
    visit = Visit(url).open()
    event = next(d for d in visit.config["dependencies"] if d["api_name"] == "verdict")
    for named in (str(place), f"/gradio_api/file={place}"):
        data = [{"path": named, "meta": {"_type": "gradio.FileData"}}, "digits-a", "exact", ""]
        assert visit.join(event, data).status_code == 403
    visit.close()
    assert place.exists()


def test_a_wrong_question_gets_a_sentence(client, tmp_path):
    (tmp_path / "letter.png").write_bytes(b"a letter")
    with pytest.raises(AppError, match="not a picture that can be read"):
        client.predict(handle_file(str(tmp_path / "letter.png")), "digits-a", api_name="/verdict")
    with pytest.raises(AppError, match="no bundled model of that name"):
        client.predict(handle_file(str(tmp_path / "letter.png")), "nobody", api_name="/verdict")
