"""Every attack, one file each; importing this package registers them all."""

from mia_viz.attacks import (  # noqa: F401
    drc,
    fcre,
    loss,
    noise_aggregation,
    pfami,
    pia,
    rediffuse,
    secmi,
    sima,
)
from mia_viz.attacks.attack import Attack, Evidence, Params, get, names, register

__all__ = ["Attack", "Evidence", "Params", "get", "names", "register"]
