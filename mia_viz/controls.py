"""Controls: what a membership score must beat, or must not do, before it means anything.

Model-free: the same attack on a target that knows nothing (eps_hat = 0, eps_hat = fresh noise), the amount of fine
detail, the size of the file; for SMIA also white noise in place of the inversion, and what encoding and decoding alone
do to the picture. Wrong model: the score under the twin, whose sign must flip. Chance: shuffled labels. Every
orientation is fixed here in advance: less detail and a smaller file count as more member-like, since easy pictures are
what error-based attacks take for members.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mia_viz.attacks.smia import structure
from mia_viz.evaluation import Interval, Scores, auc_interval
from mia_viz.frequency import radial_energy, ring_centres
from mia_viz.probe import Probe
from mia_viz.targets.target import Condition, Target, Wrapper

BLIND = ("zero", "noise")
FINE_DETAIL = 0.4
"""Share of Nyquist from which detail counts as fine (the third band shown to people)."""


@dataclass(frozen=True)
class Control:
    """One line under a table of results.

    kind: "eps_hat = 0", "shuffled labels", ... attack: whose score, empty where none is involved. auc: on the
    test split, None where the score is not defined. flipped: for a wrong twin the share of pictures whose
    score is higher under the model that was trained on them, else None.
    """

    kind: str
    attack: str
    auc: Interval | None
    flipped: float | None = None


class BlindTarget(Wrapper):
    """A target with its knowledge taken out: shape, schedule and encoder stay, the network's answers go.

    answer: "zero" for eps_hat = 0; "noise" for fresh standard normal noise, a function of (x_t, t) alone.
    """

    def __init__(self, like: Target, answer: str) -> None:
        if answer not in BLIND:
            raise ValueError(f"A blind target answers {' or '.join(BLIND)}, not {answer}.")
        super().__init__(like)
        self.name = f"{like.name} with eps_hat = {answer}"
        self.card = dataclasses.replace(like.card, title=self.name, members={})
        self.answer, self.passes = answer, 1

    def predict_noise(self, x_t: Tensor, timesteps: Tensor, condition: Condition | None = None) -> Tensor:
        if self.answer == "zero":
            return torch.zeros_like(x_t, dtype=torch.float32)
        rows = [_fresh(x, int(t)) for x, t in zip(x_t.float().cpu().numpy(), timesteps.tolist(), strict=True)]
        return torch.from_numpy(np.stack(rows)).to(x_t.device)


def _fresh(x: np.ndarray, timestep: int) -> np.ndarray:
    """Standard normal noise named by what was asked, so that it depends on no batch and no order."""
    key = int.from_bytes(hashlib.sha256(np.ascontiguousarray(x).tobytes()).digest()[:8], "big")
    return np.random.default_rng([key, timestep]).standard_normal(x.shape, dtype=np.float32)


def structure_kept(
    target: Target, pixels: Tensor, window: str, total: int | None = None, batch: int = 16
) -> np.ndarray:
    """Score (N,) of pictures (N, C, H, W) in [-1, 1]: SMIA's SSIM with the model's predictions left out.

    total: level to which white noise is added, where SMIA would invert; None for the encoder and decoder alone.
    window: as in `mia_viz.attacks.smia.structure`.
    """
    parts = []
    for start in range(0, len(pixels), batch):
        probe = Probe.of(target, pixels[start : start + batch])
        x = probe.x_0 if total is None else probe.noised(total).x
        parts.append(structure(probe.pictures, target.decode(x), window).cpu().numpy())
    return np.concatenate(parts)


def structure_alone(own: Interval, others: Mapping[str, Interval | None]) -> str:
    """Whether the AUC of SMIA says more than what pictures and encoder give without the model, in one sentence.

    own: AUC of SMIA. others: AUC of its controls by name, None where not defined. A control explains the score when
    its AUC reaches the interval of SMIA's: then members are told apart by what they look like, not by being known.
    """
    known = {name: interval for name, interval in others.items() if interval is not None}
    if own.low <= 0.5:
        return f"SMIA does not tell members from hold-outs here: its AUC is {own}."
    if not known:
        return f"SMIA's AUC is {own}, but no control says how much of it structure alone would give."
    name, best = max(known.items(), key=lambda item: item[1].value)
    if best.value >= own.low:
        return (
            f"Structure alone explains the SMIA score: without the model's knowledge ({name}) the AUC is {best}, "
            f"which reaches the interval of SMIA's own, {own}."
        )
    return f"Structure alone does not explain the SMIA score: its AUC is {own}, its best control ({name}) gives {best}."


def fine_detail(pixels: Tensor) -> np.ndarray:
    """Score (N,) of pictures (N, C, H, W) in [-1, 1]: minus their energy beyond FINE_DETAIL of Nyquist."""
    fine = ring_centres(*pixels.shape[-2:]) >= FINE_DETAIL
    return -radial_energy(pixels)[:, fine].sum(dim=1).cpu().numpy()


def file_size(byte_sizes: np.ndarray) -> np.ndarray:
    """Score (N,) of files: minus their size in bytes."""
    return -np.asarray(byte_sizes, dtype=np.float64)


def flipped_share(own: Scores, twin: Scores) -> float:
    """Share of pictures that score higher under the model trained on them, ties counting one half.

    own: scores under this model of its members and of its twin's. twin: the same pictures, in the same order,
    under the twin. Without memory this is one half, whatever the pictures look like.
    """
    right = np.r_[own.members - twin.members, twin.holdouts - own.holdouts]
    return float(((right > 0) + 0.5 * (right == 0)).mean())


def wrong_twin(attack: str, own: Scores, twin: Scores) -> tuple[Control, Control]:
    """AUC on the two twins' members under the right model (above .5 with memory) and the wrong (below)."""
    return (
        Control("members of the two twins, right model", attack, auc_interval(own)),
        Control("members of the two twins, wrong model", attack, auc_interval(twin), flipped_share(own, twin)),
    )
