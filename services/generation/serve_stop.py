"""The stop of this replica by Ray Serve (scale-in, redeployment): a callback before Serve waits.

Serve 2.60 has no public hook here. Serve first waits until no request runs, and a live session is a
request; `__del__` of the actor comes after the wait, and the controller kills the process after
`graceful_shutdown_timeout_s`. So the method that begins the stop is wrapped: the only use of
Serve's own code, guarded by tests/e2e/test_scale_in.py.
"""

import asyncio
from collections.abc import Callable

from ray.serve._private.replica import Replica as ServeReplica


def call_before_stop(on_stop: Callable[[], None]) -> None:
    """Calls `on_stop` on the running event loop when Serve's controller stops this replica.

    The controller repeats the stop after its own restart, and so the call. Serve runs the method on
    another event loop than the code of the actor.
    """
    loop = asyncio.get_running_loop()
    stop = ServeReplica.perform_graceful_shutdown

    async def perform_graceful_shutdown(self: ServeReplica) -> None:
        loop.call_soon_threadsafe(on_stop)
        await stop(self)  # type: ignore[no-untyped-call]

    ServeReplica.perform_graceful_shutdown = perform_graceful_shutdown  # type: ignore[method-assign]
