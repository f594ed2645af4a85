"""The released version of each world, and counters about the sessions of each version."""

from collections.abc import Mapping
from typing import cast

from redis.asyncio import Redis

from services.backplane.index import members, read_all
from services.backplane.records import read_or_raise, readable
from services.wire import keys
from services.wire.release import Release


class ReleaseStore:
    """Publishes the training service's releases. The registry on disk is authoritative; Redis holds
    a copy for other services."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, release: Release) -> None:
        key = keys.world(release.world)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(key, release.to_json(), ex=keys.RELEASE_TTL_S)
            pipe.sadd(keys.WORLDS, key)
            pipe.expire(keys.WORLDS, keys.RELEASE_TTL_S)
            await pipe.execute()

    async def get(self, world: str) -> Release | None:
        """Raises RecordError for an unreadable release. Treating an unreadable release as missing
        would serve unreleased versions."""
        found = await self._redis.get(keys.world(world))
        return None if found is None else _release(found)

    async def all(self) -> dict[str, Release]:
        """Returns world name -> release. Raises RecordError as `get` does."""
        found = await read_all(self._redis, keys.WORLDS, await members(self._redis, keys.WORLDS))
        releases = [_release(text) for text in found]
        return {release.world: release for release in releases}


class VersionFigures:
    """Sums over the sessions of one version, written by all replicas."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def add(self, digest: str, counts: Mapping[str, int]) -> None:
        key = keys.figures(digest)
        async with self._redis.pipeline(transaction=True) as pipe:
            for name, count in counts.items():
                pipe.hincrby(key, name, count)
            pipe.expire(key, keys.FIGURES_TTL_S)
            await pipe.execute()

    async def read(self, digest: str) -> dict[str, int]:
        found = cast(dict[bytes, bytes], await self._redis.hgetall(keys.figures(digest)))
        return dict(readable(_count, found.items(), "figures of a version"))


def _count(pair: tuple[bytes, bytes]) -> tuple[str, int]:
    name, count = pair
    return name.decode(), int(count)


def _release(text: bytes | str) -> Release:
    return read_or_raise(Release.from_json, text, "release")
