"""The checkpoint layout of six public membership-inference code bases, opened as a diffusers UNet2DModel.

SecMI, PIA, FreMIA, ReDiffuse, SimA and others train with one `model.py`, the pytorch-ddpm UNet, and save a
torch dict {net_model, ema_model, sched, optim, step, x_T}. The architecture is read from the shapes of the
tensors. What shapes cannot tell (picture size, betas, what is predicted) comes from the `flagfile.txt` that
the training script leaves beside the file, or else it is assumed, and the assumption is said.

Nothing in a file is executed: only plain tensors are read, and every size is checked before memory is taken.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError

import torch
from diffusers import UNet2DModel
from torch import Tensor

from mia_viz.targets.layout_names import TABLE, Architecture, LayoutError, build_unet, read_architecture
from mia_viz.targets.pickled import rehearse

__all__ = ["LayoutError", "ResearchCheckpoint", "is_research_checkpoint", "load_research_checkpoint"]

SUFFIXES = (".pt", ".pth", ".ckpt")
MAX_PARAMETERS = 2_000_000_000
MAX_SIDE = 1024
DEFAULT_SIDE = 32
DEFAULT_BETAS = (1e-4, 0.02)
SNIFFED_BYTES = 8 << 20
OLD_TORCH_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
"""How files of torch before 1.6 begin: the pickled number 0x1950a86a20f9469cfc6c."""
FLAG_KINDS = {
    "T": int,
    "ch": int,
    "ch_mult": int,
    "attn": int,
    "num_res_blocks": int,
    "img_size": int,
    "beta_1": float,
    "beta_T": float,
    "mean_type": str,
}
LIST_FLAGS = ("ch_mult", "attn")


@dataclass(frozen=True)
class ResearchCheckpoint:
    """A converted checkpoint and what is known about it.

    unet: float32, eval mode, on the CPU; takes x_t (B, C, image_size, image_size) and predicts its noise.
    steps: T. beta_start, beta_end: ends of the linear schedule. image_size: pixels per side.
    step: training step, None where it is not stated. weights: "ema_model" or "net_model".
    assumed: plain sentences about everything that neither file states.
    """

    unet: UNet2DModel
    steps: int
    beta_start: float
    beta_end: float
    image_size: int
    step: int | None
    weights: str
    assumed: tuple[str, ...]


@dataclass(frozen=True)
class Flags:
    """What a flag file states, under the flags' own names; None where it is silent."""

    T: int | None = None
    ch: int | None = None
    ch_mult: tuple[int, ...] | None = None
    attn: tuple[int, ...] | None = None
    num_res_blocks: int | None = None
    img_size: int | None = None
    beta_1: float | None = None
    beta_T: float | None = None
    mean_type: str | None = None


def is_research_checkpoint(path: Path | str) -> bool:
    """Whether a file looks like this layout, by suffix and names inside. Unpickles nothing, never raises."""
    return TABLE.encode() in pickled_start(Path(path))


def pickled_start(path: Path) -> bytes:
    """The first SNIFFED_BYTES of the pickle in a torch file, empty for other files. Unpickles nothing, never raises."""
    try:
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            return b""
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                start = file.read(SNIFFED_BYTES)
            return start if start.startswith(OLD_TORCH_MAGIC) else b""
        with zipfile.ZipFile(path) as archive:
            indices = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(indices) != 1:
                return b""
            with archive.open(indices[0]) as file:
                return file.read(SNIFFED_BYTES)
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error):
        return b""


def load_research_checkpoint(path: Path | str, flagfile: Path | str | None = None) -> ResearchCheckpoint:
    """Open a checkpoint of the research layout; `flagfile` defaults to the flagfile.txt beside it, if any.

    Raises LayoutError when the file is no torch file, holds anything but tensors and plain values, is
    damaged, incomplete or absurdly large, contradicts its flag file, or describes a network that
    diffusers cannot hold.
    """
    path = Path(path)
    saved = read_plain(path)
    weights, state, assumed = choose_weights(saved)
    refuse_absurd(state, path.stat().st_size)
    architecture = read_architecture(state)
    if architecture.outputs != architecture.channels:
        assumed += ("The network has twice the outputs it needs; the first half was taken for the mean.",)

    beside = path.with_name("flagfile.txt")
    if flagfile is not None or beside.is_file():
        flags = read_flags(Path(flagfile or beside))
    else:
        flags = Flags()
        assumed += ("No flagfile.txt lies beside the checkpoint.",)
    noise, step = saved.get("x_T"), saved.get("step")
    side = noise.shape[-1] if isinstance(noise, Tensor) and noise.ndim == 4 else None
    cross_check(flags, architecture, side)
    flags, silent = completed(flags, side)
    check_settings(flags, len(architecture.widths))
    return ResearchCheckpoint(
        unet=build_unet(state, architecture, flags.img_size),
        steps=architecture.steps,
        beta_start=flags.beta_1,
        beta_end=flags.beta_T,
        image_size=flags.img_size,
        step=step if type(step) is int else None,
        weights=weights,
        assumed=assumed + silent,
    )


def read_plain(path: Path) -> dict:
    """The dict in a torch file, tensors mapped from disk. Executes nothing. Raises LayoutError otherwise."""
    if not path.is_file():
        raise LayoutError(f"There is no file {path.name}.")
    try:
        zipped = zipfile.is_zipfile(path)
        refuse_foreign(path, zipped)
        rehearse(path)
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except LayoutError:
        raise
    except UnpicklingError as error:
        raise LayoutError(f"{path.name} holds more than plain tensors; it was not executed.") from error
    except Exception as error:  # damaged bytes can raise nearly anything inside the reader
        raise LayoutError(f"{path.name} is damaged: torch cannot read it.") from error
    if not isinstance(saved, dict):
        raise LayoutError(f"{path.name} holds no set of named tensors.")
    return saved


def refuse_foreign(path: Path, zipped: bool) -> None:
    """Raise LayoutError for files that torch.save did not write, before anything interprets them."""
    if zipped:
        with zipfile.ZipFile(path) as archive:
            # torch never compresses; a compressed member could unpack to any size.
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise LayoutError(f"{path.name} is a compressed archive, not a file saved by torch.")
        return
    with path.open("rb") as file:
        start = file.read(len(OLD_TORCH_MAGIC))
    if start == OLD_TORCH_MAGIC:
        return
    if start[:1] == b"\x80":
        raise LayoutError(f"{path.name} is a bare pickle, which could run code; it was not executed.")
    raise LayoutError(f"{path.name} is not a file saved by torch, or it was cut short.")


def choose_weights(saved: dict) -> tuple[str, dict[str, Tensor], tuple[str, ...]]:
    """(which weights, their tensors by name without a `module.` prefix, what was assumed).

    The averaged weights (EMA) where there are any, because published attacks use them; else the raw ones;
    else the dict itself, named "net_model". Raises LayoutError when none of these holds the layout's tensors.
    """
    if isinstance(saved.get("ema_model"), dict):
        weights, state, assumed = "ema_model", saved["ema_model"], ()
    elif isinstance(saved.get("net_model"), dict):
        weights, state = "net_model", saved["net_model"]
        assumed = ("The file has no averaged weights (EMA), which published attacks use; the raw ones serve.",)
    else:
        weights, state = "net_model", saved
        assumed = ("Whether the weights are averaged (EMA) is not stated; they were taken for the raw ones.",)
    names = [str(name) for name in state]
    if names and all(name.startswith("module.") for name in names):
        names = [name.removeprefix("module.") for name in names]
    if TABLE not in names:
        raise LayoutError("The checkpoint has no ema_model or net_model of the research layout (no time table).")
    return weights, dict(zip(names, state.values(), strict=True)), assumed


def refuse_absurd(state: dict[str, Tensor], file_bytes: int) -> None:
    """Raise LayoutError unless all are plain floating-point tensors that fit in the file they came from."""
    for name, tensor in state.items():
        plain = isinstance(tensor, Tensor) and tensor.layout == torch.strided and tensor.device.type == "cpu"
        if not plain or not tensor.is_floating_point():
            raise LayoutError(f"The entry {name} is not a plain tensor of floating-point numbers.")
    if sum(tensor.numel() for tensor in state.values()) > MAX_PARAMETERS:
        raise LayoutError(f"The network has more than {MAX_PARAMETERS:,} parameters.")
    # A view can repeat one stored number without end, so shapes alone do not bound the memory.
    if sum(tensor.numel() * tensor.element_size() for tensor in state.values()) > file_bytes:
        raise LayoutError("The tensors claim more numbers than the file can hold.")


def read_flags(file: Path) -> Flags:
    """The known flags of a gflags file (`--key=value`, list flags repeated). Raises LayoutError."""
    try:
        if file.stat().st_size > 1_000_000:
            raise LayoutError("The flag file is too large to be one.")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LayoutError(f"The flag file {file.name} is missing or cannot be read.") from error
    found: dict[str, list] = {}
    for key, value in re.findall(r"^\s*--?(\w+)=[ \t]*(.*?)\s*$", text, re.MULTILINE):
        if key in FLAG_KINDS:
            try:
                found.setdefault(key, []).append(FLAG_KINDS[key](value))
            except ValueError as error:
                raise LayoutError(f"The flag file gives {key} = {value[:40]}, not a number.") from error
    if not found:
        raise LayoutError(f"The flag file {file.name} states none of the flags of the research layout.")
    return Flags(**{key: tuple(values) if key in LIST_FLAGS else values[-1] for key, values in found.items()})


def cross_check(flags: Flags, architecture: Architecture, side: int | None) -> None:
    """Raise LayoutError where the flag file contradicts the tensors; `side` is that of x_T, if any."""
    ch = architecture.widths[0]
    attention = None if flags.attn is None else tuple(sorted(set(flags.attn)))
    for name, stated, found in (
        ("T", flags.T, architecture.steps),
        ("ch", flags.ch, ch),
        ("ch_mult", flags.ch_mult, tuple(width // ch for width in architecture.widths)),
        ("num_res_blocks", flags.num_res_blocks, architecture.res_blocks),
        ("attn", attention, architecture.attention),
        ("img_size", flags.img_size, side),
    ):
        if None not in (stated, found) and stated != found:
            raise LayoutError(f"The flag file says {name} = {stated}, but the tensors say {found}.")


def completed(flags: Flags, side: int | None) -> tuple[Flags, tuple[str, ...]]:
    """(the flags with what was missing filled in, plain sentences about each assumption in doing so)."""
    said = []
    if flags.img_size is None:
        if side is None:
            said.append(f"The picture size is not stated; {DEFAULT_SIDE} x {DEFAULT_SIDE} pixels were assumed.")
        flags = replace(flags, img_size=DEFAULT_SIDE if side is None else side)
    if flags.beta_1 is None:
        said.append(f"The first beta is not stated; {DEFAULT_BETAS[0]} was assumed.")
        flags = replace(flags, beta_1=DEFAULT_BETAS[0])
    if flags.beta_T is None:
        said.append(f"The last beta is not stated; {DEFAULT_BETAS[1]} was assumed.")
        flags = replace(flags, beta_T=DEFAULT_BETAS[1])
    if flags.mean_type is None:
        said.append("What the network predicts is not stated; the noise was assumed.")
        flags = replace(flags, mean_type="epsilon")
    said.append(
        "The schedule's shape, the attention heads and the norms are stated nowhere; "
        "as in the published code, linear betas, one head and 32 groups were assumed."
    )
    return flags, tuple(said)


def check_settings(flags: Flags, levels: int) -> None:
    """Raise LayoutError for impossible picture sizes or betas, or another prediction than the noise."""
    side, first, last = flags.img_size, flags.beta_1, flags.beta_T
    if not 1 <= side <= MAX_SIDE or side % 2 ** (levels - 1):
        raise LayoutError(f"Pictures of {side} pixels cannot pass a network of {levels} levels.")
    if not 0 < first <= last < 1:
        raise LayoutError(f"Betas from {first} to {last} are no noise schedule.")
    if flags.mean_type != "epsilon":
        raise LayoutError(f"The network predicts {flags.mean_type[:40]}; only noise prediction is supported.")
