"""The processes that train one network together, as the training loop sees them. Every one of them
runs the very same code; what differs is which micro-batches it takes."""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer


class Workers(Protocol):
    @property
    def rank(self) -> int:
        """Which of them this process is; 0 writes."""
        ...

    @property
    def size(self) -> int: ...

    def spread(self, module: nn.Module, optimizers: Sequence[Optimizer]) -> None:
        """Divides weights, and what optimizers keep about them, among the workers, in place. From
        then on gradients are means over the workers."""
        ...

    def mean(self, values: Tensor) -> Tensor:
        """Over the workers; the same in all of them."""
        ...

    def gathered(self, state: Any) -> Any:
        """The same nest of dicts and lists, with every tensor whole again."""
        ...


class Alone:
    """One process that does all."""

    rank = 0
    size = 1

    def spread(self, module: nn.Module, optimizers: Sequence[Optimizer]) -> None:
        pass

    def mean(self, values: Tensor) -> Tensor:
        return values

    def gathered(self, state: Any) -> Any:
        return state
