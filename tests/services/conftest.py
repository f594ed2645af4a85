"""Fixtures of the services' tests: a real Redis, empty for every test."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from services.backplane.connection import connect
from services.play.private_redis import PrivateRedis


@pytest.fixture(scope="session")
def private_redis() -> Iterator[PrivateRedis]:
    with (
        tempfile.TemporaryDirectory(prefix="nextframe-") as folder,
        closing(PrivateRedis(Path(folder))) as server,
    ):
        yield server


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """An empty folder with a short path, as required by sockets."""
    with tempfile.TemporaryDirectory(prefix="nextframe-") as name:
        yield Path(name)


@pytest.fixture
def redis_url(private_redis: PrivateRedis) -> str:
    """URL of a real, private, empty Redis."""
    with Redis.from_url(private_redis.url) as redis:
        redis.flushall()
    return private_redis.url


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[AsyncRedis]:
    """A client, created like the services' clients."""
    async with connect(redis_url) as client:
        yield client


@contextmanager
def outage(redis_url: str) -> Iterator[None]:
    """Makes the server unreachable without data loss: closes every connection and refuses new
    connections."""
    path = Path(redis_url.removeprefix("unix://"))
    with Redis.from_url(redis_url) as redis:
        redis.ping()
        hidden = path.rename(path.with_suffix(".away"))
        redis.client_kill_filter(_type="normal", skipme=True)
    try:
        yield
    finally:
        hidden.rename(path)
