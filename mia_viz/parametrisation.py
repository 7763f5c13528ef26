"""How a model is asked beside its weights: noise schedule, what the network predicts, how pictures become numbers.

Equal weights under another noise schedule are another model, so scores, references and reports hold for one
parametrisation only. It is a handful of plain values that can be stored, printed and compared, and no hash: processors
round the same schedule differently (sums and products in float32 and in float64 differ in the last digits between
instruction sets), and that must not make a stored reference useless. Free of torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mia_viz.reference import Reference

LEVELS = 33
"""Levels whose gains are written down, evenly spread from the least to the most noisy."""
RELATIVE, ABSOLUTE = 1e-4, 1e-5
"""Differences up to which numbers are the same. Rounding reaches 3e-6 (sigma of level 0), another beta far more."""
PREDICTIONS = {
    "epsilon": "the noise (epsilon)",
    "v_prediction": "a mixture of noise and picture (v)",
    "sample": "the picture (x0)",
    "velocity": "the direction from picture to noise (velocity)",
}
PARTS = {
    "prediction": "another kind of prediction",
    "levels": "another noise schedule",
    "alpha": "another noise schedule",
    "sigma": "another noise schedule",
    "picture_values": "another range of the pictures' values",
    "latent_shift": "another scaling of the latents",
    "latent_factor": "another scaling of the latents",
    "times": "other times told to the network",
    "guidance": "another guidance",
    "architecture": "other settings of the network beside its weights",
}
"""What is compared, in this order, and what a difference is called."""
WITHOUT_EFFECT = frozenset({"sample_size", "dropout"})
"""Settings of networks that change no answer; a size of pictures is compared as such."""


class Opened(Protocol):
    """What is asked of a model here; a target has all of it."""

    weights_sha256: str
    precision: str
    parametrisation: Mapping[str, Any]


def parametrisation(alpha: Sequence[float], sigma: Sequence[float], prediction: str, **others: Any) -> dict[str, Any]:
    """The plain values of one way to ask a model.

    alpha, sigma: gains of all T levels, the least noisy first. prediction: see PREDICTIONS. others: under the names of
    PARTS. Of variance-preserving schedules, "beta" holds the first and the last beta for people to read.
    """
    last = len(alpha) - 1
    kept = sorted({round(k * last / (LEVELS - 1)) for k in range(LEVELS)})
    found = {"prediction": prediction, "levels": last + 1, **others}
    found |= {"alpha": [float(alpha[t]) for t in kept], "sigma": [float(sigma[t]) for t in kept]}
    if all(math.isclose(a * a + s * s, 1, abs_tol=1e-6) for a, s in zip(alpha, sigma, strict=True)):
        before = float(alpha[last - 1]) ** 2 if last else 1.0
        betas = (1 - float(alpha[0]) ** 2, 1 - float(alpha[last]) ** 2 / before if before else 1.0)
        found["beta"] = [float(f"{beta:.3g}") for beta in betas]
    return found


def architecture(network: Any) -> dict[str, Any]:
    """Settings of a network that its weights do not tell, such as the number of heads, as plain values.

    Taken from a diffusers network's `config` or another's `untold`. Empty for networks that state none;
    {"architecture": settings} otherwise, for `parametrisation`.
    """
    config = getattr(network, "untold", None) or getattr(network, "config", None)
    if not isinstance(config, Mapping):
        return {}
    kept = {key: value for key, value in config.items() if not key.startswith("_") and key not in WITHOUT_EFFECT}
    return {"architecture": json.loads(json.dumps(kept, default=str))}


def words(found: Mapping[str, Any]) -> tuple[str, str]:
    """Of a parametrisation, for people: its noise schedule, and what the network predicts."""
    ends = found.get("beta")
    kind = "beta" if ends else "sigma"
    low, high = ends or (found["sigma"][0], found["sigma"][-1])
    schedule = f"{found['levels']} levels, {kind} from {low:.3g} to {high:.3g}"
    return schedule, PREDICTIONS.get(found["prediction"], found["prediction"])


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The first thing in which two parametrisations differ, as PARTS calls it; empty where none does.

    What either does not tell is not compared: files written before parametrisations were kept tell nothing.
    """
    for part, name in PARTS.items():
        if part in one and part in other and not _close(one[part], other[part]):
            return name
    return ""


def _close(one: Any, other: Any) -> bool:
    """Whether two plain values are equal up to rounding; of named ones those that both tell.

    Another version of a library may know settings that the one before did not.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_close(one[key], other[key]) for key in one.keys() & other.keys())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(_close(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return one == other


def misfit(reference: Reference, model: Opened, asked: bool = True) -> str:
    """Why a model's scores may not be placed in a reference, as half a sentence; empty where they may.

    asked: whether the model itself is asked now, so that its precision counts too.
    """
    if reference.weights_sha256 != model.weights_sha256:
        return "the reference belongs to other weights"
    apart = difference(reference.parametrisation, model.parametrisation)
    if apart:
        return f"the reference was computed with {apart}"
    used = reference.provenance.get("precision", model.precision)
    if asked and used != model.precision:
        return f"the reference was computed in {used}, and the model is opened in {model.precision}"
    return ""
