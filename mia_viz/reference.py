"""Reference: scores and spectra of pictures whose membership is known.

A reference belongs to one target (by the SHA-256 of its weights and its parametrisation) and to exact settings of each
attack. It is one safetensors file holding numbers only, no pictures: scores, raw statistics and the residuals' energy
per frequency ring, which blur what a picture showed but may still tell that a known picture is among them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mia_viz.whole import whole_file

if TYPE_CHECKING:  # a stored reference is read by the app before torch is loaded
    import torch

    from mia_viz.analysis import Plan, Result
    from mia_viz.attacks import Evidence
    from mia_viz.probe import Progress
    from mia_viz.targets.target import Target

FORMAT = 1
CHUNK = 16
MAX_PAIRS = 8
FEATURES = ("difficulty", "description", "blind")


class ReferenceFileError(ValueError):
    """A reference cannot be read or does not fit; the message is one sentence."""


@dataclass(frozen=True)
class Column:
    """One attack's numbers for M reference pictures.

    score, raw: (M,) float64. energy: (M, K, bands) float64, the residual's energy per pair and frequency ring
    (K = 0 under a filter).
    settings: canonical text of the attack's settings. nfe: evaluations per picture. likeness: (M, K) float64, of
    every restoration; None for attacks that restore nothing and in files written before likenesses were kept.
    """

    settings: str
    score: np.ndarray
    raw: np.ndarray
    energy: np.ndarray
    nfe: float
    likeness: np.ndarray | None = None

    @property
    def told(self) -> str:
        """The kind of captions the pictures were shown with (see `captions_kind`)."""
        return json.loads(self.settings).get("captions", "")


@dataclass(frozen=True)
class Reference:
    """Known pictures of one target: pixels' SHA-256, membership, split, and a Column per plan's key.

    difficulty: (M, 3) float64, see `mia_viz.difficulty.difficulty`. description: (M, 10) float64, see
    `mia_viz.exchangeability.describe`. blind: (M, E) float64, see `mia_viz.blind.blind_scores`. Each is None in files
    written before they were kept, blind also where it cannot be had. provenance: how the file came about, plain values
    by name; parametrisation: how the model was asked, see `mia_viz.parametrisation`. Both are empty in older files.
    """

    target: str
    weights_sha256: str
    image_sha256: tuple[str, ...]
    names: tuple[str, ...]
    member: np.ndarray
    split: np.ndarray
    columns: dict[str, Column]
    difficulty: np.ndarray | None = None
    description: np.ndarray | None = None
    blind: np.ndarray | None = None
    provenance: dict[str, str] = field(default_factory=dict)
    parametrisation: dict[str, Any] = field(default_factory=dict)

    def choose(self, member: bool, split: str, without: Sequence[str] = ()) -> np.ndarray:
        """Boolean mask (M,) of members or hold-outs of a split, leaving out pictures with the given SHA-256."""
        left_out = np.isin(np.array(self.image_sha256), list(without))
        return (self.member == member) & (self.split == split) & ~left_out

    def scores(self, key: str, member: bool, split: str = "calibration", without: Sequence[str] = ()) -> np.ndarray:
        """Scores of one column for members or hold-outs of a split."""
        return self.columns[key].score[self.choose(member, split, without)]

    def fits(self, chosen: Plan, told: str | None = None) -> bool:
        """Whether a plan's settings are those this reference was computed with.

        told: the kind of captions that goes with the plan (`captions_kind`); None where any will do. A parameter that
        an older file does not name counts as its default: whoever adds one sees to it that its default changes nothing.
        """
        column = self.columns.get(chosen.key)
        if column is None:
            return False
        stored = json.loads(column.settings)
        usual = chosen.attack.Params().as_dict()
        if told is not None and told != column.told:
            return False
        return stored["filter"] == str(chosen.filter) and {**usual, **stored["params"]} == chosen.params.as_dict()

    def complete(self, chosen: Plan, told: str | None = None) -> bool:
        """Whether a plan's numbers are all there: it fits, and a restoring attack's likenesses were kept."""
        return self.fits(chosen, told) and (not chosen.attack.restores or self.columns[chosen.key].likeness is not None)


def captions_kind(target: Target, captions: Sequence[str] | None) -> str:
    """What kind of captions pictures were shown with: "given", "empty", or "mixed"; "" where a target takes none."""
    if not target.takes:
        return ""
    with_one = [bool(caption.strip()) for caption in captions or ("",)]
    return "given" if all(with_one) else "mixed" if any(with_one) else "empty"


def settings_text(chosen: Plan, told: str = "") -> str:
    """Canonical text of a plan's settings, the key by which a score and its reference are matched.

    told: the kind of captions (`captions_kind`), which says that scores under captions and without are not compared.
    """
    values = {"params": chosen.params.as_dict(), "filter": str(chosen.filter)}
    if told:
        values["captions"] = told
    return json.dumps(values, sort_keys=True)


def evidence_energy(evidence: Evidence) -> np.ndarray:
    """Energy of the residual per pair and frequency ring inside the compared region, (N, K, bands).

    Attacks with more than MAX_PAIRS pairs are averaged over them, K = 1.
    """
    from mia_viz.frequency import radial_energy

    residual = evidence.residual if evidence.mask is None else evidence.residual * evidence.mask
    if evidence.space == "mixed":  # FCRE: the spectrum of the states' difference, not of the rebuilt picture's
        residual = residual[:, :1]
    energy = radial_energy(residual).cpu().numpy()
    return energy if energy.shape[1] <= MAX_PAIRS else energy.mean(axis=1, keepdims=True)


def build(
    target: Target,
    pictures: torch.Tensor,
    plans: Sequence[Plan],
    facts: Reference,
    report=lambda done, total: None,
    captions: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Reference:
    """Run every plan on all pictures (M, C, H, W) in [-1, 1] and return `facts` with its columns filled.

    Pictures are taken in chunks so that memory does not grow; `report(done, total)` hears of each. `progress` counts
    questions and can stop the work (`Cancelled`). Plans that differ in their filter only share evidence.
    """
    from mia_viz.analysis import by_evidence, rescore, run
    from mia_viz.probe import Probe

    parts: dict[str, list[tuple[Result, np.ndarray, np.ndarray | None]]] = {p.key: [] for p in plans}
    for start in range(0, len(pictures), CHUNK):
        chunk = slice(start, start + CHUNK)
        told = None if captions is None else captions[chunk]
        probe = Probe.of(target, pictures[chunk], captions=told, progress=progress)
        for group in by_evidence(plans):
            result = run(probe, group[0])
            probe.forget()
            energy = evidence_energy(result.evidence)
            for chosen in group:
                kept = energy if chosen.filter.kind == "none" else energy[:, :0]
                scored = rescore(result, chosen)
                parts[chosen.key].append((replace(scored, evidence=None), kept, likeness(scored)))
        report(min(start + CHUNK, len(pictures)), len(pictures))
    kind = captions_kind(target, captions)
    columns = {chosen.key: _column(chosen, parts[chosen.key], kind) for chosen in plans}
    return replace(facts, columns={**facts.columns, **columns})


def likeness(result: Result) -> np.ndarray | None:
    """Likeness of every restoration, (N, K) float64; None for an attack that restores nothing."""
    chosen = result.plan
    if not chosen.attack.restores:
        return None
    return chosen.attack.likeness(result.evidence, chosen.params, chosen.filter).double().cpu().numpy()


def _column(chosen: Plan, rows: list[tuple[Result, np.ndarray, np.ndarray | None]], told: str) -> Column:
    results, energies, likenesses = zip(*rows, strict=True)
    return Column(
        settings_text(chosen, told),
        np.concatenate([result.score for result in results]),
        np.concatenate([result.raw for result in results]),
        np.concatenate(energies),
        float(chosen.evaluations),
        np.concatenate(likenesses) if chosen.attack.restores else None,
    )


def with_features(reference: Reference, pictures: np.ndarray, target: Target | None = None) -> Reference:
    """The reference with what can be said of its pictures (M, C, H, W) in [-1, 1] without asking the model.

    target: gives schedule and encoder to the scores with the model's knowledge taken out; without it there are none.
    """
    from mia_viz.blind import blind_scores
    from mia_viz.difficulty import difficulty
    from mia_viz.exchangeability import describe

    blind = None if target is None else blind_scores(target, pictures)
    return replace(reference, difficulty=difficulty(pictures), description=describe(pictures), blind=blind)


def save(reference: Reference, file: Path) -> None:
    """Write one safetensors file; the old one stays whole until the new one is complete."""
    tensors, settings = {}, {}
    for name in FEATURES:
        if getattr(reference, name) is not None:
            tensors[f"features/{name}"] = getattr(reference, name)
    for name, column in reference.columns.items():
        tensors[f"{name}/score"] = column.score
        tensors[f"{name}/raw"] = column.raw
        tensors[f"{name}/energy"] = column.energy.astype(np.float32)
        if column.likeness is not None:
            tensors[f"{name}/likeness"] = column.likeness
        settings[name] = {"settings": column.settings, "nfe": column.nfe}
    facts = {
        "format": FORMAT,
        "target": reference.target,
        "weights_sha256": reference.weights_sha256,
        "image_sha256": reference.image_sha256,
        "names": reference.names,
        "member": reference.member.tolist(),
        "split": reference.split.tolist(),
        "attacks": settings,
        "provenance": reference.provenance,
        "parametrisation": reference.parametrisation,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as partial:
        save_file(tensors, partial, metadata={"reference": json.dumps(facts)})


def load(file: Path) -> Reference:
    """Read a reference. Raises ReferenceFileError (one sentence) when missing, damaged or of another format."""
    if not file.is_file():
        raise ReferenceFileError("There is no reference for this model.")
    try:
        with safe_open(file, framework="numpy") as opened:
            facts = json.loads((opened.metadata() or {})["reference"])
            if facts["format"] != FORMAT:
                raise ReferenceFileError(
                    "The reference file was written by another version of MIA-Viz; build it again."
                )
            reference = _from_facts(facts, opened)
    except ReferenceFileError:
        raise
    except (SafetensorError, LookupError, ValueError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise ReferenceFileError("The reference file is damaged or not a MIA-Viz reference.") from error
    count = len(reference.image_sha256)
    parts = [reference.names, reference.member, reference.split]
    parts += [getattr(reference, name) for name in FEATURES]
    parts += [part for c in reference.columns.values() for part in (c.score, c.raw, c.energy, c.likeness)]
    if any(part is not None and len(part) != count for part in parts):
        raise ReferenceFileError("The reference file is damaged: its lists are not equally long.")
    return reference


def _from_facts(facts: dict, opened: safe_open) -> Reference:
    """A Reference from the facts of an open file and its tensors."""
    stored = set(opened.keys())
    columns = {
        name: Column(
            extra["settings"],
            opened.get_tensor(f"{name}/score"),
            opened.get_tensor(f"{name}/raw"),
            opened.get_tensor(f"{name}/energy").astype(np.float64),
            extra["nfe"],
            opened.get_tensor(f"{name}/likeness") if f"{name}/likeness" in stored else None,
        )
        for name, extra in facts["attacks"].items()
    }
    return Reference(
        facts["target"],
        facts["weights_sha256"],
        tuple(facts["image_sha256"]),
        tuple(facts["names"]),
        np.array(facts["member"], dtype=bool),
        np.array(facts["split"]),
        columns,
        *(opened.get_tensor(f"features/{name}") if f"features/{name}" in stored else None for name in FEATURES),
        dict(facts.get("provenance", {})),
        dict(facts.get("parametrisation", {})),
    )
