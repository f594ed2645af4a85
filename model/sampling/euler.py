"""Many steps along the probability-flow ODE: the teacher and the reference."""

from collections.abc import Callable

from torch import Tensor

from model.sampling.trigflow import rotate


class EulerSampler:
    """Deterministic: follows the predicted direction and draws no noise after the first."""

    def advance(
        self, x: Tensor, direction: Tensor, t: Tensor, next_t: Tensor, draw: Callable[[], Tensor]
    ) -> Tensor:
        return rotate(x, direction, t, next_t)
