"""The attack contract: one paper, one file, one class.

An attack turns probe answers into Evidence (`collect`) and Evidence into the published statistic (`statistic`). It
declares its parameters with bounds and help, from which sliders, command-line settings and the report are generated.

    @register
    class MyAttack(Attack): ...
"""

from __future__ import annotations

import dataclasses
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from mia_viz.frequency import NONE, Filter
from mia_viz.probe import Probe
from mia_viz.targets.target import Target


@dataclass(frozen=True)
class Evidence:
    """Pairs that should agree if the image was trained on.

    observed, expected: (N, K, C, H, W) for N images and K timesteps, tasks or draws. labels: what each of the K is.
    timesteps: the level of each pair. space: "noise", "state" (x_t), "picture" (pictures in [-1, 1]), "latent" (clean
    latents, not decoded) or "mixed". mask: where the pair is compared, (N, K, 1, H, W) of 0 and 1, or None for
    everywhere. numbers: (N, L) of what is no picture, such as gradient norms per layer, or None. decoded: what is
    compared as pictures beside latents, two tensors (N, *picture_shape) like (observed, expected), or None.
    """

    observed: Tensor
    expected: Tensor
    labels: tuple[str, ...]
    timesteps: tuple[int, ...]
    space: str
    mask: Tensor | None = None
    numbers: Tensor | None = None
    decoded: tuple[Tensor, Tensor] | None = None

    @property
    def residual(self) -> Tensor:
        """observed - expected, (N, K, C, H, W)."""
        return self.observed - self.expected

    def cpu(self) -> Evidence:
        """The same evidence off the accelerator, so that it outlives the target."""
        tensors = {name: getattr(self, name) for name in ("observed", "expected", "mask", "numbers")}
        decoded = None if self.decoded is None else tuple(part.cpu() for part in self.decoded)
        moved = {name: t if t is None else t.cpu() for name, t in tensors.items()}
        return dataclasses.replace(self, **moved, decoded=decoded)


def parameter(
    default: Any,
    help: str,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field of an attack's Params with its bounds (inclusive), help text and, for words, choices."""
    return field(default=default, metadata={"help": help, "low": low, "high": high, "step": step, "choices": choices})


@dataclass(frozen=True)
class Params:
    """Base of every attack's parameters; checks bounds and reads text settings."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            check(item, getattr(self, item.name))

    def with_settings(self, settings: dict[str, str]) -> Params:
        """A copy with "name=value" texts applied. Raises ValueError with a sentence for a bad name or value."""
        known = {item.name: item for item in dataclasses.fields(self)}
        for name in settings:
            if name not in known:
                raise ValueError(f'There is no parameter "{name}"; there are {", ".join(known) or "none"}.')
        return dataclasses.replace(self, **{n: convert(known[n], text) for n, text in settings.items()})

    def as_dict(self) -> dict[str, Any]:
        """Plain values by name, for JSON."""
        return dataclasses.asdict(self)


def convert(item: dataclasses.Field, text: str) -> Any:
    """The value a text stands for, of the type of the parameter's default."""
    kind = type(item.default)
    try:
        if kind is bool:
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError):
        wanted = {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text")
        raise ValueError(f'{item.name} needs {wanted}, not "{text}".') from None


def check(item: dataclasses.Field, value: Any) -> None:
    """Raise ValueError with a sentence when a value lies outside its parameter's bounds or choices."""
    low, high, choices = (item.metadata.get(key) for key in ("low", "high", "choices"))
    if choices and value not in choices:
        raise ValueError(f"{item.name} must be one of {', '.join(choices)}, not {value}.")
    if low is not None and not low <= value <= high:  # also refuses NaN
        raise ValueError(f"{item.name} must lie between {low:g} and {high:g}, not {value}.")


class Attack(ABC):
    """One membership inference method.

    Class attributes:
        name: identifier. title: for people. paper, url: the source. idea: one plain sentence. member_is: "lower" or
        "higher", the published orientation of the statistic. access: "grey-box" (predicted noise), "black-box" or
        "white-box" (gradients). assumes: what else it needs, in words. suits: which targets, in words. needs_caption:
        whether it says nothing about a picture without one. restores: whether its evidence are restored pictures,
        each with a likeness. Params: its parameters.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]
    url: ClassVar[str]
    idea: ClassVar[str]
    member_is: ClassVar[str]
    access: ClassVar[str] = "grey-box"
    assumes: ClassVar[str] = "the predicted noise of the network"
    suits: ClassVar[str] = "any diffusion model"
    needs_caption: ClassVar[bool] = False
    restores: ClassVar[bool] = False
    Params: ClassVar[type[Params]] = Params

    @abstractmethod
    def evaluations(self, params: Any) -> int:
        """Denoiser evaluations (NFE) per image when nothing is shared."""

    @abstractmethod
    def collect(self, probe: Probe, params: Any) -> Evidence:
        """Ask the target what this attack needs to know about the probe's images."""

    @abstractmethod
    def statistic(self, evidence: Evidence, params: Any, chosen: Filter = NONE) -> Tensor:
        """The published statistic per image, (N,) float64, in its published sign and scale."""

    def likeness(self, evidence: Evidence, params: Any, chosen: Filter = NONE) -> Tensor:
        """How alike every restoration is to the truth, (N, K) float64; only where `restores`."""
        raise NotImplementedError(f"{self.name} restores nothing.")

    def score(self, raw: Tensor) -> Tensor:
        """The statistic oriented so that larger = more member-like."""
        return -raw if self.member_is == "lower" else raw

    def unusable(self, target: Target) -> str:
        """Why this attack cannot be used on a target, in one sentence; empty when it can."""
        return ""

    def deepest(self, params: Any) -> int:
        """The highest noise level that is used: t, unless an attack goes on from there."""
        return getattr(params, "t", 0)

    def matched(self, params: Any, level: Callable[[int], int]) -> Any:
        """These parameters for a model of another number of levels, at the same cost or less.

        level: from a level of the usual schedule to the equally noisy one of the model. Distances between levels
        follow, so that the same stretch of noise is walked. Raises ValueError where there are too few levels.
        """
        return bounded(params, t=level(params.t)) if hasattr(params, "t") else params


def bounded(params: Params, **values: int) -> Params:
    """A copy with other values, brought within their parameters' bounds; raises ValueError if they do not go together.

    Bounds are those of a thousand levels, so a model of more is asked no deeper than they allow.
    """
    bounds = {item.name: (item.metadata["low"], item.metadata["high"]) for item in dataclasses.fields(params)}
    return dataclasses.replace(
        params, **{name: min(max(v, bounds[name][0]), bounds[name][1]) for name, v in values.items()}
    )


def refusal(attack: Attack, target: Target, captions: Sequence[str], params: Params | None = None) -> str:
    """Why an attack says nothing about pictures with these captions on a target, in one sentence; or empty.

    params: what it would be asked with; where None, everything but its noise levels is checked.
    """
    if attack.needs_caption and target.takes == "caption" and not all(text.strip() for text in captions):
        return "This attack compares captions, so every picture needs one; give it with --caption or --captions."
    deepest, last = 0 if params is None else attack.deepest(params), target.schedule.steps - 1
    if deepest > last:
        return f"It asks about noise level {deepest}, and this model's levels end at {last}."
    return attack.unusable(target)


_REGISTRY: dict[str, Attack] = {}


def register(kind: type[Attack]) -> type[Attack]:
    """Class decorator: make an attack known under its name; defining the same class again replaces it.

    Raises ValueError where something that every attack states is missing or wrong, or another has its name.
    """
    missing = [what for what in ("name", "title", "paper", "url", "idea", "member_is") if not hasattr(kind, what)]
    if missing:
        raise ValueError(f"{kind.__name__} does not state its {', '.join(missing)}.")
    if not re.fullmatch("[a-z][a-z0-9_]*", kind.name):
        raise ValueError(f'An attack is named in small letters, digits and underscores, not "{kind.name}".')
    if kind.member_is not in ("lower", "higher"):
        raise ValueError(f'The scores of members are "lower" or "higher", not "{kind.member_is}".')
    there = type(_REGISTRY.get(kind.name, kind()))
    if (there.__module__, there.__qualname__) != (kind.__module__, kind.__qualname__):
        raise ValueError(f'There is an attack called "{kind.name}" already; choose another name.')
    _REGISTRY[kind.name] = kind()
    return kind


def get(name: str) -> Attack:
    """The attack of a name. Raises ValueError listing the names there are."""
    if name not in _REGISTRY:
        raise ValueError(f'There is no attack called "{name}"; there are {", ".join(names())}.')
    return _REGISTRY[name]


def names() -> list[str]:
    """Names of all registered attacks, in order of registration."""
    return list(_REGISTRY)


def clean_space(target: Target) -> str:
    """What evidence about clean x_0 shows, in the words of Evidence.space."""
    return "latent" if target.space == "latent" else "picture"


def decoded(target: Target, x_0: Tensor) -> Tensor:
    """x_0 (N, K, C, H, W) as pictures (N, K, *picture_shape), N at a time; itself for a pixel target."""
    if target.space == "pixel":
        return x_0
    return stack([target.decode(x_0[:, k]) for k in range(x_0.shape[1])])


def stack(tensors: list[Tensor]) -> Tensor:
    """K tensors (N, C, H, W) as (N, K, C, H, W)."""
    return torch.stack(tensors, dim=1)
