"""The description of a MONAI network: its constructor's arguments, its scheduler's, and what pictures it knows.

Read from JSON only. A section is a set of named values whose `_target_` names DiffusionModelUNet, DDPMScheduler or
DDIMScheduler; nothing else of a bundle is looked at. Expressions ("$...") are never evaluated and no class is looked up
by its name. "@name" is followed only to a plain value at the top of the same file. Free of torch and of MONAI.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mia_viz.targets.errors import TargetError

NETWORK = "DiffusionModelUNet"
SCHEDULERS = ("DDPMScheduler", "DDIMScheduler")
OTHER_SCHEDULERS = ("PNDMScheduler", "RFlowScheduler", "RectifiedFlowScheduler")
COMPRESSORS = ("AutoencoderKL", "VQVAE", "VQGAN", "LatentDiffusionInferer", "AutoencoderKlMaisi")
NETWORK_KEYS, SCHEDULER_KEYS = ("network", "network_def"), ("scheduler", "noise_scheduler")
OLD_NAMES = {"num_channels": "channels", "beta_schedule": "schedule", "schedule_beta": "schedule"}
"""Names of MONAI's generative package, before it became part of MONAI."""
NETWORK_ARGUMENTS = {"spatial_dims", "in_channels", "out_channels", "num_res_blocks", "channels", "attention_levels"}
NETWORK_ARGUMENTS |= {"norm_num_groups", "norm_eps", "resblock_updown", "num_head_channels", "num_class_embeds"}
NETWORK_ARGUMENTS |= {"with_conditioning", "transformer_num_layers", "cross_attention_dim", "upcast_attention"}
NETWORK_ARGUMENTS |= {"dropout_cattn", "include_fc", "use_combined_linear", "use_flash_attention"}
SCHEDULES = {"linear_beta": ("beta_start", "beta_end"), "scaled_linear_beta": ("beta_start", "beta_end")}
SCHEDULES |= {"sigmoid_beta": ("beta_start", "beta_end", "sig_range"), "cosine": ("s",)}
"""Noise schedules and the arguments of each."""
SAMPLING = {"variance_type", "clip_sample", "clip_sample_min", "clip_sample_max", "set_alpha_to_one", "steps_offset"}
"""Arguments of the schedulers that only matter when pictures are drawn."""
PREDICTIONS = ("epsilon", "sample", "v_prediction")
MAX_SIDE, MAX_CHANNELS, MAX_BLOCKS, MAX_LEVELS, MAX_STEPS, MAX_CLASSES = 1024, 8192, 16, 10, 100_000, 1_000_000


@dataclass(frozen=True)
class Description:
    """Everything a target needs beside the weights.

    network: arguments of DiffusionModelUNet. scheduler: those of MONAI's Scheduler (steps, schedule, its arguments).
    sides: (H, W). value_range: what pictures were scaled to in training. assumed: sentences about what is not stated.
    """

    network: dict[str, Any]
    scheduler: dict[str, Any]
    prediction: str
    sides: tuple[int, int]
    value_range: tuple[float, float]
    assumed: tuple[str, ...]


def describe(config: dict, metadata: dict, file: Path) -> Description:
    """The description in a configuration `file` and, in bundles, metadata.json. Raises TargetError."""
    refuse_latent(config)
    network = checked_network(section(config, (NETWORK,), NETWORK_KEYS, "network", file))
    scheduler = section(config, (*SCHEDULERS, *OTHER_SCHEDULERS), SCHEDULER_KEYS, "scheduler", file)
    schedule, prediction, assumed = checked_scheduler(scheduler)
    pictures = stated_pictures(metadata)
    sides = checked_sides(config.get("image_size", pictures.get("spatial_shape")), len(network["channels"]), file)
    stated = config.get("value_range", pictures.get("value_range"))
    if not stated:  # an empty list is how a bundle says that it does not know
        assumed += ("Pictures were scaled to the range -1 to 1 in training; value_range would say otherwise.",)
    if network["out_channels"] == 2 * network["in_channels"]:
        assumed += ("The second half of the network's channels is a variance, which is left out.",)
    return Description(network, schedule, prediction, sides, checked_range(stated or [-1, 1]), assumed)


def names_network(config: dict) -> bool:
    """Whether a configuration describes a DiffusionModelUNet at its top."""
    bare = (config.get(key) for key in NETWORK_KEYS)
    return any(class_of(value) == NETWORK for value in config.values()) or any(
        isinstance(value, dict) and not class_of(value) and "spatial_dims" in value for value in bare
    )


def class_of(value: object) -> str | None:
    """The last part of a section's `_target_`, None where there is none."""
    target = value.get("_target_") if isinstance(value, dict) else None
    return target.rpartition(".")[2] if isinstance(target, str) else None


def section(config: dict, classes: tuple[str, ...], keys: tuple[str, ...], what: str, file: Path) -> dict | None:
    """The plain arguments of the one section of these classes, or under these keys; None for a scheduler not described.

    Raises TargetError for a network not described, for several that differ, and for expressions.
    """
    found = [value for value in config.values() if class_of(value) in classes]
    found = found or [config[key] for key in keys if isinstance(config.get(key), dict) and not class_of(config[key])]
    plain = [resolved(value, config, what) for value in found]
    if any(other != plain[0] for other in plain[1:]):
        raise TargetError(f"{file.name} describes more than one {what}; leave the one that was trained.")
    if not plain and what == "network":
        raise TargetError(f"{file.name} describes no {NETWORK} of MONAI at its top; other networks are not supported.")
    return plain[0] if plain else None


def resolved(values: dict, config: dict, what: str) -> dict[str, Any]:
    """Arguments without the configuration's own marks, references followed. Raises TargetError for expressions."""
    plain = {}
    for key, value in values.items():
        if key.startswith("_") and key != "_target_":
            continue
        if isinstance(value, str) and value.startswith("@"):
            value = config.get(value[1:], value)
        entries = value if isinstance(value, list) else [value]
        if any(isinstance(entry, str) and entry[:1] in "$@%" and entry for entry in entries):
            raise TargetError(
                f"The description of the {what} gives {key[:40]} as an expression, which is never evaluated; write its "
                "value instead."
            )
        plain[OLD_NAMES.get(key, key)] = value
    return plain


def refuse_latent(config: dict) -> None:
    """Raise TargetError for bundles whose network works on what an autoencoder makes of pictures."""
    if any(class_of(value) in COMPRESSORS for value in config.values()):
        raise TargetError(
            "This MONAI bundle works on a compressed form of the picture (an autoencoder's latents); of MONAI only "
            "models that work on the pixels are supported."
        )


def checked_network(given: dict) -> dict[str, Any]:
    """Arguments of a network of 2-D pictures, of sensible sizes. Raises TargetError."""
    arguments = {key: value for key, value in given.items() if key != "_target_"}
    if unknown := sorted(set(arguments) - NETWORK_ARGUMENTS):
        raise TargetError(f"The description of the network has an unknown entry, {unknown[0][:40]}.")
    if arguments.get("spatial_dims") != 2:
        raise TargetError("This network does not work on 2-D pictures; volumes (3-D) are not supported.")
    if arguments.get("with_conditioning") or arguments.get("cross_attention_dim") is not None:
        raise TargetError("This network is told a context beside the picture, which MIA-Viz cannot give it.")
    arguments.setdefault("channels", [32, 64, 64, 64])
    arguments.setdefault("attention_levels", [False, False, True, True])
    channels, outputs = arguments.get("in_channels"), arguments.get("out_channels")
    if channels not in (1, 3) or outputs not in (channels, 2 * channels):
        raise TargetError(
            "Only models of grey or RGB pictures that predict one value per pixel and channel are supported."
        )
    widths, blocks = arguments["channels"], arguments.get("num_res_blocks", 2)
    heads, classes = arguments.get("num_head_channels", 8), arguments.get("num_class_embeds")
    sensible = (
        whole(widths, MAX_CHANNELS, many=True)
        and whole(blocks, MAX_BLOCKS, many=isinstance(blocks, list))
        and whole(heads, MAX_CHANNELS, many=isinstance(heads, list))
        and whole(arguments.get("norm_num_groups", 32), MAX_CHANNELS)
        and (classes is None or whole(classes, MAX_CLASSES))
        and all(_switch(arguments[key]) for key in arguments if key.startswith(("use_", "include_", "upcast", "resb")))
        and _levels(arguments["attention_levels"])
        and all(_number(arguments.get(key, 0.5), 0, 1) for key in ("norm_eps", "dropout_cattn"))
        and whole(arguments.get("transformer_num_layers", 1), MAX_BLOCKS)
    )
    if not sensible:
        raise TargetError("The description of the network holds values that are missing, of no use or absurdly large.")
    return arguments


def whole(value: object, most: int, many: bool = False) -> bool:
    """Whether a value is a whole number from 1 to `most`, or a list of one to MAX_LEVELS such numbers."""
    if many:
        return isinstance(value, list) and 1 <= len(value) <= MAX_LEVELS and all(whole(entry, most) for entry in value)
    return type(value) is int and 1 <= value <= most


def _levels(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MAX_LEVELS and all(_switch(entry) for entry in value)


def _switch(value: object) -> bool:
    return type(value) is bool


def _number(value: object, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most


def checked_scheduler(given: dict | None) -> tuple[dict[str, Any], str, tuple[str, ...]]:
    """(arguments of MONAI's Scheduler, what is predicted, what was not stated). Raises TargetError."""
    assumed: tuple[str, ...] = () if given else ("No scheduler is described; MONAI's DDPMScheduler was assumed.",)
    given = dict(given or {})
    if str(given.pop("_target_", "")).rpartition(".")[2] in OTHER_SCHEDULERS:
        raise TargetError("Of MONAI's schedulers only DDPMScheduler and DDIMScheduler are supported.")
    prediction, steps = given.pop("prediction_type", None), given.pop("num_train_timesteps", None)
    name = given.pop("schedule", None)
    if prediction is None:
        assumed += ("What the network predicts is not stated; the noise was assumed, as in MONAI.",)
    if steps is None:
        assumed += ("The number of noise levels is not stated; 1000 were assumed, as in MONAI.",)
    if name is None:
        assumed += ("The noise schedule is not stated; a linear one was assumed, as in MONAI.",)
    prediction, steps, name = prediction or "epsilon", 1000 if steps is None else steps, name or "linear_beta"
    if prediction not in PREDICTIONS:
        raise TargetError("The scheduler states a kind of prediction that MIA-Viz does not know.")
    if not whole(steps, MAX_STEPS):
        raise TargetError(f"The noise schedule states no usable number of steps (1 to {MAX_STEPS} are supported).")
    name = f"{name}_beta" if f"{name}_beta" in SCHEDULES else name
    if not isinstance(name, str) or name not in SCHEDULES:
        raise TargetError("The noise schedule is none of linear_beta, scaled_linear_beta, sigmoid_beta and cosine.")
    others = {key: value for key, value in given.items() if key not in SAMPLING}
    if set(others) - set(SCHEDULES[name]) or not all(_number(value, 0, 100) for value in others.values()):
        raise TargetError("The noise schedule has entries that are unknown or no sensible numbers.")
    return {"num_train_timesteps": steps, "schedule": name, **others}, prediction, assumed


def stated_pictures(metadata: dict) -> dict[str, Any]:
    """What a bundle's metadata.json says of the one 2-D picture the network takes; empty where it is not plain."""
    try:
        inputs = metadata["network_data_format"]["inputs"].values()
        found = [entry for entry in inputs if whole(entry.get("spatial_shape"), MAX_SIDE, many=True)]
    except (LookupError, AttributeError, TypeError):
        return {}
    found = [entry for entry in found if len(entry["spatial_shape"]) == 2]
    return found[0] if len(found) == 1 else {}


def checked_sides(stated: object, levels: int, file: Path) -> tuple[int, int]:
    """(H, W) of the pictures. Raises TargetError where they are not stated or cannot pass the network."""
    if stated is None:
        raise TargetError(f'The picture size is not stated; add "image_size": [height, width] to {file.name}.')
    sides = [stated, stated] if type(stated) is int else stated
    if not whole(sides, MAX_SIDE, many=True) or len(sides) != 2 or any(side % 2 ** (levels - 1) for side in sides):
        raise TargetError(f"The picture size is of no use to a network of {levels} levels, or above {MAX_SIDE} pixels.")
    return sides[0], sides[1]


def checked_range(stated: object) -> tuple[float, float]:
    """The two ends of what pictures are scaled to. Raises TargetError."""
    plain = isinstance(stated, list) and len(stated) == 2 and all(_number(end, -1e6, 1e6) for end in stated)
    if not plain or not stated[0] < stated[1] or not math.isfinite(sum(stated)):
        raise TargetError("The range that pictures were scaled to (value_range) is no pair of rising numbers.")
    return float(stated[0]), float(stated[1])
