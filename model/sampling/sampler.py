"""The step from a noisy frame to a less noisy frame."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from model.sampling.consistency import ConsistencySampler
from model.sampling.euler import EulerSampler


class Sampler(Protocol):
    """Moves each row of a pass from the row's time to the row's next time. Stateless: rows at
    different denoise steps share a call."""

    def advance(
        self, x: Tensor, direction: Tensor, t: Tensor, next_t: Tensor, draw: Callable[[], Tensor]
    ) -> Tensor:
        """x (B, C, h, w) at `next_t` (B,), given the direction predicted at `t` (B,).

        `draw` gives this step's fresh noise (B, C, h, w); at `next_t` 0 the result is clean.
        """
        ...


def make_sampler(kind: str) -> Sampler:
    """The sampler that a world's `SamplerSpec.kind` names. Raises ValueError for another name."""
    samplers: dict[str, Sampler] = {
        "euler": EulerSampler(),
        "consistency": ConsistencySampler(),
    }
    if kind not in samplers:
        raise ValueError(f"sampler kind must be one of {sorted(samplers)}, got {kind!r}")
    return samplers[kind]
