"""Few steps: estimate the clean frame, re-noise the estimate at the next time. The served
sampler."""

from collections.abc import Callable

from torch import Tensor

from model.sampling.trigflow import diffuse, estimate_clean


class ConsistencySampler:
    """Multistep consistency sampling (arXiv 2303.01469, in TrigFlow's coordinates)."""

    def advance(
        self, x: Tensor, direction: Tensor, t: Tensor, next_t: Tensor, draw: Callable[[], Tensor]
    ) -> Tensor:
        return diffuse(estimate_clean(x, direction, t), draw(), next_t)
