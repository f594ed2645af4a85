"""Keys of a scripted session on a private Redis: types, fields, ends, and who touches which key.

After every step the keys that are there; at the end each command that clients and Lua scripts sent
to each key. Times, random names and values are left out.
"""

import asyncio
import contextlib
import re
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from redis import Redis

from services.backplane.action_reader import ActionReader
from services.backplane.actions import ActionWriter
from services.backplane.connection import Client, connect
from services.backplane.limits import Limits
from services.backplane.player_lock import PlayerLock
from services.backplane.rate_limit import RateLimit
from services.backplane.redis_probe import RedisProbe
from services.backplane.releases import ReleaseStore, VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import Loss, SessionStore
from services.backplane.snapshots import SavedSnapshots
from services.play.private_redis import PrivateRedis
from services.wire import keys
from services.wire.codec import VideoCodec
from services.wire.session import Lease, SessionRecord, SessionStatus
from tests.unchanged.comparison import Recording
from tests.unchanged.wire import ACTION, OFFER, RELEASE

LIMITS = Limits(callers=(("caller", 1), ("network", 4)), max_open=2, session_bytes=1024)
_MARKER = "end-of-the-recording"
_RANDOM = re.compile(r"\b[0-9a-f]{32}\b")
_WITHOUT_KEY = {"hello", "client", "script", "ping", "select", "info", "multi", "exec", "time"}
_OURS = {"keys", "type", "ttl", "hkeys"}  # what `_keys` itself sends

Step = Callable[["_Session"], Awaitable[object]]


class _Session:
    """What the services have of one session: stores, the owner's lease."""

    def __init__(self, redis: Client, url: str) -> None:
        self.sessions = SessionStore(redis)
        self.controls = PlayerLock(redis)
        self.saved = SavedSnapshots(redis)
        self.replicas = ReplicaRegistry(redis)
        self.releases = ReleaseStore(redis)
        self.figures = VersionFigures(redis)
        self.rate = RateLimit(redis, "sessions", max_per_minute=9)
        self.probe = RedisProbe(redis)
        self.actions = ActionWriter(redis)
        self.url = url
        self.lease = Lease(epoch=0, link_key="")

    async def create(self) -> None:
        await self.sessions.create(_record("s1"), max_queued=4, limits=LIMITS)
        await self.sessions.create(_record("s2"), max_queued=4, limits=LIMITS)

    async def acquire(self) -> None:
        lease = await self.sessions.acquire(
            "s1", replica_id="r1", frame_address="127.0.0.1:1", link_key="k1", world_digest="d1"
        )
        assert lease is not None
        self.lease = lease

    async def go_live(self) -> None:
        await self.sessions.set_status("s1", SessionStatus.LIVE, self.lease)
        await self.sessions.mark_seen("s1", is_connected=True)
        await self.sessions.set_codec("s1", VideoCodec.VP8)
        await self.sessions.renew("s1", self.lease)

    async def play(self) -> None:
        await self.controls.take("s1", "p1")
        await self.controls.renew("s1", "p1", silent_s=0.5)
        await self.actions.append("r1", "s1", ACTION.to_bytes())
        await self.actions.aclose()

    async def read_actions(self) -> None:
        reader = ActionReader(self.url, "r1")
        try:
            for _ in range(200):
                if reader.read():
                    return
                await asyncio.sleep(0.05)
            raise RuntimeError("the reader saw no action")
        finally:
            reader.close()

    async def save(self) -> None:
        await self.sessions.save_snapshot("s1", self.lease, b"snapshot")
        await self.saved.save("s1", snapshot_id="copy", session_bytes=1024)
        await self.saved.get("copy")

    async def publish(self) -> None:
        await self.replicas.heartbeat(
            "r1", slots=2, used=1, world="toy", draining=False, world_digest="d1", refusal=""
        )
        await self.replicas.publish_world(OFFER)
        await self.replicas.all()
        await self.replicas.worlds()
        await self.releases.put(RELEASE)
        await self.figures.add("d1", {"sessions": 1})

    async def requeue(self) -> None:
        await self.controls.release("s1", "p1")
        await self.sessions.requeue("s1", self.lease, loss=Loss.ONE_OF_MANY)
        await self.sessions.queued()

    async def pause(self) -> None:
        await self.acquire()
        await self.sessions.set_status("s1", SessionStatus.LIVE, self.lease)
        await self.sessions.set_status("s1", SessionStatus.PAUSED, self.lease)

    async def lose(self) -> None:
        await self.sessions.wake("s1")
        await self.acquire()
        until_ms = (await self.sessions.leases())["s1"]
        await self.sessions.requeue_expired("s1", lease_until_ms=until_ms)
        await self.acquire()
        await self.sessions.requeue_lost("s1", epoch=self.lease.epoch)

    async def end(self) -> None:
        await self.sessions.end_overdue("over")
        for session_id in ("s1", "s2"):
            await self.sessions.end(session_id, "by the player")

    async def count(self) -> None:
        await self.sessions.has_room(LIMITS)
        await self.sessions.memory(max_bytes=0)
        await self.rate.take("caller")
        await self.probe.fault()


STEPS: Mapping[str, Step] = {
    "created": _Session.create,
    "acquired": _Session.acquire,
    "live": _Session.go_live,
    "played": _Session.play,
    "actions read": _Session.read_actions,
    "saved": _Session.save,
    "requeued": _Session.requeue,
    "paused": _Session.pause,
    "lost": _Session.lose,
    "ended": _Session.end,
    "counted": _Session.count,
    "published": _Session.publish,  # last: a replica's heartbeat ends after 5 s
}


def record() -> Recording:
    with (
        tempfile.TemporaryDirectory(prefix="nextframe-") as name,
        contextlib.closing(PrivateRedis(Path(name))) as server,
        Redis.from_url(server.url) as redis,
        redis.monitor() as monitor,
    ):
        found: Recording = {}
        time.sleep(0.2)  # the monitor's own connection is set up
        with Redis.from_url(server.url) as looking:
            asyncio.run(_play(server.url, looking, found))
            looking.execute_command("CLIENT", "SETNAME", _MARKER)
        commands: set[str] = set()
        for seen in monitor.listen():
            words = seen["command"].split(" ")
            if _MARKER in words:
                break
            is_script = seen["client_type"] == "lua"
            if is_script or words[0].lower() not in _OURS:
                commands.add(_named(words, is_script=is_script))
        return {**found, "commands": sorted(commands)} | _lifetimes()


async def _play(url: str, looking: Redis, found: Recording) -> None:
    async with connect(url) as redis:
        session = _Session(redis, url)
        for name, step in STEPS.items():
            await step(session)
            found[f"keys when {name}"] = _keys(looking)


def _keys(redis: Any) -> dict[str, list[str]]:
    """Each key: its type, whether it ends by itself, the fields of a hash."""
    found = {}
    for key in sorted(redis.keys("*")):
        kind = redis.type(key).decode()
        ends = "no end" if redis.ttl(key) == -1 else "ends"
        fields = sorted(field.decode() for field in redis.hkeys(key)) if kind == "hash" else []
        found[_RANDOM.sub("<random>", key.decode())] = [kind, ends, *fields]
    return found


def _named(words: list[str], *, is_script: bool) -> str:
    """The command with its first key; a script's call with all its keys."""
    sender, command = "script" if is_script else "client", words[0].lower()
    if command in ("evalsha", "eval"):
        names = words[3 : 3 + int(words[2])]
        return _RANDOM.sub("<random>", f"{sender} runs a script on {' '.join(names)}")
    if command in _WITHOUT_KEY or len(words) < 2:
        return f"{sender} {command}"
    return _RANDOM.sub("<random>", f"{sender} {command} {words[1]}")


def _lifetimes() -> Recording:
    numbers = {name: value for name, value in vars(keys).items() if isinstance(value, int)}
    return {"lifetimes": numbers}


def _record(session_id: str) -> SessionRecord:
    return SessionRecord(
        session_id=session_id, status=SessionStatus.QUEUED, world="toy", start=0, seed=1,
        created_at_ms=0,
    )  # fmt: skip
