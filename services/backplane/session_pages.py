"""Pages of all open sessions, for operators. Reads only; knows no rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from services.backplane.records import readable
from services.backplane.sessions import record_of
from services.wire import keys
from services.wire.session import SessionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """`callers`: who opened the session, widest first; the last one is the address. `ends_at_ms`:
    when the session's time is up."""

    record: SessionRecord
    callers: tuple[str, ...]
    ends_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """`next`: where the next page begins; empty on the last page."""

    sessions: tuple[OpenSession, ...]
    next: str = ""


class SessionPages:
    """Sessions that have not ended, by the time of their end. A session that comes or goes between
    two pages moves no other session to another page."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def page(self, *, limit: int, after: str = "") -> SessionPage:
        """`after`: `next` of the page before. Raises ValueError for another text."""
        places = await self._places(limit + 1, *_place(after))
        shown, has_more = places[:limit], len(places) > limit
        async with self._redis.pipeline(transaction=False) as pipe:
            for _, session_id in shown:
                pipe.hgetall(keys.session(session_id))
            found = zip(shown, await pipe.execute(), strict=True)
        living = [(ends_at_ms, fields) for (ends_at_ms, _), fields in found if fields]
        return SessionPage(
            sessions=tuple(readable(lambda item: _open_session(*item), living, "session")),
            next=f"{shown[-1][0]}.{shown[-1][1]}" if has_more else "",
        )

    async def opened_by(self, who: str) -> list[str]:
        """Returns the ids of one caller's sessions; some may have ended."""
        found = cast(set[bytes], await self._redis.smembers(keys.open_sessions(who)))
        return sorted(readable(bytes.decode, found, "session id"))

    async def _places(self, number: int, score: int, last_id: str) -> list[tuple[int, str]]:
        """Up to `number` pairs (end, id) behind the given pair, in order."""
        found: list[tuple[int, str]] = []
        offset = 0
        while len(found) < number:
            chunk = await self._redis.zrange(
                keys.ENDINGS, score, "+inf", byscore=True, offset=offset, num=number,
                withscores=True,
            )  # fmt: skip
            pairs = readable(_pair, cast(list[tuple[bytes, float]], chunk), "session id")
            found += [pair for pair in pairs if pair > (score, last_id)]
            if len(chunk) < number:
                break
            offset += number
        return found[:number]


def _place(after: str) -> tuple[int, str]:
    if not after:
        return 0, ""
    score, _, session_id = after.partition(".")
    if not (score.isascii() and score.isdigit() and session_id):
        raise ValueError(f"no page begins after {after!r}")
    return int(score), session_id


def _pair(found: tuple[bytes, float]) -> tuple[int, str]:
    session_id, ends_at_ms = found
    return int(ends_at_ms), session_id.decode()


def _open_session(ends_at_ms: int, fields: Mapping[bytes, bytes]) -> OpenSession:
    callers = fields.get(b"callers", b"").decode().split()
    return OpenSession(
        record=record_of(fields),
        callers=tuple(caller.rpartition("=")[0] for caller in callers),
        ends_at_ms=ends_at_ms,
    )
