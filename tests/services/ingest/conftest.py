"""A running ingest, and a replica that renders the live session "s1" to the ingest."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.services.ingest.ingest_kit import FakeReplica, RunningIngest, running_ingest


@pytest_asyncio.fixture
async def ingest(redis_url: str) -> AsyncIterator[RunningIngest]:
    async with running_ingest(redis_url) as ingest:
        yield ingest


@pytest_asyncio.fixture
async def replica(ingest: RunningIngest) -> AsyncIterator[FakeReplica]:
    async with FakeReplica() as replica:
        await ingest.live("s1", replica)
        yield replica
