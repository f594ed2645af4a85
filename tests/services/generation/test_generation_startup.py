"""A replica as it is started in earnest, short of Ray: a saved world, the real engine."""

import asyncio
import io
from base64 import b64decode
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.fast import FastPaths, probes
from services.backplane.sessions import SessionStore
from services.generation import startup
from services.generation.frames.quality_levels import ShortContext, make_levels
from services.generation.frames.warmup import warm_up
from services.generation.health import create_app
from services.generation.sessions.replica import Replica
from services.generation.sessions.world_listing import make_listing
from services.generation.settings import GenerationSettings
from services.generation.startup import start_replica
from services.http_server.server import OpsServer
from services.wire.session import SessionRecord, SessionStatus
from tests.fakes import FakeEngine, make_spec
from tests.model.conftest import make_world
from tests.services.generation.generation_kit import LinkClient, eventually

SHORT = ShortContext(num_frames=7, row_cost=0.7)
LEVELS = make_levels((1, 2), default_steps=2, fps=17.5, short=SHORT)


def test_the_offer_shows_every_start() -> None:
    world = make_world("consistency")
    listing = make_listing(world)
    assert (listing.name, listing.fps, listing.buttons) == (
        "tiny",
        17.5,
        world.spec.action_space.buttons,
    )
    assert [start.index for start in listing.starts] == [0, 1]
    for start in listing.starts:
        kind, _, content = start.image.partition(",")
        assert kind == "data:image/jpeg;base64"
        with av.open(io.BytesIO(b64decode(content)), "r", format="jpeg_pipe") as pictures:
            [picture] = pictures.decode(video=0)
        assert (picture.width, picture.height) == (256, 256)


def test_the_offer_moves_as_the_liveliest_start_does() -> None:
    world = make_world("consistency")
    still = replace(
        world.starts[1], latents_FChw=world.starts[1].latents_FChw[:1].repeat(9, 1, 1, 1)
    )
    listing = make_listing(replace(world, starts=(still, world.starts[1])))
    assert listing.title == world.spec.title
    kind, _, content = listing.preview.partition(",")
    assert kind == "data:image/webp;base64"
    moving = b64decode(content)
    assert moving[:4] == b"RIFF" and moving[8:12] == b"WEBP" and b"ANIM" in moving[:64]
    assert moving.count(b"ANMF") == len(world.starts[1].latents_FChw) == 7


def test_warming_up_meets_every_shape_and_leaves_nothing() -> None:
    engine = FakeEngine(make_spec())
    warm_up(engine, slots=3, levels=LEVELS, still=(0.0,))
    assert engine.ways == [(2, None), (2, 7), (1, 7)] * 3
    assert [len(engine.actions[f"warm-up-{slot}"]) for slot in range(3)] == [9, 6, 3]
    assert engine.sessions == {}


def test_a_warm_up_that_fails_leaves_nothing_either() -> None:
    engine = FakeEngine(make_spec())
    engine.failing = {"warm-up-1"}
    with pytest.raises(RuntimeError):
        warm_up(engine, slots=3, levels=LEVELS, still=(0.0,))
    assert engine.sessions == {}


@pytest.mark.parametrize(
    ("wanted", "device", "missing", "served"),
    [
        ("fp32", "cpu", "", "fp32"),
        ("int8", "cpu", "", "int8"),
        ("auto", "cpu", "", "int8"),
        ("auto", "cpu", "no VNNI", "fp32"),
        ("auto", "cuda", "", "bf16"),
        ("bf16", "cuda", "", "bf16"),
        ("fp32", "cuda", "", "fp32"),
    ],
)
def test_a_precision_is_taken_where_it_is_wanted_and_to_be_had(
    monkeypatch: pytest.MonkeyPatch, wanted: str, device: str, missing: str, served: str
) -> None:
    monkeypatch.setattr(startup, "why_not_int8", lambda: missing)
    settings = GenerationSettings(redis_url="redis://none", device=device, precision=wanted)
    assert startup._precision(settings) == served


@pytest.mark.parametrize(
    ("wanted", "policy"),
    [
        ({}, SlidingWindow(23)),
        ({"context": 8}, SlidingWindow(8)),
        ({"sinks": 1}, SinkWindow(num_sinks=1, window=22)),
        ({"context": 8, "sinks": 1}, SinkWindow(num_sinks=1, window=8)),
    ],
)
def test_a_replica_looks_back_as_far_as_its_operator_says(
    wanted: dict[str, Any], policy: ContextPolicy
) -> None:
    settings = GenerationSettings(redis_url="redis://nowhere", **wanted)
    assert startup._policy(settings, most=23) == policy


def test_quicker_forms_are_for_a_gpu_whose_operator_wants_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[set[str]] = []

    def find(device: str, *, wanted: Collection[str], compile_cache: Path | None) -> FastPaths:
        asked.append(set(wanted))
        return FastPaths(graphs=True)

    def paths(device: str, wanted: str) -> FastPaths | None:
        settings = GenerationSettings(redis_url="redis://none", device=device, fast_paths=wanted)
        return startup._paths(settings)

    monkeypatch.setattr(startup, "find_paths", find)
    assert paths("cuda", "auto") == paths("cuda", "flash,graphs") == FastPaths(graphs=True)
    assert asked == [set(probes.FORMS), {"flash", "graphs"}]
    assert paths("cuda", "off") is paths("cpu", "auto") is None
    with pytest.raises(ValueError, match="warp"):
        paths("cuda", "graphs,warp")


@pytest_asyncio.fixture(
    params=[{}, {"speculation": "joint"}, {"context": 2, "sinks": 1}],
    ids=["exact", "joint", "sinks"],
)
async def started(
    request: pytest.FixtureRequest, redis_url: str, tmp_path: Path
) -> AsyncIterator[tuple[Replica, OpsServer]]:
    make_world("consistency").save(tmp_path / "tiny", card="random")
    settings = GenerationSettings(
        redis_url=redis_url,
        worlds=(tmp_path / "tiny",),
        slots=2,
        ops_port=0,
        precision="auto",
        **request.param,
    )
    replica, health = await start_replica(settings, tmp_path / "tiny", "group-")
    yield replica, health
    await replica.stop()
    await health.stop()


@pytest.mark.redis
@pytest.mark.asyncio
async def test_a_real_engine_plays_a_session(
    started: tuple[Replica, OpsServer], redis: Redis
) -> None:
    replica, _ = started
    assert replica.replica_id.startswith("group-")
    store = SessionStore(redis)
    record = SessionRecord(
        session_id="s1", status=SessionStatus.QUEUED, world="tiny", start=1, seed=5, created_at_ms=0
    )
    await store.create(record, max_queued=1)
    call = asyncio.create_task(replica.run_session("s1"))

    async def is_live() -> bool:
        found = await store.get("s1")
        return found is not None and found.status is SessionStatus.LIVE

    await eventually(is_live)
    live = await store.get("s1")
    assert live is not None
    link = await LinkClient.connect(live)
    frames = [await link.receive_frame() for _ in range(3)]
    assert frames[0].is_key and frames[0].denoise_ms > 0
    await link.close()
    await store.end("s1", "enough")
    await call


@pytest.mark.redis
@pytest.mark.asyncio
async def test_who_may_drain(started: tuple[Replica, OpsServer]) -> None:
    replica, _ = started
    token = "t" * 16

    async def post_from(address: str, drain_token: str = token, **headers: str) -> int:
        app = create_app(replica, drain_token)
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://replica") as client:
            return (await client.post("/drain", headers=headers)).status_code

    known = {"Authorization": f"Bearer {token}"}
    assert await post_from("10.0.0.9", **known) == 403
    assert await post_from("127.0.0.1") == 401
    assert await post_from("127.0.0.1", Authorization="Bearer another") == 401
    assert await post_from("127.0.0.1", drain_token="", Authorization="Bearer ") == 403
    for origin in ("http://evil.example", "null", ""):
        assert await post_from("127.0.0.1", Origin=origin, **known) == 403
    assert await replica.why_not_ready() == ""
    assert await post_from("::ffff:127.0.0.1", **known) == 200
    assert await replica.why_not_ready()
