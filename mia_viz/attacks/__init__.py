# ruff: noqa: F401, I001 -- the order of these imports is the order in which attacks are listed
"""Every attack, one file each; importing this package registers them all."""

from mia_viz.attacks import loss, drc, fcre, noise_aggregation, sima, pia, secmi, pfami, rediffuse, smia, clid, gradient
from mia_viz.attacks.attack import Attack, Evidence, Params, get, names, register

__all__ = ["Attack", "Evidence", "Params", "get", "names", "register"]
