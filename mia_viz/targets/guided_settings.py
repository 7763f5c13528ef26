"""What the tensors of a guided-diffusion checkpoint cannot tell: heads, schedule, picture size, timestep scaling.

They come from a JSON file of the checkpoint's own name beside it, under the names of the published flags; else from the
published model of the same shape; else from the published code's defaults. What was not stated is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from mia_viz.diffusion import Schedule
from mia_viz.targets.guided_network import BLOCK, CONVOLUTION, Architecture, Heads
from mia_viz.targets.pixel import MAX_SIDE, MAX_STEPS, read_json
from mia_viz.targets.target import TargetError

SIDES = {
    (1, 2, 2, 2): 32,
    (1, 2, 3, 4): 64,
    (1, 1, 2, 3, 4): 128,
    (1, 1, 2, 2, 4, 4): 256,
    (0.5, 1, 1, 2, 2, 4, 4): 512,
}
"""Pixels per side for which the published code chooses these widths, as multiples of the base."""
LINEAR_ENDS = (1e-4, 0.02)
"""First and last beta of 1000 linear levels; both grow as the number of levels falls."""
COSINE_OFFSET, LARGEST_BETA = 0.008, 0.999


@dataclass(frozen=True)
class Settings:
    """The flags that matter, by their public names and with the published code's defaults; None where a choice is due.

    image_size: pixels per side. num_head_channels, num_heads_upsample: -1 where num_heads says it.
    """

    image_size: int | None = None
    num_heads: int = 4
    num_heads_upsample: int = -1
    num_head_channels: int = -1
    use_new_attention_order: bool = False
    noise_schedule: str = "linear"
    diffusion_steps: int = 1000
    rescale_timesteps: bool | None = None
    predict_xstart: bool = False

    @property
    def heads(self) -> Heads:
        up = self.num_heads if self.num_heads_upsample == -1 else self.num_heads_upsample
        channels = None if self.num_head_channels == -1 else self.num_head_channels
        return Heads(self.num_heads, up, channels, self.use_new_attention_order)

    @property
    def timestep_scale(self) -> float:
        """What levels are multiplied with before the network hears them."""
        return 1000 / self.diffusion_steps if self.rescale_timesteps else 1.0

    @property
    def schedule(self) -> Schedule:
        """The gains of all levels, in float64. Raises TargetError."""
        betas = cosine(self.diffusion_steps) if self.noise_schedule == "cosine" else linear(self.diffusion_steps)
        return Schedule.from_alphas_cumprod(torch.cumprod(1 - betas, dim=0))


_IMPROVED = Settings(noise_schedule="cosine", diffusion_steps=4000, rescale_timesteps=True)
_GUIDED = Settings(num_head_channels=64, rescale_timesteps=False)
PUBLISHED = {
    (192, 64, 3, True, BLOCK, True): (
        "guided-diffusion of ImageNet at 64 pixels",
        replace(_GUIDED, use_new_attention_order=True, noise_schedule="cosine"),
    ),
    (256, 128, 2, True, BLOCK, True): (
        "guided-diffusion of ImageNet at 128 pixels",
        replace(_GUIDED, num_head_channels=-1),
    ),
    (256, 256, 2, True, BLOCK, True): ("guided-diffusion of ImageNet at 256 pixels", _GUIDED),
    (256, 256, 2, False, BLOCK, True): ("guided-diffusion at 256 pixels without classes", _GUIDED),
    (256, 512, 2, True, BLOCK, True): ("guided-diffusion of ImageNet at 512 pixels", _GUIDED),
    (128, 64, 3, False, CONVOLUTION, True): ("improved-diffusion of ImageNet at 64 pixels", _IMPROVED),
    (128, 32, 3, False, CONVOLUTION, True): ("improved-diffusion of CIFAR-10", _IMPROVED),
    (192, 64, 3, True, CONVOLUTION, True): (
        "improved-diffusion of ImageNet at 64 pixels with classes",
        replace(_IMPROVED, rescale_timesteps=False),
    ),
    (128, 256, 2, False, CONVOLUTION, False): (
        "improved-diffusion of LSUN bedrooms",
        Settings(num_heads=1, rescale_timesteps=False),
    ),
}
"""(base, pixels per side, residual blocks, classes, resampling, scale and shift) of the published RGB models with a
learned variance: their names and flags, from the READMEs of openai/guided-diffusion and openai/improved-diffusion."""
KINDS: dict[str, type] = dict.fromkeys(("image_size", "num_heads", "num_heads_upsample", "num_head_channels"), int)
KINDS |= {"diffusion_steps": int, "noise_schedule": str}
KINDS |= dict.fromkeys(("use_new_attention_order", "rescale_timesteps", "predict_xstart"), bool)


def linear(steps: int) -> Tensor:
    """Betas (T,) of the linear schedule, scaled so that T levels add as much noise as 1000. Raises TargetError."""
    first, last = (end * 1000 / steps for end in LINEAR_ENDS)
    if last >= 1:
        raise TargetError(f"A linear noise schedule of {steps} levels is not possible; it needs more than 20.")
    return torch.linspace(first, last, steps, dtype=torch.float64)


def cosine(steps: int) -> Tensor:
    """Betas (T,) of the cosine schedule (Nichol & Dhariwal 2021, eq. 17), at most LARGEST_BETA."""
    times = torch.arange(steps + 1, dtype=torch.float64) / steps
    signal = ((times + COSINE_OFFSET) / (1 + COSINE_OFFSET) * torch.pi / 2).cos().square()
    return (1 - signal[1:] / signal[:-1]).clamp(max=LARGEST_BETA)


def read_settings(file: Path, found: Architecture) -> tuple[Settings, tuple[str, ...]]:
    """(the settings of a checkpoint with its JSON at `file`, if there, sentences about what was not stated).

    Raises TargetError for values that make no sense, contradict the tensors, or are missing and cannot be guessed.
    """
    flags = read_json(file, "settings") if file.is_file() else {}
    refuse_contradictions(flags, found)
    stated = {name: _value(name, flags[name], kind) for name, kind in KINDS.items() if flags.get(name) is not None}
    multiples = tuple(width / found.base for width in found.widths)
    side = stated.get("image_size", SIDES.get(multiples))
    key = (found.base, side, found.res_blocks, bool(found.classes), found.resampling, found.scale_shift)
    published = (found.channels, found.outputs) == (3, 6) and SIDES.get(multiples) == side and PUBLISHED.get(key)
    source, defaults = published or ("", Settings())
    if side is None:
        raise TargetError(
            f'The picture size is not stated; put {file.name} beside the file, such as {{"image_size": 64}}.'
        )
    settings = replace(defaults, **(stated | {"image_size": side}))
    settings = refuse_impossible(settings, found)
    return settings, assumptions(settings, set(stated), source)


def _value(name: str, value: object, kind: type) -> int | str | bool:
    if type(value) is not kind:
        words = {int: "a whole number", str: "a word", bool: "true or false"}
        raise TargetError(f"The settings beside the checkpoint give {name} as something else than {words[kind]}.")
    return value


def refuse_contradictions(flags: dict, found: Architecture) -> None:
    """Raise TargetError where a flag that the tensors can tell says something else."""
    multiples = ",".join(f"{width / found.base:g}" for width in found.widths)
    told = {
        "num_channels": found.base,
        "num_res_blocks": found.res_blocks,
        "class_cond": bool(found.classes),
        "learn_sigma": found.outputs == 2 * found.channels,
        "use_scale_shift_norm": found.scale_shift,
        "resblock_updown": found.resampling == BLOCK,
        "channel_mult": multiples,
    }
    side = flags.get("image_size")
    if isinstance(side, int):
        told["attention_resolutions"] = {side >> level for level in found.attention}
    for name, value in told.items():
        stated = flags.get(name)
        if name == "attention_resolutions" and isinstance(stated, str):
            stated = {int(r) for r in stated.split(",") if r.strip().isdecimal() and len(r) < 8} & {
                side >> level for level in range(len(found.widths))
            }
        if name == "channel_mult" and isinstance(stated, str):
            stated = stated.replace(" ", "")
        if stated not in (None, "", value):
            raise TargetError(f"The settings beside the checkpoint give another {name} than its tensors.")


def refuse_impossible(settings: Settings, found: Architecture) -> Settings:
    """The settings with their last choice made. Raises TargetError for those that no network could have."""
    side, steps = settings.image_size, settings.diffusion_steps
    if not 1 <= side <= MAX_SIDE or side % 2 ** (len(found.widths) - 1):
        raise TargetError(f"Pictures of {side} pixels cannot pass a network of {len(found.widths)} levels.")
    if not 1 <= steps <= MAX_STEPS:
        raise TargetError(f"The noise schedule states no usable number of steps (1 to {MAX_STEPS} are supported).")
    if settings.noise_schedule not in ("linear", "cosine"):
        raise TargetError("The noise schedule beside the checkpoint is neither linear nor cosine.")
    if settings.rescale_timesteps is None:
        if steps != 1000:
            raise TargetError(
                "Where there are not 1000 noise levels, rescale_timesteps must be stated beside the checkpoint: "
                "the published codes differ in it."
            )
        return replace(settings, rescale_timesteps=False)  # the same for 1000 levels
    return settings


def assumptions(settings: Settings, stated: set[str], source: str) -> tuple[str, ...]:
    """Sentences about everything that was taken from `source`, a published model, or from the code's defaults."""
    as_in = f"as in the published model of this shape ({source})" if source else "as the published code does by default"
    side, steps, said = settings.image_size, settings.diffusion_steps, []
    if "image_size" not in stated:
        said.append(f"The picture size is not stated; {side} x {side} pixels were assumed from the widths.")
    if not stated & {"num_heads", "num_head_channels"}:
        each = settings.num_head_channels
        heads = f"{settings.num_heads} heads" if each == -1 else f"heads of {each} channels"
        said.append(f"The attention heads are not stated; {heads} were assumed, {as_in}.")
    if "use_new_attention_order" not in stated:
        order = "new" if settings.use_new_attention_order else "older"
        said.append(f"The order of the attention's channels is not stated; the {order} one was assumed, {as_in}.")
    if not {"noise_schedule", "diffusion_steps"} <= stated:
        kind = settings.noise_schedule
        said.append(f"The noise schedule is not fully stated; a {kind} one of {steps} levels was assumed, {as_in}.")
    if "rescale_timesteps" not in stated and steps != 1000:
        how = "rescaled to 1000" if settings.rescale_timesteps else "as they are"
        said.append(f"How the network is told its {steps} levels is not stated; {how} was assumed, {as_in}.")
    if "predict_xstart" not in stated:
        said.append("What the network predicts is not stated; the noise was assumed.")
    return tuple(said)
