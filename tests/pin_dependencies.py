"""Exact versions of everything that is installed, not only of what is named in the requirements files.

    python -m tests.pin_dependencies

Lets pip work out what a fresh environment of this Python would get for the packages named in the four requirements
files, without installing anything, and writes the versions down: all of them to constraints.txt, which the files for
developers, MONAI and Ray refer to, and those that the app needs also below the packages named in requirements.txt
(hosting services take that file alone, and packaging tools read no references to other files in it). Change a version
by hand in its requirements file and run this again. torch's CUDA packages are left out, so that every build of torch
can be used. Needs the package index; run it with the oldest Python that the README names.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
APP = "requirements.txt"
EXTRAS = ("requirements-dev.txt", "requirements-monai.txt", "requirements-ray.txt")
COMPLETE = "constraints.txt"
IN_TURN = "# What these need in turn, written by `python -m tests.pin_dependencies`:"
CUDA = re.compile(r"nvidia-|cuda-|triton$")
"""Names of the packages that come with some builds of torch."""


def named(file: str, root: Path = ROOT) -> dict[str, Requirement]:
    """The packages that a person wrote into a requirements file, by canonical name."""
    lines = (root / file).read_text().partition(IN_TURN)[0].splitlines()
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith(("#", "-"))]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def pinned(file: str, root: Path = ROOT) -> dict[str, str]:
    """Versions by canonical name of every line `name==version` of a file."""
    lines = re.findall(r"^([\w.-]+)(?:\[[\w,.-]+\])?==(\S+)$", (root / file).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in lines}


def needed(direct: Iterable[Requirement], needs: Callable[[str], list[str] | None]) -> set[str]:
    """Canonical names of `direct` and of all that these need here, CUDA packages left out.

    needs: from a canonical name to the requirements that the distribution states; None where it is not known, and then
    it is not among the names.
    """
    found, waiting = {}, [(canonicalize_name(r.name), frozenset(r.extras)) for r in direct]
    while waiting:
        name, extras = waiting.pop()
        stated = needs(name)
        if stated is None or CUDA.match(name) or (extras <= found.get(name, frozenset()) and name in found):
            continue
        found[name] = extras | found.get(name, frozenset())
        for requirement in map(Requirement, stated):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return set(found)


def resolved(direct: Iterable[Requirement]) -> dict[str, dict]:
    """What pip would install into an empty environment, as the metadata of each distribution, by canonical name."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder) / "wanted.txt", Path(folder) / "report.json"
        wanted.write_text("\n".join(map(str, direct)))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        subprocess.run([*command, "--report", str(report), "-r", str(wanted)], check=True)
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    return {canonicalize_name(metadata["name"]): metadata for metadata in found}


def lines(names: Iterable[str], found: dict[str, dict]) -> str:
    """`name==version` for each, sorted; a build's own suffix (+cpu) left out."""
    return "".join(f"{name}=={Version(found[name]['version']).public}\n" for name in sorted(names))


def main() -> int:
    app = named(APP)
    everything = {**app, **{name: r for file in EXTRAS for name, r in named(file).items()}}
    found = resolved(everything.values())

    def needs(name: str) -> list[str] | None:
        return found[name].get("requires_dist", []) if name in found else None

    complete = needed(everything.values(), needs)
    by_hand = (ROOT / APP).read_text().partition(IN_TURN)[0]
    (ROOT / APP).write_text(f"{by_hand}{IN_TURN}\n" + lines(needed(app.values(), needs) - set(app), found))
    note = "# All that the four requirements files bring, written by `python -m tests.pin_dependencies`.\n"
    (ROOT / COMPLETE).write_text(note + lines(complete, found))
    print(f"{len(complete)} packages pinned.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
