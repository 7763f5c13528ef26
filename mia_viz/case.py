"""A case: one picture under one target, with everything the walk shows of it, as plain arrays.

Needs neither torch nor the model, so a stored case opens at once. Pictures are (C, H, W) float32 in [-1, 1].
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from mia_viz.verdict import Verdict
from mia_viz.whole import write_arrays


@dataclass(frozen=True, eq=False)
class Restoration:
    """DRC's pictures: restored (K, C, H, W), hidden (K, 1, H, W) of 0 and 1, task names, likeness (K,) in [-1, 1].

    given: (K, C, H, W), the degraded pictures the model was given (0 where pixels are hidden); None in older files,
    which hold masks only.
    """

    restored: np.ndarray
    hidden: np.ndarray
    labels: tuple[str, ...]
    likeness: np.ndarray
    given: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """The loss attack's pictures at one timestep: the noised picture, the model's x0_hat, and FCRE's patch mask.

    error_gain: (sigma_t / alpha_t)^2, which turns a squared noise error into the squared error of x0_hat.
    patches: (1, H, W) of 0 and 1. latents: (3, C, h, w), of x_0, x_t and x0_hat, for a model that works on latents.
    """

    timestep: int
    noised: np.ndarray
    rebuilt: np.ndarray
    patches: np.ndarray
    error_gain: float
    latents: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Noises:
    """Noise aggregation's predictions: levels (k,), predicted (k, C, H, W).

    pictures: (k, C, H, W), the picture that each prediction implies (x0_hat, decoded), for a model on latents.
    """

    levels: tuple[int, ...]
    predicted: np.ndarray
    pictures: np.ndarray | None = None

    @property
    def offsets(self) -> np.ndarray:
        """Predictions less their centroid, (k, C, H, W)."""
        return self.predicted - self.predicted.mean(axis=0)

    @property
    def distances(self) -> np.ndarray:
        """Root-mean-square distance of every prediction from the centroid, (k,)."""
        return np.sqrt((self.offsets**2).mean(axis=(1, 2, 3)))


@dataclass(frozen=True, eq=False)
class Structure:
    """SMIA's pictures at K levels, the first being 0: encoded and decoded, no inversion.

    corrupted: (K, C, H, W), decoded after inversion. maps: (K, H, W), SSIM with the original per pixel, mean over
    colours. similarity: (K,), SMIA's SSIM. scored: the level that SMIA's score is taken at.
    """

    levels: tuple[int, ...]
    corrupted: np.ndarray
    maps: np.ndarray
    similarity: np.ndarray
    scored: int


@dataclass(frozen=True, eq=False)
class Residuals:
    """What methods compared, for the frequency laboratory: keys of plans and their residuals (n, C, H, W)."""

    keys: tuple[str, ...]
    maps: np.ndarray


@dataclass(frozen=True)
class Finding:
    """One attack's number for the picture; verdict is None where no reference fits. key: its reference column."""

    attack: str
    key: str
    title: str
    score: float
    raw: float
    nfe: float
    seconds: float
    verdict: Verdict | None


@dataclass(frozen=True, eq=False)
class Case:
    """One picture under one target.

    truth: "member" or "hold-out" for bundled pictures, else None. live: computed in this visit, or stored beforehand.
    overall: the verdict over all attacks, once every one of them has spoken. caption: what the model was told beside
    the picture, "" for an empty one, None where it takes none. stretch: new pixels per old one where the picture was
    resampled for the model, above 1 enlarged. blind: its scores with the model's knowledge taken out (see
    `mia_viz.blind`), None where they were not asked for.
    """

    target: str
    name: str
    values: np.ndarray
    sha256: str
    notes: tuple[str, ...] = ()
    truth: str | None = None
    live: bool = True
    restoration: Restoration | None = None
    rebuilt: Rebuilt | None = None
    noises: Noises | None = None
    findings: tuple[Finding, ...] = ()
    overall: Verdict | None = None
    structure: Structure | None = None
    caption: str | None = None
    residuals: Residuals | None = None
    stretch: float = 1.0
    blind: tuple[float, ...] | None = None

    @property
    def fingerprint(self) -> int:
        """A number that tells it from other cases and from itself before more was found, while the program runs.

        Nothing of the picture can be read off it, so it may be kept where a picture may not.
        """
        return hash((self.target, self.sha256, self.caption, self.findings))

    def finding(self, attack: str) -> Finding | None:
        """What one attack found, if it has been run."""
        return next((f for f in self.findings if f.attack == attack), None)


_PARTS = {
    "restoration": Restoration,
    "rebuilt": Rebuilt,
    "noises": Noises,
    "structure": Structure,
    "residuals": Residuals,
}


def save_case(case: Case, file: Path) -> None:
    """Write a case as a compressed .npz without pickles; pictures in half precision."""
    arrays, facts = {"values": case.values}, {}
    for part in _PARTS:
        content = getattr(case, part)
        facts[part] = None if content is None else {}
        for item in fields(content) if content is not None else ():
            value = getattr(content, item.name)
            if isinstance(value, np.ndarray):
                arrays[f"{part}.{item.name}"] = value.astype(np.float16)
            else:
                facts[part][item.name] = value
    facts["findings"] = [asdict(f) for f in case.findings]
    facts["overall"] = None if case.overall is None else asdict(case.overall)
    for name in ("target", "name", "sha256", "notes", "truth", "caption", "stretch", "blind"):
        facts[name] = getattr(case, name)
    write_arrays(file, arrays, facts)


def load_case(file: Path) -> Case:
    """Read a stored case; it is marked as not live. Raises ValueError or OSError when it is damaged or missing."""
    with np.load(file, allow_pickle=False) as stored:
        facts = json.loads(stored["facts"].tobytes())
        parts = {}
        for part, kind in _PARTS.items():
            if facts.get(part) is None:
                continue
            arrays = {
                name.split(".")[1]: stored[name].astype(np.float32)
                for name in stored.files
                if name.startswith(f"{part}.")
            }
            plain = {k: tuple(v) if isinstance(v, list) else v for k, v in facts[part].items()}
            parts[part] = kind(**arrays, **plain)
        values = stored["values"].astype(np.float32)
    findings = tuple(Finding(**{**f, "verdict": _verdict(f["verdict"])}) for f in facts["findings"])
    return Case(
        facts["target"],
        facts["name"],
        values,
        facts["sha256"],
        tuple(facts["notes"]),
        facts["truth"],
        False,
        findings=findings,
        overall=_verdict(facts["overall"]),
        caption=facts.get("caption"),
        stretch=facts.get("stretch", 1.0),
        blind=None if facts.get("blind") is None else tuple(facts["blind"]),
        **parts,
    )


def _verdict(facts: dict | None) -> Verdict | None:
    return None if facts is None else Verdict(**facts)
