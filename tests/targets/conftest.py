"""Tiny pipelines, saved once a session."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import pytest

from tests.targets import tiny_pipelines


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """saved("sdxl"): the folder of a tiny pipeline, not to be changed."""
    root = tmp_path_factory.mktemp("pipelines")
    return functools.cache(lambda kind: tiny_pipelines.save(kind, root / kind))


@pytest.fixture
def copied(saved, tmp_path):
    """copied("sdxl"): a copy that may be changed."""

    def copy(kind: str) -> Path:
        return Path(shutil.copytree(saved(kind), tmp_path / kind))

    return copy
