"""What a case brings into the laboratory: which methods can be filtered, and the picture's own residuals."""

from __future__ import annotations

import numpy as np

from mia_viz.case import Case
from mia_viz.reference import Reference
from mia_viz.sensitivity import ring_energy

TITLES = {
    "pia": "PIA",
    "secmi": "SecMI",
    "loss": "Denoising loss",
    "noise_aggregation": "Noise aggregation",
    "fcre": "FCRE",
}
"""Methods judged by the size of an error, in the order of the menu. PIA comes first: it needs its filter most."""
ALSO_ASKED = ("pia", "secmi")
"""Methods that are no part of the walk and whose residuals are collected for the laboratory alone."""


def methods(known: Reference | None, case: Case) -> dict[str, str]:
    """Columns of a reference whose energies can be filtered, as key -> title: one per method.

    Of a method's columns with different settings, the one the model was asked with about this picture; else the first.
    Columns whose pictures were shown with another kind of captions than this picture are left out.
    """
    told = "" if case.caption is None else "given" if case.caption.strip() else "empty"
    asked = () if case.residuals is None else case.residuals.keys
    found = {}
    for name, title in TITLES.items():
        columns = known.columns.items() if known is not None else ()
        fitting = [(key, column) for key, column in columns if key.split()[0] == name and column.told == told]
        keys = [key for key, column in fitting if column.energy.shape[1]]
        if keys:
            found[next((key for key in keys if key in asked), keys[0])] = title
    return found


def residual(case: Case, key: str) -> np.ndarray | None:
    """The picture's residuals under a method, (K, C, H, W); None where the model was not asked.

    Cases stored before residuals were kept still have the loss attack's (of pixel models) and noise aggregation's.
    """
    name = key.split()[0]
    if case.residuals is not None and key in case.residuals.keys:
        return case.residuals.maps[case.residuals.keys.index(key)][None]
    if name == "noise_aggregation" and case.noises is not None and key == name:
        return case.noises.offsets
    if key == "loss" and case.rebuilt is not None and case.rebuilt.error_gain > 0 and case.residuals is None:
        return (case.values - case.rebuilt.rebuilt)[None] / np.sqrt(case.rebuilt.error_gain)
    return None


def query_energy(maps: np.ndarray, bands: int) -> np.ndarray:
    """Ring energies of residuals (K, C, H, W), averaged over K, (bands,), rounded to float32 as a reference's are."""
    return np.mean([ring_energy(one, bands) for one in maps], axis=0).astype(np.float32).astype(np.float64)


def grid_size(case: Case, shape: tuple[int, ...]) -> tuple[int, int]:
    """(H, W) of the grid a model's errors live on: the residuals', or of its shape (C, H, W) where there are none."""
    return case.residuals.maps.shape[-2:] if case.residuals is not None else tuple(shape[-2:])
