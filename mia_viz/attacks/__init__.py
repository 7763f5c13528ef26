"""Every attack, one file each; importing this package registers them all."""

from mia_viz.attacks import (  # noqa: F401
    loss,
    drc,
    fcre,
    noise_aggregation,
    sima,
    pia,
    secmi,
    pfami,
    rediffuse,
)
from mia_viz.attacks.attack import Attack, Evidence, Params, get, names, register

__all__ = ["Attack", "Evidence", "Params", "get", "names", "register"]
