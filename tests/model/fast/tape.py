"""A CUDA graph as far as a CPU can have one.

What is captured is written down operation by operation, each with the very tensors that it read and
made. A replay does the same operations on the same tensors; the code that chose them is not run
again, so what it took from a plan, or from a tensor's value, is what it was at the capture.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten

# They wait for a value of the device, or make a tensor of values of the host.
NOT_TO_BE_CAPTURED = {
    aten._local_scalar_dense,
    aten._pin_memory,
    aten.equal,
    aten.is_nonzero,
    aten.item,
    aten.lift_fresh,
    aten.masked_select,
    aten.nonzero,
    aten.repeat_interleave,
}
INDEXING = {aten.index, aten.index_put, aten.index_put_}
SPOILT = 99  # what lies where another graph has used the memory


class NotCapturable(Exception):
    """A GPU would have refused to capture it, or have waited."""


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down what is done while it is entered. Raises NotCapturable where a GPU would."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._done: list[Callable[[], None]] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        asked = kwargs or {}
        _check(func.overloadpacket, args)
        given = func(*args, **asked)

        def again() -> None:
            for old, new in zip(tree_leaves(given), tree_leaves(func(*args, **asked)), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)

        self._done.append(again)
        return given

    def replay(self) -> None:
        for again in self._done:
            again()


def _check(operation: Any, args: Sequence[Any]) -> None:
    tensors = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)]
    by_mask = operation in INDEXING and any(t.dtype == torch.bool for t in tensors)
    if operation in NOT_TO_BE_CAPTURED or by_mask:
        raise NotCapturable(f"{operation} looks at values")


class TapePool:
    """In place of `GraphPool`: what a graph gave is lost when another is replayed."""

    num_captures = 0  # of all pools

    def __init__(self, device: torch.device) -> None:
        self._given: list[Tensor] = []

    def capture(self, compute: Callable[[], Tensor]) -> Callable[[], Tensor]:
        TapePool.num_captures += 1
        tape = Tape()
        with tape:
            given = compute()
        self._given.append(given)

        def replay() -> Tensor:
            for tensor in self._given:
                tensor.fill_(SPOILT)
            tape.replay()
            return given

        return replay
