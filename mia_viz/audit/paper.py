"""An audit on paper: what very many pictures would take, from stated assumptions. Nothing is asked of any model here.

    GPU seconds = pictures x (NFE x passes + encoding) / evaluations per second x (1 + overhead)
    table bytes = pictures x (row bytes + spectra x spectrum bytes)

NFE and spectra per picture are counted on a closed-form target, so questions that attacks share count once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mia_viz.analysis import Plan, by_evidence, in_turn, plan, run
from mia_viz.commands.common import settings_by_attack
from mia_viz.frequency import Filter
from mia_viz.probe import Probe
from mia_viz.reference import evidence_energy
from mia_viz.targets.analytic import Memoriser
from mia_viz.targets.target import Wrapper

SIDE = 32


def _assumed(default: float, words: str) -> float:
    return field(default=default, metadata={"help": words})


@dataclass(frozen=True)
class Assumptions:
    """Numbers that the estimate rests on; the defaults are those of docs/audit.md, for Stable Diffusion 1.5."""

    evaluations_per_second: float = _assumed(60.0, "network passes per second of one GPU")
    encoding: float = _assumed(4.0, "cost of the autoencoder per picture, in network passes (0 for pixel models)")
    overhead: float = _assumed(0.05, "share of time on top of the network")
    gpus: float = _assumed(16.0, "GPUs at work at once")
    row_bytes: float = _assumed(300.0, "bytes of a table row without spectra")
    spectrum_bytes: float = _assumed(140.0, "bytes per stored spectrum")
    picture_bytes: float = _assumed(100_000.0, "bytes of a picture's file")


@dataclass(frozen=True)
class Estimate:
    """What an audit takes. nfe, spectra: per picture. seconds: of one GPU. hours: with all GPUs. read: bytes per second
    that each GPU's pictures come at."""

    pictures: int
    nfe: int
    spectra: int
    seconds: float
    gpu_hours: float
    hours: float
    table_bytes: float
    source_bytes: float
    rate: float
    read: float


def plans_of(attacks: str, settings: Sequence[str] = (), filter_text: str = "none") -> tuple[Plan, ...]:
    """Plans from "loss,secmi" without a target. Raises ValueError (one sentence) for unknown names and settings."""
    names = [name.strip() for name in attacks.split(",") if name.strip()]
    if not names or "all" in names:
        raise ValueError("Name the attacks to plan for, such as --attack loss,secmi.")
    changed, chosen = settings_by_attack(settings), Filter.parse(filter_text)
    return tuple(plan(name, changed.get(name, {}), chosen) for name in dict.fromkeys(names))


class _Counted(Wrapper):
    """A model without weights that is asked for gradients as one with weights is."""

    has_gradients = True

    def loss_gradients(self, x_t: Tensor, timesteps: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
        return self.predict_noise(x_t, timesteps), torch.zeros(1)


def questions(plans: Sequence[Plan], spectra: bool = True) -> tuple[int, int]:
    """(NFE, stored spectra) per picture of these plans together, counted on a closed-form model of one picture.

    An attack that such a model cannot answer (because it needs captions) counts with its own NFE and one spectrum.
    """
    picture = torch.linspace(-1, 1, SIDE * SIDE).view(1, 1, SIDE, SIDE)
    probe = Probe(_Counted(Memoriser(picture)), picture)
    alone = stored = 0
    for group in by_evidence(in_turn(plans)):
        kept = spectra and any(chosen.filter.kind == "none" for chosen in group)
        try:
            evidence = run(probe, group[0]).evidence
        except ValueError:
            alone += group[0].evaluations
            stored += int(kept)
            continue
        stored += evidence_energy(evidence).shape[1] if kept else 0
    return round(probe.nfe) + alone, stored


def estimate(
    pictures: int, plans: Sequence[Plan], assumed: Assumptions | None = None, passes: int = 1, spectra: bool = True
) -> Estimate:
    """What an audit of so many pictures takes. passes: of the network per question, 2 with guidance."""
    assumed = assumed or Assumptions()
    nfe, stored = questions(plans, spectra)
    each = (nfe * passes + assumed.encoding) / assumed.evaluations_per_second * (1 + assumed.overhead)
    seconds = pictures * each
    return Estimate(
        pictures,
        nfe,
        stored,
        seconds,
        seconds / 3600,
        seconds / 3600 / assumed.gpus,
        pictures * (assumed.row_bytes + stored * assumed.spectrum_bytes),
        pictures * assumed.picture_bytes,
        1 / each,
        assumed.picture_bytes / each,
    )
