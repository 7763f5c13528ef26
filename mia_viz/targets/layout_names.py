"""From the tensors of the research layout to a UNet2DModel: architecture, names, time embedding.

The layout is the pytorch-ddpm UNet (Ho et al. 2020, arXiv 2006.11239, appendix B). Blocks are numbered
through all levels: n ResBlocks and a downsampler per level on the way down, n + 1 ResBlocks and an upsampler
on the way up, no sampler at the last. diffusers counts levels, then blocks inside them: names translate by
arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers import UNet2DModel
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor

TABLE = "time_embedding.timembedding.0.weight"
"""The stored sinusoids of every timestep, (T, ch); the one name that gives the layout away."""
TABLE_TOLERANCE = 1e-4
GROUPS = 32
MAX_BLOCKS = 200
FIXED = {
    "conv_in": "head",
    "time_embedding.linear_1": "time_embedding.timembedding.1",
    "time_embedding.linear_2": "time_embedding.timembedding.3",
    "conv_norm_out": "tail.0",
    "conv_out": "tail.2",
}
INSIDE_RESNET = {
    "norm1": "block1.0",
    "conv1": "block1.2",
    "time_emb_proj": "temb_proj.1",
    "norm2": "block2.0",
    "conv2": "block2.3",
    "conv_shortcut": "shortcut",
}
INSIDE_ATTENTION = {
    "group_norm": "attn.group_norm",
    "to_q": "attn.proj_q",
    "to_k": "attn.proj_k",
    "to_v": "attn.proj_v",
    "to_out.0": "attn.proj",
}
BLOCK = re.compile(r"(?:(down|up)_blocks\.(\d+)|mid_block)\.(resnets|attentions|\w+samplers)\.(\d+)\.(.+)")


class LayoutError(ValueError):
    """A checkpoint cannot be opened; the message is one sentence for a person."""


@dataclass(frozen=True)
class Architecture:
    """What the shapes tell.

    steps: T. widths: channels of each level, the first being `ch`. res_blocks: per level, on the way down.
    attention: the levels that have it, ascending. channels: C of the pictures. outputs: C, or 2C where a
    variance is predicted too.
    """

    steps: int
    widths: tuple[int, ...]
    res_blocks: int
    attention: tuple[int, ...]
    channels: int
    outputs: int


def shape_of(state: Mapping[str, Tensor], name: str, axes: int) -> torch.Size:
    """Shape of one tensor. Raises LayoutError where it is missing or has another number of axes."""
    if name not in state:
        raise LayoutError(f"The checkpoint is incomplete: it lacks the tensor {name}.")
    if state[name].ndim != axes:
        raise LayoutError(f"The tensor {name} has {state[name].ndim} axes where {axes} were expected.")
    return state[name].shape


def read_architecture(state: Mapping[str, Tensor]) -> Architecture:
    """The architecture behind a state dict, from its names and shapes alone.

    Only the tensors that decide it are looked at; `build_unet` compares all of them. Raises LayoutError where
    they are missing or describe a network that UNet2DModel cannot hold.
    """
    steps, ch = shape_of(state, TABLE, 2)
    found = [m for name in state if (m := re.match(r"downblocks\.([0-9]{1,4})\.(main\.weight)?", name))]
    samplers = sorted(int(m[1]) for m in found if m[2])
    res_blocks = samplers[0] if samplers else 1 + max((int(m[1]) for m in found), default=-1)
    if not 0 < res_blocks * (len(samplers) + 1) <= MAX_BLOCKS:
        raise LayoutError(f"The network has no residual blocks, or more than {MAX_BLOCKS} on the way down.")
    firsts = [f"downblocks.{level * (res_blocks + 1)}" for level in range(len(samplers) + 1)]
    widths = tuple(shape_of(state, f"{first}.block1.2.weight", 4)[0] for first in firsts)
    attention = tuple(level for level, first in enumerate(firsts) if f"{first}.attn.proj.weight" in state)
    channels = shape_of(state, "head.weight", 4)[1]
    outputs = shape_of(state, "tail.2.weight", 4)[0]
    if steps == 0 or ch == 0 or ch % GROUPS:
        raise LayoutError(f"A time table of shape {(steps, ch)} fits no network with {GROUPS} groups.")
    if widths[0] != ch or any(width == 0 or width % ch for width in widths):
        raise LayoutError(f"The level widths {widths} do not start at ch = {ch} and stay multiples of it.")
    if channels not in (1, 3):
        raise LayoutError(f"The network takes pictures of {channels} channels; only grey and RGB are known.")
    if outputs not in (channels, 2 * channels):
        raise LayoutError(f"The network has {outputs} outputs for pictures of {channels} channels.")
    return Architecture(steps, widths, res_blocks, attention, channels, outputs)


def empty_unet(architecture: Architecture, image_size: int) -> UNet2DModel:
    """The UNet2DModel of an architecture without memory for its weights (on the meta device)."""
    levels = range(len(architecture.widths))
    kinds = ["Attn" if level in architecture.attention else "" for level in levels]
    with torch.device("meta"):
        return UNet2DModel(
            sample_size=image_size,
            in_channels=architecture.channels,
            out_channels=architecture.channels,
            freq_shift=0,
            flip_sin_to_cos=False,
            down_block_types=tuple(f"{kind}DownBlock2D" for kind in kinds),
            up_block_types=tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
            block_out_channels=architecture.widths,
            layers_per_block=architecture.res_blocks,
            downsample_padding=1,
            attention_head_dim=None,
            norm_num_groups=GROUPS,
            norm_eps=1e-5,
        )


def research_name(name: str, res_blocks: int) -> str:
    """The layout's name of a UNet2DModel parameter, for a network of that many ResBlocks per level."""
    module, _, kind = name.rpartition(".")
    if module in FIXED:
        return f"{FIXED[module]}.{kind}"
    way, level, part, place, inside = BLOCK.fullmatch(module).groups()
    if part == "attentions":
        # The middle has two ResBlocks and one attention, inside the first, so places agree there too.
        inside = INSIDE_ATTENTION[inside]
    elif part == "resnets":
        inside = INSIDE_RESNET[inside]
    else:
        inside, place = "main", res_blocks + (way == "up")
    if way is None:
        return f"middleblocks.{place}.{inside}.{kind}"
    per_level = res_blocks + 1 + (way == "up")
    return f"{way}blocks.{int(level) * per_level + int(place)}.{inside}.{kind}"


def is_projection(name: str) -> bool:
    """Whether a UNet2DModel parameter is an attention projection, a 1x1 convolution in the layout."""
    return bool(re.search(r"\.attentions\.\d+\.to_\w+(\.0)?\.weight$", name))


def check_table(table: Tensor) -> None:
    """Raise LayoutError unless the table (T, ch) alternates sin(t w_k), cos(t w_k), w_k = 10000^(-2k/ch)."""
    steps, ch = table.shape
    sines, cosines = get_timestep_embedding(torch.arange(steps), ch, downscale_freq_shift=0).chunk(2, dim=1)
    # float32 angles are good to about 6e-8 of t, so a longer table may differ by more in its last rows.
    tolerance = TABLE_TOLERANCE * max(1.0, steps / 1000)
    usual = torch.stack((sines, cosines), dim=2).flatten(1)
    if not torch.allclose(table.float(), usual, rtol=0, atol=tolerance):
        raise LayoutError("The time table is not the usual interleaved sinusoid: timesteps would be misread.")


def check_shapes(state: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Raise LayoutError unless the names and shapes are exactly the wanted ones."""
    missing = sorted(wanted.keys() - state.keys())
    if missing:
        raise LayoutError(f"The checkpoint is incomplete: {len(missing)} missing tensors, first {missing[0]}.")
    extra = sorted(state.keys() - wanted.keys())
    if extra:
        raise LayoutError(f"The checkpoint holds {len(extra)} unknown tensors, first {extra[0]}.")
    for name, shape in wanted.items():
        found = tuple(state[name].shape)
        if found != shape:
            raise LayoutError(f"The tensor {name} has shape {found} where {shape} was expected.")


def converted(name: str, tensor: Tensor, architecture: Architecture) -> Tensor:
    """One tensor of the layout as the UNet2DModel parameter `name`: float32, in memory of its own."""
    if is_projection(name):
        tensor = tensor[:, :, 0, 0]
    elif name == "time_embedding.linear_1.weight":
        # The table alternates sine and cosine; diffusers puts all sines before all cosines.
        tensor = torch.cat((tensor[:, 0::2], tensor[:, 1::2]), dim=1)
    elif name.startswith("conv_out."):
        tensor = tensor[: architecture.channels]
    return tensor.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)


def build_unet(state: Mapping[str, Tensor], architecture: Architecture, image_size: int) -> UNet2DModel:
    """The network with its weights, float32, on the CPU, in eval mode.

    Where the network has 2C outputs the first C are kept, taken for the mean. Raises LayoutError when tensors
    are missing, left over, of another shape or not finite, or when the time table is not the usual sinusoid.
    """
    unet = empty_unet(architecture, image_size)
    names = {name: research_name(name, architecture.res_blocks) for name in unet.state_dict()}
    wanted = {TABLE: (architecture.steps, architecture.widths[0])}
    for name, parameter in unet.state_dict().items():
        shape = (*parameter.shape, 1, 1) if is_projection(name) else tuple(parameter.shape)
        wanted[names[name]] = (architecture.outputs, *shape[1:]) if name.startswith("conv_out.") else shape
    check_shapes(state, wanted)
    for name, tensor in state.items():
        if not torch.isfinite(tensor.float()).all():
            raise LayoutError(f"The tensor {name} holds numbers that are not finite.")
    check_table(state[TABLE])
    weights = {name: converted(name, state[old], architecture) for name, old in names.items()}
    unet.load_state_dict(weights, assign=True)
    return unet.eval()
