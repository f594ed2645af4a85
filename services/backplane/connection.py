"""Creates Redis clients and loads Lua scripts. Knows no key."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError

# Redis cannot be asked, or refused. What a service answers then is the service's decision.
BackplaneError = RedisError

# What `connect` makes, for those who only pass it on.
Client = Redis

TIMEOUT_S = 2.0
MAX_CONNECTIONS = 32
_SCRIPTS = Path(__file__).parent / "scripts"
# LimitError when Redis is full: what would grow it, and the probe that says so.
_GROWING = frozenset({"create", "copy_snapshot", "save_snapshot", "restore", "probe"})


class Script(Protocol):
    """One Lua script; Redis runs a script atomically."""

    async def __call__(
        self, keys: Sequence[str] | None = None, args: Sequence[str | int | bytes] | None = None
    ) -> object: ...


def connect(url: str) -> Redis:
    """Returns a lazy client. The client connects at the first command and reconnects after a loss.

    A command fails with BackplaneError within about `TIMEOUT_S` instead of hanging. The client
    drops a connection to a read-only server, because after a failover the address may lead to
    another server.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
        retry_on_error=[ReadOnlyError],
    )
    return Redis.from_pool(pool)


def session_script(redis: Redis, name: str) -> Script:
    """Loads a session script together with the functions of common.lua and limits.lua."""
    return redis.register_script(_flags(name) + "".join(map(_text, ("common", "limits", name))))


def script(redis: Redis, name: str) -> Script:
    return redis.register_script(_flags(name) + _text(name))


def _flags(name: str) -> str:
    """Whatever frees memory, or changes what is there, must work when Redis has none left."""
    return "" if name in _GROWING else "#!lua flags=allow-oom\n"


def _text(name: str) -> str:
    return (_SCRIPTS / f"{name}.lua").read_text()
