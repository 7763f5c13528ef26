"""One place that keeps opened targets, picks the device and says how the machine is used."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz.case import Case
from mia_viz.pictures.prepare import Prepared
from mia_viz.reference import Reference, ReferenceFileError, load
from mia_viz.statement import Gallery, Statement, statement
from mia_viz.targets.bundled import open_target, population_of, reference_file, trained_group, twin_of

if TYPE_CHECKING:
    from mia_viz.pictures.picture import Picture
    from mia_viz.report import Files
    from mia_viz.report.facts import Facts
    from mia_viz.set_audit import SetAnswer


def pick_device(wanted: str = "auto") -> str:
    """ "cuda" where there is a usable GPU, else "cpu"; an explicit wish is checked. Raises ValueError."""
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted not in ("cpu", "cuda"):
        raise ValueError(f'There is no device called "{wanted}"; choose auto, cpu or cuda.')
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("No CUDA device can be used on this machine; choose cpu.")
    return wanted


def limit_threads() -> int:
    """Use half of the processor's cores (MIA_VIZ_THREADS says otherwise); returns how many.

    Small networks gain little from the second half, and lose much as soon as anything else runs: on two cores beside
    one busy process a walk took 18 s with two threads and 4 s with one.
    """
    import torch

    threads = int(os.environ.get("MIA_VIZ_THREADS", 0)) or max(1, (os.cpu_count() or 1) // 2)
    torch.set_num_threads(threads)
    return threads


@lru_cache(maxsize=4)
def opened(name: str):
    """The target of a bundled name, opened once on the best device and warmed up."""
    import torch

    limit_threads()
    device = pick_device(os.environ.get("MIA_VIZ_DEVICE", "auto"))
    target = open_target(name, device)
    with torch.no_grad():
        blank = torch.zeros(1, *target.shape, device=target.device)
        told = (target.condition([""]),) if target.takes else ()
        target.predict_noise(blank, torch.zeros(1, dtype=torch.long, device=target.device), *told)
    return target


def device_words(name: str) -> str:
    """What a target that has been opened runs on, in words."""
    return "graphics card" if opened(name).device.type == "cuda" else "processor"


@lru_cache(maxsize=16)
def reference(name: str) -> Reference | None:
    """The bundled reference of a target, or None where there is none."""
    try:
        return load(reference_file(name))
    except ReferenceFileError:
        return None


def examine_bundled(
    name: str, prepared: Prepared, picture: str, truth: str | None, progress, on_stage, caption: str = ""
) -> Case:
    """Examine a picture under a bundled target; see `mia_viz.examine.examine`."""
    from mia_viz.examine import examine

    return examine(opened(name), prepared, picture, reference(name), truth, progress, on_stage, caption)


def ask_bundled(name: str, prepared: Prepared, attacks: list[str], progress, on_finding, caption: str = "") -> None:
    """Ask chosen methods about a picture under a bundled target; see `mia_viz.examine.ask_methods`."""
    from mia_viz.examine import ask_methods

    ask_methods(opened(name), prepared, attacks, reference(name), progress, on_finding, caption)


@lru_cache(maxsize=4)
def gallery(name: str, shape: tuple[int, int, int]) -> Gallery | None:
    """All pictures of a bundled target's population as (C, H, W); None for a target that is not bundled."""
    import numpy as np

    from mia_viz.pictures.files import load_picture
    from mia_viz.pictures.prepare import prepare

    known = population_of(name)
    if known is None:
        return None
    prepared = [prepare(load_picture(known.path(i)), shape[1:], shape[0]) for i in range(len(known.files))]
    own = trained_group(name)
    return Gallery(
        np.stack([picture.values for picture in prepared]),
        tuple(f"{known.one} {Path(file).stem}" for file in known.files),
        np.array([group == own for group in known.group]),
        tuple(picture.sha256 for picture in prepared),
        public=True,
    )


def statement_bundled(name: str, case: Case, twin: Case | None = None) -> Statement:
    """The statement about a finished case under a bundled target; twin: the same picture's case under its twin."""
    other = None if twin is None else (twin, reference(twin.target))
    return statement(case, reference(name), gallery(name, case.values.shape), other)


def finished(case: Case) -> bool:
    """Whether every method of the walk has spoken about a case."""
    if case.overall is not None:
        return True
    if not case.findings:
        return False
    from mia_viz.plans import walk_plans

    return len(case.findings) == len(walk_plans(case.target))


def known_file(case: Case) -> Path | None:
    """The file of a bundled picture that a case is about; None for any other picture."""
    known, pictures = population_of(case.target), gallery(case.target, case.values.shape)
    if known is None or pictures is None or case.sha256 not in pictures.sha256:
        return None
    return known.path(pictures.sha256.index(case.sha256))


def facts_bundled(case: Case, picture: Mapping[str, Any], twin: bool) -> Facts:
    """What a report on a case under a bundled target states beside the finding.

    picture: see `mia_viz.report.facts.picture_facts`. twin: whether the twin was asked as well.
    """
    from mia_viz.plans import walk_plans
    from mia_viz.report import facts

    name, known = case.target, reference(case.target)
    flags = [f"--caption {shlex.quote(picture['caption'])}"] if picture["caption"] else []
    flags += ["--no-twin"] if not twin and twin_of(name) else []
    flags += ["--keep-name"] if "name" in picture else []
    return facts.Facts(
        picture,
        facts.target_facts(opened(name)),
        facts.reference_facts(known, reference_file(name)),
        facts.settings_facts([p for p in walk_plans(name) if any(f.key == p.key for f in case.findings)]),
        facts.program_facts(),
        facts.command(name, picture["prepare"], *flags),
    )


def report_bundled(
    name: str, case: Case, folder: Path, picture: Picture | None = None, twin: Case | None = None, how: str = "exact"
) -> Files:
    """Write the report of a finished case; picture: the file it came from, as decoded; how: it was prepared."""
    from mia_viz import report
    from mia_viz.report.facts import picture_facts

    about = facts_bundled(case, picture_facts(picture, how, caption=case.caption or ""), twin is not None)
    found = statement_bundled(name, case, twin)
    return report.write(case, found, reference(name), about, folder, gallery(name, case.values.shape))


def sets_bundled(
    name: str, suspects: Sequence[Prepared], unseen: Sequence[Prepared] | None = None, progress=None
) -> SetAnswer:
    """Test a set of pictures under a bundled target; see `mia_viz.set_audit.ask_set`.

    unseen: certainly unseen pictures like them; where None, the reference's hold-outs set aside for tests.
    """
    from mia_viz.set_audit import ask_set

    return ask_set(opened(name), suspects, unseen, reference(name), progress)
