"""One place that keeps opened targets, picks the device and says how the machine is used.

Everything here goes by a subject's name, "brain-a" or "own:..." (see `mia_viz.subjects`).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_viz.case import Case, Finding
from mia_viz.own_described import command_flags
from mia_viz.own_models import SHELF, is_own
from mia_viz.pictures.picture import View
from mia_viz.pictures.prepare import Prepared
from mia_viz.reference import Reference, ReferenceFileError, load
from mia_viz.statement import Gallery, Statement, statement
from mia_viz.targets.bundled import open_target, population_of, reference_file, trained_group, twin_of

if TYPE_CHECKING:
    from mia_viz.analysis import Plan
    from mia_viz.pictures.picture import Picture
    from mia_viz.report import Files
    from mia_viz.report.facts import Facts
    from mia_viz.set_audit import SetAnswer
    from mia_viz.targets.target import Target


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


def opened(name: str) -> Target:
    """The open target of a name; a bundled one is opened once, on the best device. Raises ValueError."""
    return SHELF.target(name) if is_own(name) else opened_bundled(name)


@lru_cache(maxsize=4)
def opened_bundled(name: str) -> Target:
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


def plans(name: str) -> Sequence[Plan]:
    """The plans of the walk; of a visitor's model those that suit it."""
    from mia_viz.plans import walk_plans

    return SHELF.own(name).plans if is_own(name) else walk_plans(name)


def reference(name: str) -> Reference | None:
    """The reference of a target, or None where there is none."""
    return SHELF.own(name).reference if is_own(name) else reference_bundled(name)


@lru_cache(maxsize=16)
def reference_bundled(name: str) -> Reference | None:
    """The bundled reference of a target, or None where there is none."""
    try:
        return load(reference_file(name))
    except ReferenceFileError:
        return None


def examine_named(
    name: str, prepared: Prepared, picture: str, truth: str | None, progress, on_stage, caption: str = ""
) -> Case:
    """Examine a picture under a target; the case goes by the target's name here. See `mia_viz.examine.examine`."""
    from mia_viz.analysis import plan
    from mia_viz.commands.common import unusable
    from mia_viz.examine import examine
    from mia_viz.laboratory.subject import ALSO_ASKED

    target, chosen = opened(name), plans(name)
    if not chosen:
        raise ValueError("None of the methods of the walk can be used on this model.")
    also = [plan(method, schedule=target.schedule) for method in ALSO_ASKED]
    also = [p for p in also if not unusable(p, target, [caption])]

    def told(case: Case) -> None:
        on_stage(replace(case, target=name))

    case = examine(target, prepared, picture, reference(name), truth, progress, told, caption, chosen, also)
    return replace(case, target=name)


def ask_noises_named(name: str, prepared: Prepared, strength: int, count: int, progress, caption: str = "") -> Case:
    """Noise aggregation alone, through FreMIA's filter as in the walk, with another setting.

    strength: level the noise is injected at. count: answers, ten levels apart. The case holds the answers and one
    finding without a verdict, because no reference was asked this way. Raises ValueError below level 0.
    """
    from mia_viz.analysis import plan
    from mia_viz.examine import examine
    from mia_viz.frequency import FREMIA

    chosen = plan("noise_aggregation", {"t": str(strength), "k": str(count)}, FREMIA)
    case = examine(opened(name), prepared, "", None, None, progress, caption=caption, plans=[chosen])
    return replace(case, target=name)


def ask_named(name: str, prepared: Prepared, attacks: list[str], progress, on_finding, caption: str = "") -> None:
    """Ask chosen methods about a picture under a target; see `mia_viz.examine.ask_methods`."""
    from mia_viz.examine import ask_methods

    ask_methods(opened(name), prepared, attacks, reference(name), progress, on_finding, caption)


def score_named(name: str, prepared: Prepared, method: str, filter_text: str, progress, caption: str = "") -> Finding:
    """What one method finds, at its defaults under a filter as the command line names it. Raises ValueError."""
    from mia_viz.analysis import plan
    from mia_viz.commands.common import unusable
    from mia_viz.examine import examine
    from mia_viz.frequency import Filter

    target = opened(name)
    chosen = plan(method, None, Filter.parse(filter_text), target.schedule)
    reason = unusable(chosen, target, [caption])
    if reason:
        raise ValueError(f"{method}: {reason}")
    case = examine(target, prepared, "", reference(name), None, progress, caption=caption, plans=[chosen])
    return case.findings[0]


def gallery(name: str, shape: tuple[int, int, int]) -> Gallery | None:
    """All known pictures of a target as (C, H, W); None where they are not at hand."""
    return SHELF.own(name).gallery if is_own(name) else gallery_bundled(name, shape)


@lru_cache(maxsize=4)
def gallery_bundled(name: str, shape: tuple[int, int, int]) -> Gallery | None:
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


def statement_named(name: str, case: Case, twin: Case | None = None) -> Statement:
    """The statement about a finished case under a target; twin: the same picture's case under its twin."""
    other = None if twin is None else (twin, reference(twin.target))
    return statement(case, reference(name), gallery(name, case.values.shape), other)


def finished(case: Case) -> bool:
    """Whether every method of the walk has spoken about a case."""
    if case.overall is not None:
        return True
    return bool(case.findings) and len(case.findings) == len(plans(case.target))


def known_file(case: Case) -> Path | None:
    """The file of a bundled picture that a case is about; None for any other picture."""
    return known_picture(case.target, case.values.shape, case.sha256)


def known_picture(name: str, shape: tuple[int, int, int], sha256: str) -> Path | None:
    """The file of a bundled target's known picture, by the SHA-256 of its prepared pixels; None for any other."""
    known = population_of(name)
    if known is None or sha256 not in (pictures := gallery_bundled(name, shape)).sha256:
        return None
    return known.path(pictures.sha256.index(sha256))


def facts_named(case: Case, picture: Mapping[str, Any], twin: bool) -> Facts:
    """What a report on a case states beside the finding.

    picture: see `mia_viz.report.facts.picture_facts`. twin: whether the twin was asked as well.
    """
    from mia_viz.report import facts

    name, known, where = case.target, reference(case.target), case.target
    flags = [f"--caption {shlex.quote(picture['caption'])}"] if picture["caption"] else []
    flags += ["--no-twin"] if not twin and twin_of(name) else []
    flags += ["--keep-name"] if "name" in picture else []
    flags += View(**picture["view"]).flags if "view" in picture else ()
    file = reference_file(name)
    if is_own(name):
        own = SHELF.own(name)
        where, file, flags = own.where, own.file, [*command_flags(own), *flags]
    return facts.Facts(
        picture,
        facts.target_facts(opened(name)),
        facts.reference_facts(known, file),
        facts.settings_facts([p for p in plans(name) if any(f.key == p.key for f in case.findings)]),
        facts.program_facts(),
        facts.command(where, picture["prepare"], *flags),
    )


def report_named(
    name: str,
    case: Case,
    folder: Path,
    picture: Picture | None = None,
    twin: Case | None = None,
    how: str = "exact",
    language: str = "en",
) -> Files:
    """Write the report of a finished case; picture: the file it came from, as decoded; how: it was prepared."""
    from mia_viz import report
    from mia_viz.report.facts import picture_facts

    about = facts_named(case, picture_facts(picture, how, caption=case.caption or ""), twin is not None)
    found = statement_named(name, case, twin)
    return report.write(case, found, reference(name), about, folder, gallery(name, case.values.shape), language)


def sets_named(
    name: str, suspects: Sequence[Prepared], unseen: Sequence[Prepared] | None = None, progress=None
) -> SetAnswer:
    """Test a set of pictures under a target; see `mia_viz.set_audit.ask_set`.

    unseen: certainly unseen pictures like them; where None, the reference's hold-outs set aside for tests.
    """
    from mia_viz.set_audit import ask_set

    return ask_set(opened(name), suspects, unseen, reference(name), progress)
