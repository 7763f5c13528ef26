"""One place that keeps opened targets, picks the device and says how the machine is used."""

from __future__ import annotations

import os
from functools import lru_cache

from mia_viz.case import Case
from mia_viz.pictures.prepare import Prepared
from mia_viz.reference import Reference, ReferenceFileError, load
from mia_viz.targets.bundled import open_target, reference_file


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


def examine_bundled(name: str, prepared: Prepared, picture: str, truth: str | None, progress, on_stage) -> Case:
    """Examine a picture under a bundled target; see `mia_viz.examine.examine`."""
    from mia_viz.examine import examine

    return examine(opened(name), prepared, picture, reference(name), truth, progress, on_stage)


def ask_bundled(name: str, prepared: Prepared, attacks: list[str], progress, on_finding) -> None:
    """Ask chosen methods about a picture under a bundled target; see `mia_viz.examine.ask_methods`."""
    from mia_viz.examine import ask_methods

    ask_methods(opened(name), prepared, attacks, reference(name), progress, on_finding)
