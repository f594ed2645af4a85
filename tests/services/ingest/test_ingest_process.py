"""Ingest as a process, started like an operator does."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from services.backplane.connection import connect
from tests.services.ingest.ingest_kit import SECRET, FakeReplica, RunningIngest, browser

pytestmark = [pytest.mark.asyncio, pytest.mark.redis]


@asynccontextmanager
async def ingest_process(**environment: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.ingest", env=os.environ | environment, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until_ready(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if (await http.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)  # it is still starting


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def test_it_serves_a_player_counts_it_and_ends_when_told(redis_url: str) -> None:
    port, ops_port = free_port(), free_port()
    environment = {
        "NEXTFRAME_REDIS_URL": redis_url,
        "NEXTFRAME_TOKEN_SECRET": SECRET,
        "NEXTFRAME_INGEST_PORT": str(port),
        "NEXTFRAME_INGEST_OPS_PORT": str(ops_port),
        "NEXTFRAME_INGEST_ICE_ADDRESS": "127.0.0.1",
    }
    url = f"http://127.0.0.1:{port}"
    async with (
        FakeReplica() as replica,
        ingest_process(**environment) as process,
        httpx.AsyncClient(base_url=url) as http,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{ops_port}") as ops,
        connect(redis_url) as redis,
        browser() as one,
    ):
        await until_ready(ops)
        assert (await ops.head("/readyz")).status_code == 200
        for path in ("/metrics", "/readyz", "/healthz", "/openapi.json", "/docs"):
            assert (await http.get(path)).status_code == 404
        ingest = RunningIngest(url, http, redis)
        await ingest.live("s1", replica)
        await ingest.join("s1", one)
        await one.until(lambda: len(one.notes) > 3)
        metrics = (await ops.get("/metrics")).text
        assert 'nextframe_peers{kind="player"} 1.0' in metrics
        assert "nextframe_frames_sent_total" in metrics
        assert "nextframe_hop_seconds_bucket" in metrics
        assert "s1" not in metrics
        process.send_signal(signal.SIGTERM)
        await one.until(lambda: one.connection.connectionState == "closed", tick_s=0.05)
        await replica.until(lambda: not replica.links)
        assert await asyncio.wait_for(process.wait(), 10) in (0, -signal.SIGTERM)


async def test_a_wrong_setting_is_named_without_a_traceback() -> None:
    environment = {
        "NEXTFRAME_REDIS_URL": "redis://nowhere",
        "NEXTFRAME_TOKEN_SECRET": SECRET,
        "NEXTFRAME_INGEST_PORT": "http",
    }
    async with ingest_process(**environment) as process:
        _, stderr = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert stderr.decode() == "ingest: NEXTFRAME_INGEST_PORT must be int, got 'http'\n"


async def test_an_occupied_port_is_named(redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        environment = {
            "NEXTFRAME_REDIS_URL": redis_url,
            "NEXTFRAME_TOKEN_SECRET": SECRET,
            "NEXTFRAME_INGEST_PORT": str(port),
        }
        async with ingest_process(**environment) as process:
            _, stderr = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    why = f"NEXTFRAME_INGEST_PORT: port {port} on 127.0.0.1 is in use: end what uses it"
    assert stderr.decode() == f"ingest: {why}, or choose another one\n"
