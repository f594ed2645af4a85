"""A computation as a single launch: a CUDA graph. Never run: no GPU was available when the module
was written.

A graph replays kernels on the addresses of the capture, so inputs and outputs must stay in place,
and the computation must not read a value on the host.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Compute = Callable[[], Tensor]
Capture = Callable[[Compute], Compute]  # what it returns is ready to be called at full speed


def uncaptured(compute: Compute) -> Compute:
    """The computation launch by launch. Choices and compilation of a first call happen at once."""
    compute()
    return compute


class GraphPool:
    """Owns the memory shared by the pool's graphs: graphs are replayed one after the other, and a
    graph's output is read before the next replay.

    Owns also the stream of all captures. Libraries keep a workspace for each stream, and a graph
    keeps using the workspace of its capture: two graphs that may run at the same time need two
    pools. The first dropped graph may free the workspace (PyTorch issue 193402), so the graphs of a
    pool live and end together.
    """

    def __init__(self, device: torch.device) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def capture(self, compute: Compute) -> Compute:
        """`compute` as a single launch. Runs `compute` twice, so the inputs must be harmless: first
        for the choices and compilation of a first call, then as a graph, since a graph's first
        launch is slow."""
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
