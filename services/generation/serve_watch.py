"""Notices that Ray Serve stops this replica: a scale-in, a redeployment, a rolling update.

Serve tells the code of a replica nothing before its destructor. Serve first waits until no call
runs, and a session is a call of an hour; after `graceful_shutdown_timeout_s` it kills the process.
But Serve no longer asks for the health of a replica that it stops, and `serve.status()` counts such
replicas. Both together are the sign: a controller that is dead or busy is silent, too.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from ray import serve

from services.repeated_log import RepeatedLog

SILENT_S = 3.0  # three health checks
POLL_S = 0.5

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)


class ServeWatch:
    """Calls `on_change(True)` once Serve stops the replica, and `on_change(False)` if Serve asks
    for its health again. `is_any_stopping`: whether Serve stops some replica of the deployment;
    may block, and may raise while there is no controller."""

    def __init__(
        self,
        is_any_stopping: Callable[[], bool],
        on_change: Callable[[bool], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_any_stopping = is_any_stopping
        self._on_change = on_change
        self._clock = clock
        self._checked_s = clock()
        self._is_stopped = False

    def note_health_check(self) -> None:
        self._checked_s = self._clock()
        if self._is_stopped:
            self._set(False)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        if self._is_stopped or self._clock() - self._checked_s < SILENT_S:
            return
        asked_s = self._clock()
        try:
            is_stopping = await asyncio.to_thread(self._is_any_stopping)
        except Exception as error:  # any error of Ray: nothing is known
            repeated.warning("serve does not answer", cause=repr(error))
            return
        if is_stopping and self._checked_s < asked_s:  # no check came meanwhile
            self._set(True)

    def _set(self, is_stopped: bool) -> None:
        self._is_stopped = is_stopped
        log.info("serve stops this replica" if is_stopped else "serve keeps this replica")
        self._on_change(is_stopped)


def is_any_stopping(app_name: str, deployment: str) -> bool:
    """Whether Serve stops a replica of the deployment. Blocks for an answer of the controller."""
    application = serve.status().applications.get(app_name)
    found = application.deployments.get(deployment) if application else None
    counts = found.replica_states.items() if found else ()
    # The states come back as plain text, whatever their annotation says.
    return any(state == "STOPPING" and number for state, number in counts)
