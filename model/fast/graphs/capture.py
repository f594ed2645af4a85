"""The thin shell around a computation that makes it one launch: a CUDA graph. Never run: no GPU was
at hand when it was written.

A graph replays kernels on the very addresses that it was captured with, so what it reads and
writes must stay in place, and nothing in it may look at a value on the host.
"""

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UPS = 2  # kernels are chosen and libraries take their workspaces outside the graph


class GraphPool:
    """Owns the memory that graphs share: they are replayed one after the other, and what one gave
    is taken before the next begins."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()

    def capture(self, compute: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """`compute`, as one launch. It is run a few times here, so its inputs must be harmless."""
        beside = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(beside):
            for _ in range(_WARM_UPS):
                compute()
        torch.cuda.current_stream(self._device).wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            given = compute()

        def replay() -> Tensor:
            graph.replay()
            return given

        return replay
