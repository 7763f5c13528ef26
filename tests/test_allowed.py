"""What a visitor may name: everything for the person at the machine, one folder for guests, and no way around it."""

from __future__ import annotations

import os

import pytest

from mia_viz.allowed import (
    OUTSIDE,
    ROOT_VARIABLE,
    NotAllowed,
    allowed_file,
    allowed_folder,
    allowed_model,
    allowed_output,
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """root/model/weights, root/pictures/a.png, and secrets beside the root, which guests are kept out of."""
    for name in ("root/model/unet", "root/pictures", "secret/pictures"):
        (tmp_path / name).mkdir(parents=True)
    for name in (
        "root/model/unet/w.safetensors",
        "root/pictures/a.png",
        "secret/key.safetensors",
        "secret/pictures/b.png",
    ):
        (tmp_path / name).write_text("x")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "root"))
    return tmp_path


def refused(named, call=allowed_model, *others) -> str:
    """The sentence of a refusal."""
    with pytest.raises(NotAllowed) as caught:
        call(str(named), *others)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def test_the_person_at_the_machine_may_name_anything_they_can_read(tmp_path, monkeypatch):
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    (tmp_path / "model").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "model")
    assert allowed_model(str(tmp_path / "model")) == str(tmp_path / "model")
    assert allowed_model(f" {tmp_path}/model/../link ").endswith("link")
    assert allowed_model("owner/name") == "owner/name"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert allowed_model("~/model") == str(tmp_path / "model")
    assert "no file or folder" in refused(tmp_path / "none")
    assert "no file or folder" in refused("./owner/name")
    assert "Please name a model" in refused("  ")
    assert "not the name" in refused("a\0b")
    assert "not the name" in refused("x" * 5000)


def test_guests_open_only_what_lies_below_the_root(place):
    assert allowed_model(str(place / "root" / "model")) == str(place / "root" / "model")
    assert allowed_model("model") == str(place / "root" / "model")  # a relative name counts from the root
    assert allowed_folder("pictures", "pictures") == place / "root" / "pictures"
    assert allowed_file("pictures/a.png", "captions").name == "a.png"
    for named in (
        place / "secret",
        place / "secret" / "key.safetensors",
        "../secret",
        "model/../../secret",
        "/etc",
        "~",
        ".",
        place / "root",
        "owner/name",
        "nothing",
        place / "root-too",
        "model/\udcff",
    ):
        assert refused(named) in (OUTSIDE, "This is not the name of a file or folder.")
    assert refused("../secret/pictures", allowed_folder, "pictures") == OUTSIDE
    assert refused("../secret/key.safetensors", allowed_file, "reference") == OUTSIDE
    assert "no folder" in refused("pictures/a.png", allowed_folder, "pictures")


def test_a_refusal_does_not_tell_whether_the_file_is_there(place):
    assert refused(place / "secret" / "key.safetensors") == refused(place / "secret" / "no.safetensors")


def test_a_folder_beside_the_root_with_the_same_beginning_is_outside(place):
    (place / "root-too").mkdir()
    assert refused(place / "root-too") == OUTSIDE


@pytest.mark.parametrize(
    ("link", "to"),
    [
        ("root/out", "secret"),
        ("root/model/unet/more.safetensors", "secret/key.safetensors"),
        ("root/model/vae", "secret"),
        ("root/model/dangling", "secret/none"),
    ],
)
def test_links_are_followed_before_they_are_judged(place, link, to):
    os.symlink(place / to, place / link)
    assert refused(place / "root" / ("out" if link == "root/out" else "model")) == OUTSIDE


def test_a_link_within_the_root_is_fine_unless_it_leads_out_further_on(place):
    os.symlink(place / "root" / "pictures", place / "root" / "model" / "more")
    assert allowed_model("model")
    os.symlink(place / "root" / "model", place / "root" / "pictures" / "round")  # a circle ends
    assert allowed_model("model")
    os.symlink(place / "secret" / "pictures" / "b.png", place / "root" / "pictures" / "b.png")
    assert refused("model") == OUTSIDE
    assert refused("pictures", allowed_folder, "pictures") == OUTSIDE


def test_what_is_opened_along_with_a_model_must_lie_below_as_well(place):
    root = place / "root"
    os.symlink(place / "secret", root / "shared")
    (root / "model" / "manifest.json").write_text('{"shares": "shared"}')
    assert refused("model") == OUTSIDE
    (root / "x.pt").write_text("x")
    assert allowed_model("x.pt")
    os.symlink(place / "secret" / "key.safetensors", root / "flagfile.txt")
    assert refused("x.pt") == OUTSIDE


def test_a_root_that_is_missing_allows_nothing(place, monkeypatch):
    monkeypatch.setenv(ROOT_VARIABLE, str(place / "none"))
    assert "does not exist" in refused("model")


def test_guests_never_decide_where_a_file_is_written(place, monkeypatch):
    assert allowed_output("model/unet/w.safetensors") is None
    monkeypatch.delenv(ROOT_VARIABLE)
    assert allowed_output("") is None
    assert allowed_output(str(place / "new.safetensors")) == place / "new.safetensors"
    assert "ends so" in refused(place / "new.txt", allowed_output)
    assert "cannot be written" in refused(place / "none" / "new.safetensors", allowed_output)
