"""`serve` and `users`: nobody is served without sign-in by mistake, and passwords never show."""

from __future__ import annotations

import io

import pytest

from mia_viz.allowed import (
    ROOT_VARIABLE,
    NotAllowed,
    allow_only_below,
    allowed_folder,
    allowed_model,
    allowed_output,
)
from mia_viz.cli import main
from mia_viz.commands.serve import is_loopback
from mia_viz.serving.passwords import VARIABLE, add_user, matches, read_users
from mia_viz.ui import launch

WORDS = "correct horse battery"


def refused(capsys, *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("mia-viz: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "mia.example.org", "127.0.0.1.example.org", ""])
def test_other_addresses_need_users(host, capsys, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert "Serving others needs people who may sign in" in refused(capsys, "serve", "--host", host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_this_machines_own_addresses(host):
    assert is_loopback(host)


def test_unusable_users_are_refused(tmp_path, capsys, monkeypatch):
    refused(capsys, "serve", "--host", "0.0.0.0", "--users", tmp_path / "none")
    monkeypatch.setenv(VARIABLE, "ada:plain")
    assert "damaged" in refused(capsys, "serve", "--host", "0.0.0.0")
    monkeypatch.setenv(VARIABLE, " \n ")
    assert "needs people" in refused(capsys, "serve", "--host", "0.0.0.0")


def test_python_app_py_serves_nobody_else(monkeypatch):
    from mia_viz.ui import launch

    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.delenv("SPACE_ID", raising=False)
    with pytest.raises(SystemExit, match="asks them to sign in"):
        launch.launch(None)


def test_adding_users(tmp_path, capsys, monkeypatch):
    file = tmp_path / "users"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{WORDS}\n"))
    assert main(["users", "add", "ada", "--file", str(file)]) == 0
    assert WORDS not in "".join(capsys.readouterr())
    assert matches(read_users(file), "ada", WORDS)
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert "10 to 1,000 characters" in refused(capsys, "users", "add", "ben", "--file", file)
    refused(capsys, "users", "add", "two words", "--file", file)
    assert sorted(read_users(file)) == ["ada"]
    refused(capsys, "users", "add", "ben", "--file", tmp_path / "no" / "folder")


def test_served_without_a_models_root_nothing_can_be_opened(tmp_path, monkeypatch):
    monkeypatch.setenv(ROOT_VARIABLE, "")
    allow_only_below(None, tmp_path)
    for name in ("/etc", str(tmp_path), "owner/name", "~", "."):
        with pytest.raises(NotAllowed):
            allowed_model(name)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    allow_only_below(tmp_path / "models", tmp_path)
    assert allowed_model("mine") == str((tmp_path / "models" / "mine").resolve())
    with pytest.raises(ValueError, match="There is no folder"):
        allow_only_below(tmp_path / "none", tmp_path)


def test_in_a_space_strangers_can_name_nothing_on_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv(ROOT_VARIABLE, "")
    monkeypatch.setenv("SPACE_ID", "owner/space")
    (tmp_path / "pictures").mkdir()
    assert launch.in_space()
    assert launch.for_strangers() == launch.FEW_WAITING
    for name in ("/etc", str(tmp_path), "owner/name"):
        with pytest.raises(NotAllowed):
            allowed_model(name)
        with pytest.raises(NotAllowed):
            allowed_folder(str(tmp_path / "pictures"), "pictures")
    assert allowed_output(str(tmp_path / "x.safetensors")) is None
    assert launch.launch_options()["max_file_size"] == 50_000_000


def test_a_file_of_users_is_made_anew_only_as_a_whole(tmp_path):
    file = tmp_path / "users"
    (tmp_path / ".users.0.partial").write_text("left behind")
    add_user(file, "ada", WORDS)
    assert [f.name for f in tmp_path.iterdir()] == ["users"]
