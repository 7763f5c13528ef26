"""The machine that figures were measured on: what matters for speed, and nothing that names it."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mia_viz import __version__

PACKAGES = ("torch", "diffusers", "numpy", "pyarrow", "gradio", "ray")


def machine() -> dict[str, str]:
    """Processor, cores, memory, GPU, system and versions, as words by name."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    facts = {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "GPU": gpu,
        "system": platform.system(),
        "Python": platform.python_version(),
        "MIA-Viz": __version__,
    }
    return {**facts, **{name: found for name in PACKAGES if (found := _version(name))}}


def processor() -> str:
    """The processor's model; where the system gives only a family name, also its family and model numbers."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor() or platform.machine()
    facts = dict(re.findall(r"^(model name|cpu family|model)\s*: (.+)$", info.read_text(), re.MULTILINE))
    name = facts.get("model name", platform.machine())
    if any(letter.isdigit() for letter in name):
        return name
    return f"{name}, family {facts.get('cpu family', '?')}, model {facts.get('model', '?')}"


def load() -> float:
    """Programs that wanted to run at once during the last minute; above the number of cores the machine was busy."""
    return os.getloadavg()[0]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
