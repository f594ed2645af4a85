"""The thin shell around a computation that makes it one launch: a CUDA graph. Never run: no GPU was
at hand when it was written.

A graph replays kernels on the very addresses that it was captured with, so what it reads and
writes must stay in place, and nothing in it may look at a value on the host.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Compute = Callable[[], Tensor]
Capture = Callable[[Compute], Compute]  # what it returns is ready to be called at full speed


def uncaptured(compute: Compute) -> Compute:
    """As it is, launch by launch; but what is chosen or compiled at a first call is so now."""
    compute()
    return compute


class GraphPool:
    """Owns the memory that graphs share: they are replayed one after the other, and what one gave
    is taken before the next begins.

    Owns also the stream that all of them are captured on. Libraries keep a workspace for each
    stream, and a graph goes on using that of its capture: of two graphs that may run at the same
    time, each needs a pool of its own. The first graph that is dropped may take the workspace along
    (PyTorch issue 193402), so those of a pool live and end together."""

    def __init__(self, device: torch.device) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def capture(self, compute: Compute) -> Compute:
        """`compute`, as one launch. It is run here, so its inputs must be harmless: once before,
        for what a first call chooses or compiles, and once as a graph, whose first launch is
        slow."""
        device = self._stream.device
        self._stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(self._stream):
            compute()
        torch.cuda.current_stream(device).wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            given = compute()

        def replay() -> Tensor:
            graph.replay()
            return given

        replay()
        return replay
