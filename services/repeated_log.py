"""Rate-limits warnings that may occur a thousand times a second: one line per cause and minute,
with a count."""

import logging
import time
from collections.abc import Callable

PERIOD_S = 60.0
MAX_CAUSES = 64  # causes beyond share one line


class RepeatedLog:
    """Owns the recently logged causes with counts. For use on the event loop only."""

    def __init__(self, log: logging.Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._logged: dict[tuple[str, str], tuple[float, int]] = {}  # when, and how often since

    def warning(
        self, message: str, *, cause: str, with_traceback: bool = False, **extra: object
    ) -> None:
        """Logs `message` with `extra`, `cause` and `count`, the occurrences since the last line of
        the same message and cause. Logs nothing within PERIOD_S of the last line."""
        now = self._clock()
        key = self._key(message, cause, now)
        logged_s, count = self._logged.get(key, (-PERIOD_S, 0))
        if now - logged_s < PERIOD_S:
            self._logged[key] = logged_s, count + 1
            return
        self._logged[key] = now, 0
        event = {"cause": key[1], "count": count + 1} | extra
        self._log.warning(message, extra=event, exc_info=with_traceback)

    def _key(self, message: str, cause: str, now: float) -> tuple[str, str]:
        if (message, cause) in self._logged or len(self._logged) < MAX_CAUSES:
            return message, cause
        # What has been silent for a minute makes room.
        self._logged = {k: v for k, v in self._logged.items() if now - v[0] < PERIOD_S}
        return (message, cause) if len(self._logged) < MAX_CAUSES else (message, "others")
