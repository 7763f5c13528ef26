"""What conditional networks are told: captions through the pipeline's own text encoders, classes through its labels.

Each class does for one kind of pipeline what its `encode_prompt` does, with the same lengths and the same layers, and
returns tensors of one row per caption under the names the network's backbone expects.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mia_viz.targets.errors import TargetError

SD3_LENGTH = 256
FLUX_LENGTH = 512


@dataclass(frozen=True, eq=False)
class Encoder:
    """A text encoder with its tokenizer."""

    tokenizer: Any
    model: nn.Module

    def tokens(self, captions: Sequence[str], length: int) -> dict[str, Tensor]:
        """Token numbers (B, length), cut or padded to `length`."""
        found = self.tokenizer(
            list(captions), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        told = {"input_ids": found.input_ids}
        if getattr(self.model.config, "use_attention_mask", False):
            told["attention_mask"] = found.attention_mask
        return {name: tensor.to(self.device) for name, tensor in told.items()}

    @property
    def device(self) -> torch.device:
        """Where the tokens go; a model whose layers are streamed is nowhere, and fetches them from the CPU."""
        place = self.model.device
        return torch.device("cpu") if place.type == "meta" else place

    @property
    def length(self) -> int:
        """Tokens of a full caption."""
        return self.tokenizer.model_max_length


class Prompts(ABC):
    """From captions to the condition tensors of a network.

    takes: "caption" or "class". modules: the text encoders, for whoever moves them between devices.
    """

    takes = "caption"

    @property
    @abstractmethod
    def modules(self) -> list[nn.Module]:
        """The text encoders."""

    @abstractmethod
    def tell(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """Condition tensors of one row per caption."""

    def nothing(self) -> dict[str, Tensor]:
        """The one row that guidance takes for no caption: as a rule that of the empty one."""
        return self.tell([""])


class StableDiffusionPrompts(Prompts):
    """Stable Diffusion 1.x and 2.x: the last hidden states of one CLIP text encoder, (B, L, D)."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    @property
    def modules(self) -> list[nn.Module]:
        return [self.encoder.model]

    def tell(self, captions: Sequence[str]) -> dict[str, Tensor]:
        tokens = self.encoder.tokens(captions, self.encoder.length)
        return {"encoder_hidden_states": self.encoder.model(**tokens)[0]}


class XLPrompts(Prompts):
    """SDXL: next-to-last states of two encoders side by side, the second's pooled embedding, and the picture's size.

    size: (H, W) in pixels, told as original and target size with no cropping. zeros: whether guidance takes zeros for
    no caption (force_zeros_for_empty_prompt) instead of the empty caption.
    """

    def __init__(self, first: Encoder, second: Encoder, size: tuple[int, int], zeros: bool) -> None:
        self.encoders, self.size, self.zeros = (first, second), size, zeros

    @property
    def modules(self) -> list[nn.Module]:
        return [encoder.model for encoder in self.encoders]

    def tell(self, captions: Sequence[str]) -> dict[str, Tensor]:
        states, pooled = clip_states(self.encoders, captions, [e.length for e in self.encoders])
        sizes = torch.tensor([[*self.size, 0, 0, *self.size]], dtype=torch.float32, device=states.device)
        told = {"encoder_hidden_states": states, "text_embeds": pooled[-1]}
        return {**told, "time_ids": sizes.repeat(len(captions), 1)}

    def nothing(self) -> dict[str, Tensor]:
        told = self.tell([""])
        if self.zeros:
            told.update({name: torch.zeros_like(told[name]) for name in ("encoder_hidden_states", "text_embeds")})
        return told


class SD3Prompts(Prompts):
    """Stable Diffusion 3: two CLIP encoders side by side, widened with zeros, followed by T5 (zeros where it is left
    out); pooled embeddings of both CLIPs."""

    def __init__(self, first: Encoder, second: Encoder, t5: Encoder | None, width: int) -> None:
        self.clips, self.t5, self.width = (first, second), t5, width

    @property
    def modules(self) -> list[nn.Module]:
        return [encoder.model for encoder in (*self.clips, self.t5) if encoder is not None]

    def tell(self, captions: Sequence[str]) -> dict[str, Tensor]:
        states, pooled = clip_states(self.clips, captions, [self.clips[0].length] * 2)
        if self.t5 is None:
            long = states.new_zeros(len(captions), SD3_LENGTH, self.width)
        else:
            long = self.t5.model(**self.t5.tokens(captions, SD3_LENGTH))[0].to(states)
        states = nn.functional.pad(states, (0, long.shape[-1] - states.shape[-1]))
        return {
            "encoder_hidden_states": torch.cat([states, long], dim=1),
            "pooled_projections": torch.cat(pooled, dim=-1),
        }


class FluxPrompts(Prompts):
    """Flux: T5's last states and the pooled output of one CLIP encoder."""

    def __init__(self, clip: Encoder, t5: Encoder) -> None:
        self.clip, self.t5 = clip, t5

    @property
    def modules(self) -> list[nn.Module]:
        return [self.clip.model, self.t5.model]

    def tell(self, captions: Sequence[str]) -> dict[str, Tensor]:
        pooled = self.clip.model(**self.clip.tokens(captions, self.clip.length)).pooler_output
        long = self.t5.model(**self.t5.tokens(captions, FLUX_LENGTH))[0]
        return {"encoder_hidden_states": long, "pooled_projections": pooled}


class Classes(Prompts):
    """Class-conditional models: a class by its number or its label; the null class for an empty caption.

    count: classes, numbered from 0; number `count` is the null class. labels: class numbers by label in small letters.
    """

    takes = "class"

    def __init__(self, count: int, labels: Mapping[str, int]) -> None:
        self.count, self.labels = count, labels

    @classmethod
    def of(cls, count: int, id2label: object) -> Classes:
        """From the id2label of a model_index.json; several labels of one class are separated by commas."""
        labels: dict[str, int] = {}
        for number, names in (id2label or {}).items() if isinstance(id2label, dict) else ():
            if str(number).isdecimal() and int(number) < count and isinstance(names, str):
                labels.update({name.strip().lower(): int(number) for name in names.split(",")})
        return cls(count, labels)

    @property
    def modules(self) -> list[nn.Module]:
        return []

    def tell(self, captions: Sequence[str]) -> dict[str, Tensor]:
        return {"class_labels": torch.tensor([self.number(caption) for caption in captions])}

    def number(self, caption: str) -> int:
        """The class of a caption. Raises TargetError for a class the model does not have."""
        text = caption.strip().lower()
        if not text:
            return self.count
        if text in self.labels:
            return self.labels[text]
        if text.isdecimal() and int(text) < self.count:
            return int(text)
        named = " or one of its labels" if self.labels else ""
        raise TargetError(f'"{caption}" is no class of this model; give a number from 0 to {self.count - 1}{named}.')


def clip_states(
    encoders: Sequence[Encoder], captions: Sequence[str], lengths: Sequence[int]
) -> tuple[Tensor, list[Tensor]]:
    """(next-to-last hidden states of the encoders side by side (B, L, D), the first output of each)."""
    states, first = [], []
    for encoder, length in zip(encoders, lengths, strict=True):
        found = encoder.model(**encoder.tokens(captions, length), output_hidden_states=True)
        states.append(found.hidden_states[-2])
        first.append(found[0])
    return torch.cat([state.to(states[-1]) for state in states], dim=-1), first
