"""Gathers the controls of an evaluation; what each of them means is in mia_viz.controls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mia_viz import controls, reference
from mia_viz.analysis import Plan
from mia_viz.commands.common import open_target, reporter
from mia_viz.commands.evaluate import split_scores
from mia_viz.commands.known import KnownPictures
from mia_viz.controls import Control
from mia_viz.evaluation import Scores, auc_interval, shuffled_auc
from mia_viz.reference import Reference
from mia_viz.targets import bundled
from mia_viz.targets.target import Target

WITHOUT = {"zero": "eps_hat = 0", "noise": "eps_hat = fresh noise"}
WHITE_NOISE, ROUND_TRIP = "white noise instead of the model", "encoder and decoder only"


def gather(
    target: Target, table: Reference, plans: Sequence[Plan], pictures: KnownPictures | None, live: bool
) -> tuple[tuple[Control, ...], tuple[str, ...]]:
    """All controls there can be, and a sentence for each that there cannot.

    live: whether other models (twin, earlier ages) may be asked; else their stored references serve.
    """
    found = [Control("shuffled labels", p.key, shuffled_auc(split_scores(table, p.key, "test"))) for p in plans]
    if pictures is None:
        return tuple(found), ("Controls that need the pictures were left out: only scores are stored.",)
    test = pictures.split == "test"
    found += _without_model(target, plans, pictures, test)
    found += _of_structure(target, plans, pictures, test)
    remarks = structure_remarks(table, plans, found)
    twin, ages = bundled.twin_of(target.name), _earlier_ages(target.name)
    if twin is None:
        remarks.append("There is no twin of this model, so the wrong-model control is missing.")
    for name in [*([twin] if twin else []), *ages]:
        rows = test & (pictures.member | pictures.of_twin) if name == twin else test
        other = _other_model(name, plans, pictures, rows, live)
        if other is None:
            remarks.append(f"{name} has no stored scores of these attacks, so that control is missing.")
        elif name == twin:
            found += _twin(table, other, plans, pictures, rows)
        else:
            kind = f"earlier age: {name}"
            found += [Control(kind, p.key, _auc(other, p, pictures, rows)) for p in plans]
    return tuple(found), tuple(remarks)


def _earlier_ages(name: str) -> list[str]:
    """Bundled training ages of a model, youngest first."""
    ages = [other for other in bundled.bundled_names() if other.startswith(f"{name}-")]
    return sorted(ages, key=lambda age: (len(age), age))


def _without_model(target: Target, plans: Sequence[Plan], pictures: KnownPictures, test: np.ndarray) -> list[Control]:
    """Blind targets under every attack, fine detail and file size."""
    member, tested = pictures.member[test], pictures.pictures[test]
    found = []
    for answer in controls.BLIND:
        blind = controls.BlindTarget(target, answer)
        for chosen in plans:
            if chosen.attack.unusable(blind):  # gradients of a model that is not there
                continue
            blank = pictures.blank_reference(blind)
            name = chosen.key
            report, told = reporter(f"{blind.name} {name}"), pictures.chosen_captions(test)
            columns = reference.build(blind, tested, [chosen], blank, report, told).columns
            found.append(Control(WITHOUT[answer], name, _interval(columns[name].score, member)))
    for kind, score in (
        ("no model: little fine detail", controls.fine_detail(tested)),
        ("no model: small file", controls.file_size(pictures.byte_size[test])),
    ):
        found.append(Control(kind, "", _interval(score, member)))
    return found


def _of_structure(target: Target, plans: Sequence[Plan], pictures: KnownPictures, test: np.ndarray) -> list[Control]:
    """SMIA with white noise instead of the inversion, and with neither; the latter says nothing on pixel models."""
    tested, member, found = pictures.pictures[test], pictures.member[test], []
    for chosen in _of_smia(plans):
        levels = {WHITE_NOISE: chosen.params.total} | ({} if target.space == "pixel" else {ROUND_TRIP: None})
        for kind, total in levels.items():
            score = controls.structure_kept(target, tested, chosen.params.window, total)
            found.append(Control(kind, chosen.key, _interval(score, member)))
    return found


def structure_remarks(table: Reference, plans: Sequence[Plan], found: Sequence[Control]) -> list[str]:
    """A sentence on every plan of SMIA: whether its controls without the model explain its score."""
    remarks, kinds = [], (*WITHOUT.values(), WHITE_NOISE, ROUND_TRIP)
    for chosen in _of_smia(plans):
        own = auc_interval(split_scores(table, chosen.key, "test"))
        others = {c.kind: c.auc for c in found if c.attack == chosen.key and c.kind in kinds}
        remarks.append(f"{chosen.key}: {controls.structure_alone(own, others)}")
    return remarks


def _of_smia(plans: Sequence[Plan]) -> list[Plan]:
    return [chosen for chosen in plans if chosen.attack.name == "smia"]


def _interval(score: np.ndarray, member: np.ndarray):
    """AUC of a control; None where the score is not defined (an attack that divides by a blind answer)."""
    return auc_interval(Scores(score[member], score[~member])) if np.isfinite(score).all() else None


def _other_model(
    name: str, plans: Sequence[Plan], pictures: KnownPictures, rows: np.ndarray, live: bool
) -> dict[str, np.ndarray] | None:
    """Scores of some pictures under another bundled model, by attack; None where none are stored."""
    chosen_sha256 = [sha256 for sha256, wanted in zip(pictures.sha256, rows, strict=True) if wanted]
    if live:
        other = open_target(name)
        blank = pictures.blank_reference(other)
        told = pictures.chosen_captions(rows)
        built = reference.build(other, pictures.pictures[rows], plans, blank, reporter(name), told)
        return {attack: column.score for attack, column in built.columns.items()}
    try:
        stored = reference.load(bundled.reference_file(name))
    except reference.ReferenceFileError:
        return None
    place = {sha256: i for i, sha256 in enumerate(stored.image_sha256)}
    if stored.weights_sha256 != open_target(name).weights_sha256:
        return None
    if not all(stored.fits(p) for p in plans) or not all(sha256 in place for sha256 in chosen_sha256):
        return None
    order = [place[sha256] for sha256 in chosen_sha256]
    return {p.key: stored.columns[p.key].score[order] for p in plans}


def _auc(other: dict[str, np.ndarray], chosen: Plan, pictures: KnownPictures, rows: np.ndarray):
    return _interval(other[chosen.key], pictures.member[rows])


def _twin(
    table: Reference,
    other: dict[str, np.ndarray],
    plans: Sequence[Plan],
    pictures: KnownPictures,
    rows: np.ndarray,
) -> list[Control]:
    """Members of both twins under the right and under the wrong model."""
    place = {sha256: i for i, sha256 in enumerate(table.image_sha256)}
    order = [place[sha256] for sha256, wanted in zip(pictures.sha256, rows, strict=True) if wanted]
    member = pictures.member[rows]
    found: list[Control] = []
    for chosen in plans:
        name = chosen.key
        own, wrong = table.columns[name].score[order], other[name]
        pair = (Scores(score[member], score[~member]) for score in (own, wrong))
        found += controls.wrong_twin(name, *pair)
    return found
