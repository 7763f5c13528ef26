"""Fitting models and batches into memory: what stays on the device, and smaller batches where it runs out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mia_viz.memory import is_out_of_memory
from mia_viz.targets.errors import TargetError

HEADROOM = 0.25
"""Share of the free memory kept for activations."""


def size_in_bytes(modules: Sequence[nn.Module]) -> int:
    """Memory of all weights and buffers."""
    return sum(t.numel() * t.element_size() for m in modules for t in (*m.parameters(), *m.buffers()))


def placement(sizes: Mapping[str, int], free: int) -> str:
    """How parts of the given bytes are kept on a device with `free` bytes, a quarter of which is left for activations.

    "together": all fit. "in turn": only the largest fits, so one part is there at a time. "layer by layer": not even
    that one fits.
    """
    room = (1 - HEADROOM) * free
    if sum(sizes.values()) <= room:
        return "together"
    return "in turn" if max(sizes.values()) <= room else "layer by layer"


class Rooms:
    """Named groups of modules that share a device.

    plan: see `placement`; by default chosen from the device's free memory. "together" moves all there for good. "in
    turn" keeps only the group last asked for there, and the others in main memory. "layer by layer" does the same,
    and streams the layers of a group that is too large by itself (accelerate's cpu_offload).
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[nn.Module]],
        device: torch.device,
        plan: str | None = None,
        streamed: Sequence[str] = (),
    ) -> None:
        self.groups, self.device = {name: list(modules) for name, modules in groups.items()}, device
        self._present, self.streamed = "", set(streamed)
        if plan is None and device.type == "cuda":
            sizes = {name: size_in_bytes(modules) for name, modules in self.groups.items()}
            free = torch.cuda.mem_get_info(device)[0]
            plan = placement(sizes, free)
            self.streamed = {name for name, size in sizes.items() if placement({name: size}, free) != "together"}
        self.plan = plan or "together"
        if self.plan == "together":
            for modules in self.groups.values():
                _move(modules, device)
        for name in self.streamed:
            _stream(self.groups[name], device)

    def need(self, name: str) -> None:
        """Have a group on the device before it is used; nothing to do where all are there."""
        if self.plan == "together" or self._present == name or name not in self.groups:
            return
        for other, modules in self.groups.items():
            if other != name and other not in self.streamed:
                _move(modules, torch.device("cpu"))
        if name not in self.streamed:
            _move(self.groups[name], self.device)
        self._present = name


def _move(modules: Sequence[nn.Module], device: torch.device) -> None:
    for module in modules:
        module.to(device)


def _stream(modules: Sequence[nn.Module], device: torch.device) -> None:
    try:
        from accelerate import cpu_offload
    except ImportError as error:
        raise TargetError(
            "The model is too large for this device's memory; install accelerate, or use the CPU."
        ) from error
    for module in modules:
        cpu_offload(module, execution_device=device)


class Batches:
    """Puts a batch through a function in pieces, which are halved for good when memory runs out.

    most: images in one piece. fallback: called once when even one image is too much, and the piece is tried again.
    """

    def __init__(self, most: int, fallback: Callable[[], bool] = lambda: False) -> None:
        self.most, self.fallback = most, fallback

    def run(self, function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        """function over all rows of `batch`, in order; raises what torch raises when one row is too much."""
        parts, start = [], 0
        while start < len(batch):
            piece = batch[start : start + self.most]
            try:
                parts.append(function(piece))
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or (len(piece) == 1 and not self.fallback()):
                    raise
                self.most = max(1, len(piece) // 2)
            else:
                start += len(piece)
                continue
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return torch.cat(parts)


class Gradients:
    """Squared gradient norms of a mean squared error, over fewer levels at once when memory runs out.

    most: levels in one forward and backward pass, None for all; halved for good where that is too much.
    """

    def __init__(self) -> None:
        self.most: int | None = None

    def squared(
        self, answer: Callable[[slice], Tensor], eps: Tensor, weights: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """answer(rows) is eps_hat of some of the K levels; all of it, (K, C, H, W), and the norms per weight, (L,).

        A weight that no level uses has a gradient of 0. Raises what torch raises when one level is too much.
        """
        while True:
            size = min(self.most or len(eps), len(eps))
            try:
                return self._in_parts(answer, eps, weights, size)
            except (MemoryError, RuntimeError) as error:
                if size == 1 or not is_out_of_memory(error):
                    raise
            self.most = size // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    @staticmethod
    def _in_parts(
        answer: Callable[[slice], Tensor], eps: Tensor, weights: Sequence[Tensor], size: int
    ) -> tuple[Tensor, Tensor]:
        """The gradient of a mean is the mean of the parts' gradients, each weighed by its share of the levels."""
        answers, total = [], None
        for start in range(0, len(eps), size):
            rows = slice(start, min(start + size, len(eps)))
            with torch.enable_grad():
                eps_hat = answer(rows)
                loss = (eps_hat - eps[rows]).square().mean() * ((rows.stop - start) / len(eps))
                found = torch.autograd.grad(loss, list(weights), materialize_grads=True, allow_unused=True)
            answers.append(eps_hat.detach())
            total = found if total is None else [a.add_(b) for a, b in zip(total, found, strict=True)]
        return torch.cat(answers), torch.stack([g.square().sum() for g in total])
