"""What it costs when keys are rotated: once, when they are written, or whenever they are read.

Written rotated they are good for every later frame, because only differences of positions count;
sinks alone are turned anew for each frame that attentions. One attention call of one layer, by
shape. Shape letters: B = 1 session, N heads, S = P tokens of the frame that looks, K head size, C
tokens of its context, a sink's first.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.bench.interleaved import time_interleaved
from model.layers.rope import RotaryEmbedding, Rotation
from model.nfd.transformer import NFDConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationCost:
    """How many times as long as without any rotation an attention call takes."""

    tokens: int
    frames: int
    sink_turned: float
    all_turned: float


class Attentions:
    """The same attention in three ways: over keys that lie there rotated, the same with a sink of
    one frame rotated to just before the others, and over keys that are rotated when they are
    read."""

    def __init__(self, nfd: NFDConfig, num_frames: int) -> None:
        """`num_frames`: of context, the sink among them. The frame that looks comes after them."""
        generator = torch.Generator().manual_seed(0)
        size = nfd.width // nfd.num_heads
        rope = RotaryEmbedding(size, nfd.grid_height, nfd.grid_width)
        shape = (1, nfd.num_heads, num_frames * nfd.tokens_per_frame, size)
        self._plain_BNCK = torch.randn(shape, generator=generator)
        self._values_BNCK = torch.randn(shape, generator=generator)
        query_BNSK = torch.randn(1, nfd.num_heads, nfd.tokens_per_frame, size, generator=generator)
        self._query_BNSK = rope(torch.tensor([[num_frames]])).apply(query_BNSK)
        self._positions: Rotation = rope(torch.arange(num_frames)[None])
        self._sink_C = slice(0, nfd.tokens_per_frame)
        self._away = 5  # frames that the sink is behind where it is to be met
        self._turn = rope.shift(self._away)
        self._keys_BNCK = self._positions.apply(self._plain_BNCK)
        behind = rope(torch.tensor([[-self._away]]))
        self._sink_BNSK = behind.apply(self._plain_BNCK[:, :, self._sink_C])

    def written(self) -> Tensor:
        return self._attend(self._keys_BNCK)

    def sink_turned(self) -> Tensor:
        self._keys_BNCK[:, :, self._sink_C] = self._turn.apply(self._sink_BNSK)
        return self._attend(self._keys_BNCK)

    def all_turned(self) -> Tensor:
        return self._attend(self._positions.apply(self._plain_BNCK))

    def _attend(self, keys_BNCK: Tensor) -> Tensor:
        return nnf.scaled_dot_product_attention(self._query_BNSK, keys_BNCK, self._values_BNCK)


@torch.inference_mode()
def measure_rotation(
    nfd: NFDConfig, frames: tuple[int, ...], *, rounds: int
) -> Iterator[RotationCost]:
    """For contexts of so many frames."""
    for num_frames in frames:
        attentions = Attentions(nfd, num_frames)
        variants: Mapping[str, Callable[[], Tensor]] = {
            "written": attentions.written,
            "sink": attentions.sink_turned,
            "all": attentions.all_turned,
        }
        times = time_interleaved(
            {name: _timed(look) for name, look in variants.items()}, rounds=rounds
        )
        yield RotationCost(
            tokens=nfd.tokens_per_frame,
            frames=num_frames,
            sink_turned=times.ratio("sink", "written"),
            all_turned=times.ratio("all", "written"),
        )


def _timed(look: Callable[[], Tensor]) -> Callable[[], float]:
    def seconds() -> float:
        began = time.perf_counter()
        look()
        return time.perf_counter() - began

    return seconds
