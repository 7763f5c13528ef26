"""What `evaluate` reads from a reference beside scores: energies per ring (bands) and likenesses (agree number)."""

from __future__ import annotations

from collections.abc import Sequence

from mia_viz.agreement import Agreement, agree_threshold, agreement
from mia_viz.analysis import Plan
from mia_viz.bands import BandChoice, Energies, evaluate_band
from mia_viz.reference import Reference

BAND_ATTACKS = ("loss", "secmi", "pia")


def has_band(chosen: Plan) -> bool:
    """Whether a plan's stored energies are those of a whole residual whose band can be chosen."""
    name = chosen.attack.name
    return chosen.filter.kind == "none" and (name in BAND_ATTACKS or (name == "fcre" and chosen.params.variant == "v3"))


def check_bands(plans: Sequence[Plan]) -> None:
    """Raise ValueError, before any model is asked, when no band could be chosen."""
    if not any(has_band(chosen) for chosen in plans):
        raise ValueError("--choose-band needs loss, secmi, pia or fcre with variant=v3 among the attacks, unfiltered.")


def band_choices(table: Reference, plans: Sequence[Plan], height: int, width: int) -> tuple[BandChoice, ...]:
    """For each plan that has one, the band best on the calibration split, measured on the test split.

    Raises ValueError where a split lacks members or hold-outs.
    """
    return tuple(
        evaluate_band(p.key, _energies(table, p.key, "calibration"), _energies(table, p.key, "test"), height, width)
        for p in plans
        if has_band(p)
    )


def _energies(table: Reference, key: str, split: str) -> Energies:
    groups = [table.columns[key].energy[table.choose(member, split)].mean(axis=1) for member in (True, False)]
    if not all(len(group) for group in groups):
        raise ValueError(f"No band can be chosen: the {split} split lacks members or hold-outs.")
    return Energies(*groups)


def agreements(table: Reference, plans: Sequence[Plan]) -> tuple[tuple[Agreement, ...], tuple[str, ...]]:
    """The agree number of every restoring plan, and a sentence for each that it cannot be given for."""
    found, remarks = [], []
    for chosen in (p for p in plans if p.attack.restores):
        likeness = table.columns[chosen.key].likeness
        if likeness is None:
            remarks.append(
                f"{chosen.key}: no agree number, because this reference was written before likenesses were kept; "
                "build it again."
            )
            continue
        calibration, test = (
            [likeness[table.choose(member, split)] for member in (True, False)] for split in ("calibration", "test")
        )
        if not all(len(group) for group in calibration):
            remarks.append(f"{chosen.key}: no agree number, because the calibration split lacks members or hold-outs.")
            continue
        agree_at = agree_threshold(*calibration)
        found.append(Agreement(chosen.key, agree_at, agreement(*test, agree_at)))
    return tuple(found), tuple(remarks)
