"""The app as a service: another program gets the same answer as the engine, and a sentence where it asks wrongly."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from mia_viz import engine
from mia_viz.pictures.files import open_volume
from mia_viz.pictures.picture import View
from mia_viz.pictures.prepare import prepare
from mia_viz.private import private_folder
from mia_viz.probe import Progress
from mia_viz.serving import passwords
from mia_viz.serving.visitors import UPLOADS
from mia_viz.targets import bundled
from mia_viz.ui import pick
from mia_viz.ui.launch import build, launch_options
from tests.serving.visit import Visit, file_data
from tests.test_docs import code_of
from tests.ui.test_scan import stack

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def client(url):
    return Client(url, verbose=False)


OTHERS: set[Path] = set()
"""Files of visitors of other apps that ran in this process before."""


def files() -> set[Path]:
    return {file for file in (private_folder() / UPLOADS).rglob("*") if file.is_file()}


@pytest.fixture(autouse=True)
def _others():
    OTHERS.clear()
    OTHERS.update(files())


def uploads() -> list[Path]:
    """Files that visitors gave since the test began and that lie on the disk now."""
    return [*files() - OTHERS]


def digit(index: int = 7) -> dict:
    return handle_file(str(bundled.population("digits").path(index)))


def pixels(url: str) -> np.ndarray:
    """A PNG data URL as an array."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition("base64,")[2]))))


def test_only_these_names_are_offered(client):
    names = {"/models", "/verdict", "/score", "/evidence", "/report", "/sets"}
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == names
    found = client.predict(api_name="/models")
    assert [one["name"] for one in found] == bundled.bundled_names()
    assert next(one for one in found if one["name"] == "emoji-a")["shape"] == [3, 64, 64]


def test_the_answer_is_the_engines(client):
    found = client.predict(digit(), "digits-a", api_name="/verdict")
    picked = pick.pick_bundled("digits", 7)
    case = engine.examine_named("digits-a", picked.prepared, "picture", None, Progress(), lambda case: None)
    expected = engine.statement_named("digits-a", case)
    assert (found["answer"], found["zone"]) == (expected.answer, expected.zone)
    np.testing.assert_allclose(found["p_value"], expected.verdict.p_value)
    np.testing.assert_allclose(found["likelihood_ratio"], expected.strength.lr, rtol=1e-6)
    np.testing.assert_allclose([m["score"] for m in found["methods"]], [f.score for f in case.findings], rtol=1e-5)
    assert found["picture"]["seen"]["shape"] == [1, 32, 32]
    assert uploads() == []


def test_evidence_and_report_are_those_of_the_same_picture(client):
    found = client.predict(digit(), "digits-a", api_name="/evidence")
    whole = pick.pick_bundled("digits", 7).prepared.values
    np.testing.assert_array_equal(pixels(found["picture"]["seen"]["png"]), np.rint((whole[0] + 1) * 127.5))
    assert [pair["task"] for pair in found["restorations"]] == ["sr2", "sr4"]
    for pair in found["restorations"]:
        given, restored = (pixels(pair[name]).astype(float).ravel() for name in ("given", "restored"))
        assert given.shape == restored.shape == (32 * 32,)
        assert np.corrcoef(restored, whole.ravel())[0, 1] > np.corrcoef(given, whole.ravel())[0, 1] - 0.2
    spectra = found["spectra"]
    # Parseval: the rings of the picture's own spectrum add up to its squared size.
    np.testing.assert_allclose(sum(spectra["picture"]["energy"]), (whole**2).sum(), rtol=1e-4)
    loss = next(one for one in spectra["methods"] if one["key"] == "loss")
    assert len(loss["energy"]) == len(loss["training"]) == len(loss["never_seen"]) == len(spectra["edges"]) - 1
    report = client.predict(digit(), "digits-a", api_name="/report")
    assert report["json"]["picture"]["pixels_sha256"] == pick.pick_bundled("digits", 7).prepared.sha256
    assert report["html"].startswith("<!doctype html>")
    assert report["json"]["result_sha256"][:16] in report["html"]
    assert "0007.png" not in report["html"]
    assert "0007.png" not in str(report["json"])
    german = client.predict(digit(), "digits-a", language="de", api_name="/report")
    assert '<html lang="de">' in german["html"]
    assert german["json"]["result_sha256"] == report["json"]["result_sha256"]
    assert uploads() == []


def test_a_slice_under_a_window_is_asked_about(client, tmp_path):
    (tmp_path / "scan.dcm").write_bytes(stack())
    given = handle_file(str(tmp_path / "scan.dcm"))
    chosen = {"prepare": "fit", "slice": 4, "window": "brain"}
    found = client.predict(given, "brain-a", **chosen, method="loss", filter="lowpass:r=5,s=0.2", api_name="/score")
    prepared = prepare(open_volume(stack()).picture(View(4, None, "brain")), (64, 64), 1, "fit")
    expected = engine.score_named("brain-a", prepared, "loss", "lowpass:r=5,s=0.2", Progress())
    np.testing.assert_allclose(found["score"], expected.score, rtol=1e-5)
    assert found["p_value"] == expected.verdict.p_value
    np.testing.assert_array_equal(
        pixels(found["picture"]["seen"]["png"]), np.rint((prepared.values[0] + 1) * 127.5).astype(np.uint8)
    )
    assert "Slice 4 of 0 to 4 was read." in found["picture"]["notes"]
    with pytest.raises(AppError, match="There is no slice 5"):
        client.predict(given, "brain-a", "fit", slice=5, api_name="/score")
    with pytest.raises(AppError, match=r"DICOM, NIfTI and numpy files only\.$"):
        client.predict(digit(), "digits-a", window="brain", api_name="/score")
    assert uploads() == []


def test_a_set_is_tested_as_by_the_engine(client):
    rows = [bundled.population("digits").indices("A", "shown")[k] for k in range(6)]
    found = client.predict([digit(int(k)) for k in rows] + [digit(int(rows[0]))], "digits-a", api_name="/sets")
    expected = engine.sets_named("digits-a", [pick.pick_bundled("digits", int(k)).prepared for k in rows])
    assert (len(found["names"]), found["copies"], found["refused"]) == (6, 1, 0)
    np.testing.assert_allclose(found["suspects"], expected.suspects, rtol=1e-5)
    assert found["answer"] == expected.answer
    with pytest.raises(AppError, match="at least 5 different pictures"):
        client.predict([digit(k) for k in range(4)], "digits-a", api_name="/sets")
    with pytest.raises(AppError, match="choose"):
        client.predict([digit(k) for k in range(5)], "brain-a", api_name="/sets")
    assert uploads() == []


def test_the_examples_of_the_docs_run(url, capsys, tmp_path, monkeypatch):
    first, second = [piece for piece in code_of("python.md") if "client.predict" in piece and "/sign-in" not in piece]
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine.png").write_bytes(bundled.population("digits").path(7).read_bytes())
    for k in range(6):
        Path(f"mine/{k}.png").write_bytes(bundled.population("digits").path(k).read_bytes())
    names: dict = {}
    for piece in (first.replace("http://127.0.0.1:7860", url), second):
        exec(piece.replace("brain-a", "digits-a"), names)
    printed = capsys.readouterr().out
    assert str(bundled.bundled_names()) in printed
    assert names["found"]["answer"] in printed
    assert "made 2 times coarser" in printed
    assert "data:image/png;base64," in printed
    assert names["whole"]["answer"] in printed
    assert Path("report.html").stat().st_size > 100_000
    assert uploads() == []


def test_files_of_others_are_neither_read_nor_removed(url, tmp_path):
    """What a request names as its picture is read and then removed, so it must be the asker's own upload."""
    place = tmp_path / "private.png"
    place.write_bytes(bundled.population("digits").path(7).read_bytes())
    visit = Visit(url).open()
    for name in ("verdict", "sets"):
        event = next(d for d in visit.config["dependencies"] if d["api_name"] == name)
        for named in (str(place), f"/gradio_api/file={place}"):
            file = {"path": named, "meta": {"_type": "gradio.FileData"}}
            data = [[file] if name == "sets" else file, "digits-a", "exact", None, None, None, None]
            assert visit.join(event, data).status_code == 403
    visit.close()
    assert place.exists()


def test_the_upload_of_a_request_that_is_not_taken_is_removed(url):
    visit = Visit(url).open()
    (path,) = visit.upload("mine.png", bundled.population("digits").path(7).read_bytes()).json()
    assert len(uploads()) == 1
    answer = visit.join({"id": 10**6}, [file_data(path), "digits-a"])
    assert answer.status_code != 200
    assert uploads() == []
    visit.close()


def test_a_wrong_question_gets_a_sentence(client, tmp_path):
    (tmp_path / "letter.png").write_bytes(b"a letter")
    with pytest.raises(AppError, match="not a picture that can be read"):
        client.predict(handle_file(str(tmp_path / "letter.png")), "digits-a", api_name="/verdict")
    with pytest.raises(AppError, match="no bundled model of that name"):
        client.predict(handle_file(str(tmp_path / "letter.png")), "nobody", api_name="/verdict")
    wrong = {
        "This model takes no captions": {"caption": "a seven"},
        "a text of at most 200": {"caption": "7" * 201},
        "exact, crop, fit": {"prepare": "stretched"},
        "A slice is a whole number": {"slice": "first"},
        'no attack called "magic"': {"method": "magic"},
        "clid: ": {"method": "clid"},
        "filter": {"filter": "treble"},
    }
    for said, asked in wrong.items():
        with pytest.raises(AppError, match=said) as caught:
            client.predict(digit(), "digits-a", **asked, api_name="/score")
        assert str(caught.value).count("\n") == 0
    with pytest.raises(AppError, match=r"in these languages: en, de\.$"):
        client.predict(digit(), "digits-a", language="../de", api_name="/report")
    for name in ("/verdict", "/score", "/evidence", "/report"):
        with pytest.raises(AppError, match=r"^Please give a picture as a file\.$"):
            client.predict(model="digits-a", api_name=name)
    assert uploads() == []


@pytest.fixture(scope="module")
def served():
    """The app as it is served to others who sign in."""
    demo = build(served=True)
    demo.queue(default_concurrency_limit=8)
    users = {"ada": passwords.hashed("correct horse battery")}
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(users))
    yield address
    demo.close()


def test_a_program_can_sign_in_as_the_docs_say(served, capsys):
    example = next(piece for piece in code_of("python.md") if "/sign-in" in piece)
    example = example.replace("https://mia-viz.example.org", served.rstrip("/")).replace(
        "PASSWORD", "correct horse battery"
    )
    exec(example, {})
    assert str(bundled.bundled_names()) in capsys.readouterr().out
    assert httpx.get(f"{served}config").status_code == 401
