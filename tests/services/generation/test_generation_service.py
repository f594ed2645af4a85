"""`python -m services.generation` as a process: a real Ray, a real engine, a small random world."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from services.backplane.connection import connect
from services.backplane.sessions import SessionStore
from services.play.private_redis import PrivateRedis
from services.wire.session import SessionRecord, SessionStatus
from tests.model.conftest import make_world
from tests.services.generation.generation_kit import LinkClient

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(700)]

START_TIMEOUT_S = 300.0  # a busy machine with two cores takes its time
STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """The running service."""

    process: subprocess.Popen[bytes]
    port: int
    redis_url: str
    log: Path
    temp: Path

    def get(self, path: str) -> tuple[int, str]:
        """Status and text; 0 while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()
        except OSError:
            return 0, ""

    def kill(self, name: str) -> None:
        """Kills the one child process whose command line contains `name`."""
        [found] = [pid for pid, c in descendants(self.process.pid).items() if name in c]
        os.kill(found, signal.SIGKILL)

    def wait_until_ready(self) -> None:
        ends_s = time.monotonic() + START_TIMEOUT_S
        while self.get("/readyz")[0] != 200:
            assert self.process.poll() is None and time.monotonic() < ends_s, self.log.read_text()
            time.sleep(0.2)


def environment(redis_url: str, world: Path, port: int) -> dict[str, str]:
    ours = {
        "NEXTFRAME_REDIS_URL": redis_url,
        "NEXTFRAME_GENERATION_WORLD": str(world),
        "NEXTFRAME_GENERATION_OPS_PORT": str(port),
        "NEXTFRAME_GENERATION_SLOTS": "2",
        "NEXTFRAME_GENERATION_THREADS": "1",
        "NEXTFRAME_GENERATION_NUM_CPUS": "0.5",
        "NEXTFRAME_GENERATION_ABSENT_S": "300",
    }
    return {k: v for k, v in os.environ.items() if not k.startswith("NEXTFRAME_")} | ours


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def descendants(pid: int) -> dict[int, str]:
    """Every process that `pid` started, directly or not, with its command line."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
        children.setdefault(parent, []).append(int(stat.parent.name))
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found[child] = _command(child)
            waiting.append(child)
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds") / "tiny"
    make_world("consistency").save(folder, card="random")
    return folder


@pytest.fixture(scope="module")
def service(
    private_redis: PrivateRedis, world: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with Redis.from_url(private_redis.url) as redis:
        redis.flushall()  # other tests' sessions carry the same names
    with serving(private_redis.url, world, tmp_path_factory.mktemp("generation")) as service:
        yield service


@contextmanager
def serving(redis_url: str, world: Path, folder: Path) -> Iterator[Service]:
    """A service with its log in `folder`, and its temporary files where they stay short."""
    log = folder / "log"
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="t") as temp, log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.generation"],
            env=environment(redis_url, world, port) | {"TMPDIR": temp},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        yield from _until_ended(Service(process, port, redis_url, log, Path(temp)))


def _until_ended(service: Service) -> Iterator[Service]:
    process = service.process
    try:
        service.wait_until_ready()
        yield service
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


async def create(store: SessionStore, session_id: str) -> None:
    record = SessionRecord(
        session_id=session_id,
        status=SessionStatus.QUEUED,
        world="tiny",
        start=0,
        seed=3,
        created_at_ms=0,
    )
    assert await store.create(record, max_queued=9) is not None


async def goes_live(store: SessionStore, session_id: str, epoch: int) -> SessionRecord:
    """Its player is there all the time, as ingest would say."""
    ends_s = time.monotonic() + START_TIMEOUT_S
    while True:
        record = await store.get(session_id)
        await store.mark_seen(session_id, is_connected=True)
        assert record is not None and time.monotonic() < ends_s
        if record.status is SessionStatus.LIVE and record.epoch >= epoch:
            return record
        await asyncio.sleep(0.05)


@pytest.mark.asyncio
async def test_a_session_survives_the_kill_of_its_replica(service: Service) -> None:
    async with connect(service.redis_url) as redis:
        store = SessionStore(redis)
        await create(store, "s1")
        first = await goes_live(store, "s1", epoch=1)
        link = await LinkClient.connect(first)
        frames = [await link.receive_frame() for _ in range(30)]
        assert frames[0].is_key and frames[0].epoch == 1
        while await store.load_snapshot("s1") is None:
            await link.receive()

        service.kill(":Generator")
        killed_s = time.monotonic()
        assert await link.is_closed()
        await link.close()

        second = await goes_live(store, "s1", epoch=2)
        print(f"live again after {time.monotonic() - killed_s:.1f} s")
        assert second.replica_id != first.replica_id
        link = await LinkClient.connect(second)
        after = await link.receive_frame()
        assert after.epoch == 2 and after.is_key
        assert after.frame_idx > frames[0].frame_idx  # from its snapshot, not from the start
        await link.close()
        await store.end("s1", "enough")
        service.wait_until_ready()


@pytest.mark.asyncio
async def test_a_replica_that_is_terminated_moves_its_session(service: Service) -> None:
    """cases/drills.md B2: the replica stayed for 60 s, accepted no session and advertised slots."""
    async with connect(service.redis_url) as redis:
        store = SessionStore(redis)
        await create(store, "s5")
        first = await goes_live(store, "s5", epoch=1)
        link = await LinkClient.connect(first)
        last = await link.receive_frame()
        [replica] = [p for p, c in descendants(service.process.pid).items() if ":Generator" in c]
        os.kill(replica, signal.SIGTERM)
        terminated_s = time.monotonic()
        assert (await link.receive_state())["state"] == "moving"
        await link.close()
        second = await goes_live(store, "s5", epoch=2)
        print(f"live again after {time.monotonic() - terminated_s:.1f} s")
        assert second.replica_id != first.replica_id
        link = await LinkClient.connect(second)
        assert (await link.receive_frame()).frame_idx > last.frame_idx
        await link.close()
        await store.end("s5", "enough")
        service.wait_until_ready()


@pytest.mark.asyncio
async def test_sessions_do_not_need_the_dispatcher_once_they_are_live(service: Service) -> None:
    async with connect(service.redis_url) as redis:
        store = SessionStore(redis)
        await create(store, "s3")
        link = await LinkClient.connect(await goes_live(store, "s3", epoch=1))
        last = await link.receive_frame()
        service.kill(":Dispatcher")
        await create(store, "s4")
        await goes_live(store, "s4", epoch=1)  # by the dispatcher that comes after it
        record = await store.get("s3")
        assert record is not None and record.epoch == 1
        while (await link.receive_frame()).frame_idx <= last.frame_idx + 17:
            pass
        await link.close()
        for session_id in ("s3", "s4"):
            await store.end(session_id, "enough")


@pytest.mark.asyncio
async def test_the_replica_measures_what_it_does(service: Service) -> None:
    async with connect(service.redis_url) as redis:
        store = SessionStore(redis)
        await create(store, "s2")
        link = await LinkClient.connect(await goes_live(store, "s2", epoch=1))
        await link.receive_frame()
        _, metrics = service.get("/metrics")
        assert 'nextframe_frame_stage_seconds_count{stage="encode"}' in metrics
        assert (
            "nextframe_frames_total" in metrics and 'nextframe_slots{world="tiny"} 2.0' in metrics
        )
        assert "s2" not in metrics
        await link.close()
        await store.end("s2", "enough")


def test_the_replica_yields_the_processor_to_nobody(service: Service) -> None:
    """Ray would run it at nice 15."""
    [replica] = [pid for pid, c in descendants(service.process.pid).items() if ":Generator" in c]
    assert os.getpriority(os.PRIO_PROCESS, replica) == os.getpriority(os.PRIO_PROCESS, 0)


def test_only_a_post_drains_and_nothing_is_said_about_the_inside(service: Service) -> None:
    status, _ = service.get("/drain")
    assert status == 405
    status, text = service.get("/openapi.json")
    assert status == 404 and json.loads(text)["type"].startswith("urn:nextframe:problem:")


def test_a_signal_ends_it_and_all_it_started(service: Service) -> None:
    started = descendants(service.process.pid)
    assert any("raylet" in command for command in started.values())
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(STOP_TIMEOUT_S) == 0, service.log.read_text()
    ends_s = time.monotonic() + 10
    while left := {pid: c for pid, c in started.items() if c and _command(pid) == c}:
        assert time.monotonic() < ends_s, left
        time.sleep(0.05)


def all_gone(service: Service, started: dict[int, str], *, within_s: float) -> None:
    ends_s = time.monotonic() + within_s
    while left := {pid: c for pid, c in started.items() if c and _command(pid) == c}:
        assert time.monotonic() < ends_s, left
        time.sleep(0.05)
    while left_behind := list(service.temp.glob("nf-*")):
        assert time.monotonic() < ends_s, left_behind
        time.sleep(0.05)


def test_a_killed_service_leaves_nothing(
    private_redis: PrivateRedis, world: Path, tmp_path: Path
) -> None:
    """cases/drills.md B6: the port was taken, agents lived on for a minute, and the folder."""
    with serving(private_redis.url, world, tmp_path) as service:
        service.wait_until_ready()
        started = descendants(service.process.pid)
        assert any("raylet" in command for command in started.values())
        service.process.kill()
        service.process.wait()
        killed_s = time.monotonic()
        all_gone(service, started, within_s=6)
        print(f"nothing is left after {time.monotonic() - killed_s:.1f} s")
        socket.create_server(("127.0.0.1", service.port)).close()


@pytest.mark.asyncio
async def test_without_rays_gcs_it_drains_and_ends(
    private_redis: PrivateRedis, world: Path, tmp_path: Path
) -> None:
    """cases/drills.md B6: the service ran on for 60 s and ended without a drain."""
    with serving(private_redis.url, world, tmp_path) as service:
        service.wait_until_ready()
        async with connect(service.redis_url) as redis:
            store = SessionStore(redis)
            await create(store, "s6")
            link = await LinkClient.connect(await goes_live(store, "s6", epoch=1))
            await link.receive_frame()
            while "generation is up" not in service.log.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            started = descendants(service.process.pid)
            service.kill("gcs_server")
            killed_s = time.monotonic()
            while service.process.poll() is None:
                assert time.monotonic() < killed_s + 25, service.log.read_text()
                await asyncio.sleep(0.05)
            print(f"ended after {time.monotonic() - killed_s:.1f} s")
            assert service.process.returncode != 0
            record = await store.get("s6")
            assert record is not None and record.status is SessionStatus.QUEUED
            assert await store.load_snapshot("s6") is not None
            await link.close()
            await store.end("s6", "enough")
            all_gone(service, started, within_s=8)
