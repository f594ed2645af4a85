"""What the training loop asks of an objective: losses of one batch that the objective draws."""

from collections.abc import Callable

import torch
from torch import Tensor

Losses = dict[str, Tensor]  # the loop minimises "loss" and logs all
Objective = Callable[[torch.Generator, int], Losses]  # (source of all randomness, step)
