"""Tests with a small write whether Redis is usable, and names the cause for an operator."""

import logging
from dataclasses import dataclass
from uuid import uuid4

from redis import exceptions
from redis.asyncio import Redis

from services.backplane.connection import BackplaneError, connect, script
from services.environment import SettingsError
from services.wire import keys

PROBE_TTL_S = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisFault:
    """Cause of an unusable Redis. `is_final`: waiting does not help; the configuration of Redis
    must change."""

    reason: str
    is_final: bool = False


class RedisProbe:
    """Owns the result of the last probe; logs one line at each change."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = script(redis, "probe")
        self._key = keys.probe(uuid4().hex)
        self._last: RedisFault | None = None

    async def fault(self) -> RedisFault | None:
        """Returns None if Redis accepts writes. Costs one small write with an expiry."""
        fault = await self._try()
        if fault != self._last:
            self._last = fault
            if fault is None:
                log.info("redis can be used again")
            else:
                log.warning("redis cannot be used", extra={"reason": fault.reason})
        return fault

    async def why_not_ready(self) -> str:
        """Returns the cause as text; empty if Redis accepts writes."""
        fault = await self.fault()
        return fault.reason if fault else ""

    async def _try(self) -> RedisFault | None:
        try:
            await self._script(keys=(self._key, keys.QUEUE), args=(PROBE_TTL_S,))
        except exceptions.ReadOnlyError as error:
            # The address may lead to the new primary by now; idle connections still lead here.
            await self._redis.connection_pool.disconnect(inuse_connections=False)
            return fault_of(error)
        except BackplaneError as error:
            return fault_of(error)
        return None


async def refuse_unfit(url: str) -> None:
    """Raises SettingsError if Redis answers but can never be used. An unreachable Redis is
    accepted."""
    async with connect(url) as redis:
        fault = await RedisProbe(redis).fault()
    if fault is not None and fault.is_final:
        raise SettingsError(f"NEXTFRAME_REDIS_URL: {fault.reason}")


def fault_of(error: BackplaneError) -> RedisFault:
    """Maps an error to a cause. The result holds no text of the error, since an error may quote a
    caller's data."""
    if isinstance(error.__cause__, BackplaneError):  # what went wrong while it connected
        return fault_of(error.__cause__)
    code = str(error).partition(" ")[0]
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthorizationError():
            return RedisFault(reason="Redis refuses the user or the password.", is_final=True)
        case exceptions.NoPermissionError():
            reason = "The Redis user may not run scripts, or may not write Nextframe's keys."
            return RedisFault(reason=reason, is_final=True)
        case exceptions.ReadOnlyError():
            return RedisFault(reason="Redis is read-only: a replica, or a demoted primary.")
        case exceptions.OutOfMemoryError():
            return RedisFault(reason="The memory of Redis is full (maxmemory).")
        case exceptions.BusyLoadingError():
            return RedisFault(reason="Redis is loading its data.")
        case exceptions.ClusterError() | exceptions.ClusterCrossSlotError():
            return _CLUSTER
        case exceptions.ConnectionError() | exceptions.TimeoutError():
            return RedisFault(reason="Redis does not answer.")
        case _ if code in ("MOVED", "CROSSSLOT", "CLUSTERDOWN"):
            return _CLUSTER
        case _ if "unknown command" in str(error):
            reason = "This Redis has no scripts; Nextframe needs the commands of 7.2."
            return RedisFault(reason=reason, is_final=True)
        case _:
            return RedisFault(reason=f"Redis refuses a write ({code if code.isalpha() else '?'}).")


_CLUSTER = RedisFault(
    reason="Redis runs in cluster mode; Nextframe needs one primary, with or without replicas.",
    is_final=True,
)
