"""Every package that is installed has one exact version written down: those named, and those that these need."""

from __future__ import annotations

import importlib.metadata as installed

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.pin_dependencies import APP, COMPLETE, CUDA, EXTRAS, ROOT, named, needed, pinned


def stated(name: str) -> list[str] | None:
    """What an installed distribution says that it needs; None where it is not installed."""
    try:
        return installed.requires(name) or []
    except installed.PackageNotFoundError:
        return None


@pytest.mark.parametrize("file", [APP, *EXTRAS])
def test_named_packages_have_one_exact_version_that_agrees_with_the_complete_list(file):
    complete = pinned(COMPLETE)
    assert named(file)
    for name, requirement in named(file).items():
        assert str(requirement.specifier) == f"=={complete[name]}", requirement


def test_files_beside_the_app_s_refer_to_the_complete_list():
    for file in EXTRAS:
        lines = (ROOT / file).read_text().splitlines()
        assert f"-r {APP}" in lines
        assert f"-c {COMPLETE}" in lines


def test_the_app_s_file_stands_alone_and_agrees_with_the_complete_list():
    """A hosting service takes this file only, and setuptools reads no options in it."""
    lines = [line for line in (ROOT / APP).read_text().splitlines() if not line.startswith("#")]
    assert all("==" in line and not line.startswith("-") for line in lines)
    complete = pinned(COMPLETE)
    assert len(pinned(APP)) == len(lines)
    assert pinned(APP).items() <= complete.items()


def test_what_the_app_needs_in_turn_is_pinned_in_its_file():
    missing = needed(named(APP).values(), stated) - set(pinned(APP))
    assert not missing
    assert "starlette" in needed(named(APP).values(), stated)  # which only gradio names


@pytest.mark.parametrize("file", EXTRAS)
def test_what_is_installed_for_the_others_is_pinned_in_the_complete_list(file):
    assert needed(named(file).values(), stated) <= set(pinned(COMPLETE))


def test_cuda_packages_are_left_to_torch():
    assert not any(CUDA.match(name) for name in pinned(COMPLETE))
    assert all(CUDA.match(name) for name in ("nvidia-cudnn-cu13", "cuda-bindings", "triton", "nvidia-nccl-cu13"))
    assert not CUDA.match(canonicalize_name("tritonclient"))


def test_needs_are_followed_through_extras_and_markers():
    says = {
        "a": ["b[quick]>=1", "never; python_version < '3'"],
        "b": ["c; extra == 'quick'", "d; extra == 'slow'", "triton"],
        "c": ["a", "unknown"],
        "d": [],
        "triton": [],
    }
    assert needed([Requirement("a")], says.get) == {"a", "b", "c"}
    assert needed([Requirement("b")], says.get) == {"b"}
    assert needed([Requirement("b"), Requirement("B[slow]")], says.get) == {"b", "d"}
