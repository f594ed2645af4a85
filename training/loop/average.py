"""The exponential moving average of a network's weights, for evaluation and releases."""

import copy

import torch
from torch import Tensor, nn


class MovingAverage(nn.Module):
    """Owns the averaged copy of a network. The first update copies the weights; each later update
    moves the copy by `1 - decay` of the difference. Floating-point buffers follow like weights,
    other buffers are copied."""

    n_averaged: Tensor

    def __init__(self, module: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(module)
        self._decay = decay
        self.register_buffer("n_averaged", torch.tensor(0))

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        weight = 1.0 - self._decay if self.n_averaged else 1.0
        mine: list[Tensor] = list(self.module.parameters())
        theirs: list[Tensor] = list(module.parameters())
        torch._foreach_lerp_(mine, theirs, weight)
        for buffer, other in zip(self.module.buffers(), module.buffers(), strict=True):
            if buffer.is_floating_point():
                buffer.lerp_(other, weight)
            else:
                buffer.copy_(other)
        self.n_averaged += 1
