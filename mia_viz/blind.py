"""Scores of pictures with the model's knowledge taken out: what an attack makes of the pictures alone.

Whatever a picture scores when the network's answer is zero is owed to the picture, the noise schedule and the encoder.
So a picture that scores unlike the reference's under such a model is unlike them, whatever the model knows.

Only SMIA's score is kept. Under eps_hat = 0 it is the structural similarity of a picture and its faded self, which the
encoder and decoder of a latent model have been through: a function of the picture, drawn from no noise. The attacks
that judge an error of the network say nothing of the picture then: the loss is the power of the noise that was drawn
(other noise, another score), noise aggregation, PIA and SimA are the same for every picture, and there and back again
along the noise levels (SecMI, FCRE) is exactly the way it came.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mia_viz.analysis import Plan, plan, run
from mia_viz.attacks.attack import refusal
from mia_viz.controls import BlindTarget
from mia_viz.probe import Probe

if TYPE_CHECKING:
    from mia_viz.targets.target import Target

CHUNK = 16


def blind_plan(target: Target) -> Plan:
    """SMIA at its published level, reached in as few steps as it allows: with eps_hat = 0 they change nothing."""
    usual = plan("smia", schedule=target.schedule)
    interval = min(usual.params.total, 500)
    return replace(usual, params=replace(usual.params, interval=interval))


def blind_scores(target: Target, pictures: Tensor | np.ndarray, x_0: Tensor | None = None) -> np.ndarray | None:
    """Scores (N, 1) float64 of pictures (N, *target.picture_shape) in [-1, 1]; the network is not asked.

    x_0: the pictures as encoded before, (N, *target.shape), which a latent model is then not asked to do again. None
    where the attack cannot be used: pictures below 11 pixels a side, too few noise levels.
    """
    chosen = blind_plan(target)
    if refusal(chosen.attack, target, [""], chosen.params):
        return None
    pictures, blind = torch.as_tensor(pictures), BlindTarget(target, "zero")
    blind.takes = ""  # nothing is asked, so nothing need be told
    parts = []
    for start in range(0, len(pictures), CHUNK):
        rows = slice(start, start + CHUNK)
        own = pictures[rows]
        with torch.no_grad():
            encoded = target.encode(own) if x_0 is None else x_0[rows]
        # No noise is drawn, so pictures need no names in its generator.
        probe = Probe(blind, encoded, keys=[0] * len(own), pictures=own)
        parts.append(run(probe, chosen).score)
    return np.concatenate(parts)[:, None]
