"""Fixtures of the generation tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from services.generation.sessions import lease_keeper, live_session
from tests.services.generation.replica_kit import ReplicaBench, open_bench


@pytest_asyncio.fixture
async def bench(
    redis_url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ReplicaBench]:
    """Replicas that end with the test, with short periods of lease and snapshot."""
    monkeypatch.setattr(lease_keeper, "RENEW_S", 0.05)
    monkeypatch.setattr(live_session, "SAVE_S", 0.05)
    async with open_bench(redis_url, redis) as bench:
        yield bench
