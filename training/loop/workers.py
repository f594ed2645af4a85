"""The processes that train one network together, as the training loop sees them. Every process runs
the same code on its own share of the micro-batches."""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer


class Workers(Protocol):
    @property
    def rank(self) -> int:
        """The number of this process, from 0; process 0 writes files."""
        ...

    @property
    def size(self) -> int: ...

    def shard(self, module: nn.Module, optimizers: Sequence[Optimizer]) -> None:
        """Divides the weights and the optimizer states among the workers, in place. From then on
        gradients are means over the workers."""
        ...

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the workers; equal in all workers."""
        ...

    def all_gather(self, state: Any) -> Any:
        """The same nested dicts and lists with whole tensors instead of shards."""
        ...


class Alone:
    """A single process."""

    rank = 0
    size = 1

    def shard(self, module: nn.Module, optimizers: Sequence[Optimizer]) -> None:
        pass

    def mean(self, values: Tensor) -> Tensor:
        return values

    def all_gather(self, state: Any) -> Any:
        return state
