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
from mia_viz.evaluation import Interval, Scores, auc_difference, auc_interval, shuffled_auc
from mia_viz.probe import Probe
from mia_viz.reference import Reference
from mia_viz.targets import bundled
from mia_viz.targets.target import Target

WITHOUT = {"zero": "eps_hat = 0", "noise": "eps_hat = fresh noise"}
WHITE_NOISE, ROUND_TRIP = "white noise instead of the model", "encoder and decoder only"


def gather(
    target: Target, table: Reference, plans: Sequence[Plan], pictures: KnownPictures | None, live: bool
) -> tuple[tuple[Control, ...], tuple[str, ...], dict[str, Interval]]:
    """All controls there can be, a sentence for each that there cannot, and what the model's age changed.

    live: whether other models (twin, earlier ages) may be asked; else their stored references serve. The last: AUC less
    that under every earlier age, paired over pictures, by what is compared.
    """
    found = [Control("shuffled labels", p.key, shuffled_auc(split_scores(table, p.key, "test"))) for p in plans]
    if pictures is None:
        return tuple(found), ("Controls that need the pictures were left out: only scores are stored.",), {}
    test = pictures.split == "test"
    found += _without_model(target, plans, pictures, test)
    found += _of_structure(target, plans, pictures, test)
    remarks = [*structure_remarks(table, plans, found), *reversed_remarks(target, table, plans, pictures, test)]
    grown: dict[str, Interval] = {}
    twin, ages = bundled.twin_of(target.name), _earlier_ages(target.name)
    if twin is None:
        remarks.append("There is no twin of this model, so the wrong-model control is missing.")
    for name in [*([twin] if twin else []), *ages]:
        rows = test & (pictures.member | pictures.of_twin) if name == twin else test
        other = _other_model(name, plans, pictures, rows, live)
        both = [p for p in plans if p.key in other]
        if len(both) < len(plans):
            without = ", ".join(p.key for p in plans if p.key not in other)
            remarks.append(f"{name} has no stored scores of {without}, so that control is missing there.")
        if name == twin:
            found += _twin(table, other, both, pictures, rows)
        else:
            kind = f"earlier age: {name}"
            found += [Control(kind, p.key, _auc(other, p, pictures, rows)) for p in both]
            grown |= {f"{p.key} less the same under {name}": _grown(table, other, p, pictures, rows) for p in both}
    return tuple(found), tuple(remarks), grown


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
) -> dict[str, np.ndarray]:
    """Scores of some pictures under another bundled model, by attack; only those that are stored unless `live`."""
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
        return {}
    place = {sha256: i for i, sha256 in enumerate(stored.image_sha256)}
    if stored.weights_sha256 != open_target(name).weights_sha256 or not all(s in place for s in chosen_sha256):
        return {}
    order = [place[sha256] for sha256 in chosen_sha256]
    return {p.key: stored.columns[p.key].score[order] for p in plans if stored.fits(p)}


def _auc(other: dict[str, np.ndarray], chosen: Plan, pictures: KnownPictures, rows: np.ndarray):
    return _interval(other[chosen.key], pictures.member[rows])


def _own(table: Reference, chosen: Plan, pictures: KnownPictures, rows: np.ndarray) -> np.ndarray:
    """A model's own scores of some pictures, in their order."""
    place = {sha256: i for i, sha256 in enumerate(table.image_sha256)}
    order = [place[sha256] for sha256, wanted in zip(pictures.sha256, rows, strict=True) if wanted]
    return table.columns[chosen.key].score[order]


def _grown(
    table: Reference, other: dict[str, np.ndarray], chosen: Plan, pictures: KnownPictures, rows: np.ndarray
) -> Interval:
    """AUC under this model less that under an earlier age, paired over the same pictures."""
    member = pictures.member[rows]
    pair = (Scores(s[member], s[~member]) for s in (_own(table, chosen, pictures, rows), other[chosen.key]))
    return auc_difference(*pair)


def reversed_remarks(
    target: Target, table: Reference, plans: Sequence[Plan], pictures: KnownPictures, test: np.ndarray
) -> list[str]:
    """A sentence where an attack takes members for hold-outs, with the noise the model finds in clean pictures.

    PIA, SecMI and FCRE start from the model's answer about (nearly) clean pictures: what is found there beyond a
    picture's own noise is carried along. One question per test picture, asked only where an AUC lies below .5.
    """
    keys = [p.key for p in plans if p.attack.name in ("pia", "pian", "secmi", "fcre")]
    below = [key for key in keys if auc_interval(split_scores(table, key, "test")).high < 0.5]
    if not below:
        return []
    probe = Probe.of(target, pictures.pictures[test], captions=pictures.chosen_captions(test))
    rms = probe.predict(probe.clean()).square().flatten(1).mean(dim=1).sqrt().cpu().numpy()
    member = pictures.member[test]
    return [
        f"{', '.join(below)}: members score lower than hold-outs, and the published sign is kept. In clean pictures "
        f"the model finds noise of size {np.median(rms[member]):.3f} in members and {np.median(rms[~member]):.3f} in "
        "hold-outs (root mean square of eps_hat at level 0, medians over the test pictures; real noise has 1)."
    ]


def _twin(
    table: Reference,
    other: dict[str, np.ndarray],
    plans: Sequence[Plan],
    pictures: KnownPictures,
    rows: np.ndarray,
) -> list[Control]:
    """Members of both twins under the right and under the wrong model."""
    member = pictures.member[rows]
    found: list[Control] = []
    for chosen in plans:
        name = chosen.key
        own, wrong = _own(table, chosen, pictures, rows), other[name]
        pair = (Scores(score[member], score[~member]) for score in (own, wrong))
        found += controls.wrong_twin(name, *pair)
    return found
