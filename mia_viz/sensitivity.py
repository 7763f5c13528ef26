"""What would change this answer: the verdict under other settings, from what is stored, without asking the model.

The rows are there to show how much hangs on a choice. None of them is a result: picked afterwards, the most striking
of several settings is wrong far more often than its own error rate says. scikit-learn is loaded only on use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mia_viz.case import Case
from mia_viz.reference import Reference
from mia_viz.verdict import Verdict, judge

BANDS = (
    ("coarse shapes", 0.0, 0.1),
    ("middling detail", 0.1, 0.4),
    ("fine detail", 0.4, 1.5),
    ("FCRE's band", 0.15, 0.85),
)
"""Bands as shares of Nyquist; the last is the one that FCRE's authors chose on other data (arXiv 2506.14919)."""
AGREES = 0.02
"""A stored picture gives back the attack's own number within this share, or else its parts are not used."""
WARNING = (
    "These rows show how much the answer hangs on the settings. They are not further results: the most striking of "
    "several rows would be wrong more often than its own number says."
)


@dataclass(frozen=True)
class Change:
    """The verdict under one other setting. kind: what is changed. setting: to what. verdict: what then comes out."""

    kind: str
    setting: str
    verdict: Verdict


def changes(case: Case, reference: Reference | None) -> tuple[Change, ...]:
    """Every other setting that the case and the reference can answer from what they hold."""
    if reference is None:
        return ()
    sources: tuple[Callable[[Case, Reference], Iterator[Change]], ...] = (_methods, _bands, _levels, _restorations)
    return tuple(change for source in sources for change in source(case, reference))


def _placed(kind: str, setting: str, score: float, scores: np.ndarray, case: Case, reference: Reference) -> Change:
    """One setting's score among those (M,) of the reference, calibration split, the picture itself left out."""
    groups = [scores[reference.choose(member, "calibration", (case.sha256,))] for member in (False, True)]
    return Change(kind, setting, judge(score, *groups))


def _methods(case: Case, reference: Reference) -> Iterator[Change]:
    for finding in case.findings:
        if finding.verdict is not None:
            yield Change("one method alone", finding.title, finding.verdict)


def _bands(case: Case, reference: Reference) -> Iterator[Change]:
    """The loss attack with the error judged in one frequency band only (Parseval on stored ring energies)."""
    from mia_viz.bands import band_gains

    part, finding = case.rebuilt, case.finding("loss")
    if part is None or finding is None or finding.verdict is None or finding.key not in reference.columns:
        return
    energy = reference.columns[finding.key].energy
    if energy.shape[1] == 0:
        return
    stored = energy.mean(axis=1)
    own = loss_energy(case, stored.shape[1])
    if own is None:
        return
    for name, low, high in BANDS:
        gains = band_gains(low, high, *case.values.shape[-2:], stored.shape[1])
        setting = f"{name} ({low:g} to {high:g} of Nyquist)"
        yield _placed("band of the loss", setting, -float(own @ gains), -(stored @ gains), case, reference)


def loss_energy(case: Case, bands: int) -> np.ndarray | None:
    """Energy per ring of the loss attack's error in the predicted noise, (bands,), from the rebuilt picture.

    None where that does not give the attack's own number back: the network looks at something other than these
    pixels, such as a latent model's codes, or the attack was run with other settings.
    """
    part, finding = case.rebuilt, case.finding("loss")
    if part is None or finding is None or part.rebuilt.shape != case.values.shape or part.error_gain <= 0:
        return None
    own = ring_energy(part.rebuilt - case.values, bands) / part.error_gain
    return own if abs(own.sum() - finding.raw) <= AGREES * abs(finding.raw) else None


def _levels(case: Case, reference: Reference) -> Iterator[Change]:
    """Noise aggregation at one timestep: how far that answer lies from the centre of all of them."""
    part, finding = case.noises, case.finding("noise_aggregation")
    column = reference.columns.get("noise_aggregation")
    if part is None or finding is None or finding.verdict is None or column is None:
        return
    if column.energy.shape[1] != len(part.levels):
        return
    for k, level in enumerate(part.levels):
        own = (part.offsets[k].astype(np.float64) ** 2).sum()
        scores = -column.energy[:, k].sum(axis=1)
        yield _placed("t of noise aggregation", f"t = {level} only", -float(own), scores, case, reference)


def _restorations(case: Case, reference: Reference) -> Iterator[Change]:
    """DRC: other ways to put restorations together, and every mask alone."""
    part, finding = case.restoration, case.finding("drc")
    if part is None or finding is None or finding.verdict is None:
        return
    column = reference.columns.get(finding.key)
    if column is None or column.likeness is None or column.likeness.shape[1] != len(part.likeness):
        return
    from mia_viz.agreement import agree_threshold

    likeness, own = column.likeness, np.asarray(part.likeness, dtype=np.float64)
    rules = {"mean likeness": np.mean, "median likeness": np.median}
    for name, rule in rules.items():
        scores = rule(likeness, axis=1)
        yield _placed("how restorations are put together", name, float(rule(own)), scores, case, reference)
    groups = [likeness[reference.choose(m, "calibration", (case.sha256,))] for m in (True, False)]
    if all(len(group) for group in groups):
        agree_at = agree_threshold(*groups)
        votes, mine = (likeness > agree_at).sum(axis=1), int((own > agree_at).sum())
        setting = f"how many agree (likeness above {agree_at:.2f}): {mine} of {len(own)}"
        yield _placed("how restorations are put together", setting, mine, votes.astype(float), case, reference)
    for k, label in enumerate(part.labels):
        setting = f"only restoration {k + 1} ({label})"
        yield _placed("mask of the restoration", setting, float(own[k]), likeness[:, k], case, reference)


def ring_energy(residual: np.ndarray, bands: int) -> np.ndarray:
    """Energy of a residual (C, H, W) per ring of equal width from zero frequency to the corner, (bands,) float64.

    The rings are those of `mia_viz.frequency.radial_energy`; they add up to the squared L2 norm.
    """
    from mia_viz.bands import nyquist_shares

    rho = nyquist_shares(*residual.shape[-2:])
    index = np.minimum((rho / (rho.max() + 1e-12) * bands).astype(int), bands - 1)
    power = (np.abs(np.fft.fft2(np.asarray(residual, dtype=np.float64))) ** 2).sum(axis=0) / residual[0].size
    return np.bincount(index.ravel(), power.ravel(), minlength=bands)
