"""Walks the journey of one action that ARCHITECTURE.md documents.

An action goes in at a data channel of a fake peer; the frame that contains the action comes out of
the video track. Everything between is real: Redis, frame loop, a tiny world, encoder, frame link.
The documented functions must be called in the documented order.
"""

import asyncio
import inspect
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import CodeType, FrameType
from typing import Any, cast

import pytest
from aiortc import RTCDataChannel
from redis.asyncio import Redis

from model.engine.world_engine import WorldEngine
from services.backplane.action_reader import ActionReader
from services.backplane.actions import ActionWriter
from services.generation.frames.slot_bounds import SlotBounds
from services.generation.renderer import Renderer
from services.generation.video.encoder import VideoFormat
from services.ingest.action_gate import ActionGate
from services.ingest.frame_link import FrameLink, Owner
from services.ingest.webrtc.abuse import Abuse
from services.ingest.webrtc.channels import Channels
from services.ingest.webrtc.track import FrameTrack
from services.wire.action import Action
from services.wire.codec import VideoCodec
from services.wire.frame import EncodedFrame
from tests.model.conftest import make_world
from tests.word_count import ROOT

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]

JOURNEY = (ROOT / "ARCHITECTURE.md").read_text().split("## The journey of one action")[1]
JOURNEY = JOURNEY.split("\n## ")[0]
# `path: Name` or `path: Class.method`, in the order of the page.
STEPS = re.findall(r"`([\w/]+\.(?:py|js)): ([\w.]+)`", JOURNEY)
PYTHON = [(path, name) for path, name in STEPS if path.endswith(".py")]
SEQ = 7


def code_of(path: str, name: str) -> CodeType:
    """The code object of a documented function."""
    found: Any = import_module(path.removesuffix(".py").replace("/", "."))
    for part in name.split("."):
        found = getattr(found, part)
    return cast(CodeType, inspect.unwrap(found).__code__)


class CallLog:
    """Records the calls of chosen functions in all threads, in order."""

    def __init__(self, codes: set[CodeType]) -> None:
        self._codes = codes
        self.called: list[CodeType] = []

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code in self._codes:
            self.called.append(frame.f_code)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Profiles this thread and all threads that start inside."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


class FakeChannel:
    """The `input` channel of a page, without a network."""

    label, readyState = "input", "open"

    def on(self, event: str, handler: Callable[[bytes], None]) -> None:
        self.deliver = handler


def fail(*details: object) -> None:
    raise AssertionError(details)


@pytest.mark.parametrize(("path", "name"), STEPS)
def test_a_step_names_code_that_exists(path: str, name: str) -> None:
    if path.endswith(".py"):
        assert code_of(path, name)
    else:
        assert re.search(rf"\b{name.split('.')[-1]}\b", (ROOT / path).read_text())


@pytest.mark.asyncio
async def test_an_action_takes_the_documented_path(redis_url: str, redis: Redis) -> None:
    codes = [code_of(path, name) for path, name in PYTHON]
    log = CallLog(set(codes))
    world = make_world("consistency")
    with log.recording():
        reader, writer = ActionReader(redis_url, "r1"), ActionWriter(redis)
        engine = WorldEngine(world, max_sessions=1, device="cpu")
        video = VideoFormat(
            codec="libx264", width=world.spec.width, height=world.spec.height, fps=world.spec.fps
        )
        renderer = Renderer(world.spec, engine, reader, video, fail, fail, speculation="off")
        port = await renderer.start("127.0.0.1", 0, bounds=SlotBounds(at_least=1, at_most=1))
        renderer.show("s1", epoch=1, link_key="key", on_reset=lambda: None)
        gate = ActionGate("s1", writer)
        gate.replica_id = "r1"
        forwarding = asyncio.create_task(gate.run())
        sent: asyncio.Queue[EncodedFrame] = asyncio.Queue()
        track = FrameTrack(
            codec=VideoCodec.H264,
            on_lost=lambda: None,
            on_sent=lambda frame: sent.put_nowait(frame),
        )
        link = FrameLink("s1", on_frame=track.put, on_state=lambda state: None)
        await link.follow(Owner(epoch=1, address=f"127.0.0.1:{port}", link_key="key"))
        opened = renderer.frame_loop.open("s1", start=0, seed=1)
        await asyncio.wrap_future(opened)
        channel = FakeChannel()
        Channels(gate.offer, lambda: None, Abuse()).add(cast(RTCDataChannel, channel))
        sending = asyncio.create_task(send_packets(track))
        link.request_keyframe()
        await sent.get()
        log.called.clear()
        channel.deliver(Action(held=1, seq=SEQ).to_bytes())
        async with asyncio.timeout(60):
            while (await sent.get()).action_seq < SEQ:
                link.request_keyframe()
        for task in (sending, forwarding):
            task.cancel()
        await asyncio.gather(sending, forwarding, return_exceptions=True)
        await link.close()
        await renderer.stop()
        reader.close()
        await writer.aclose()
    assert steps_done(codes, log.called) == [name for _, name in PYTHON]


async def send_packets(track: FrameTrack) -> None:
    """Takes packets as an RTP sender does."""
    while True:
        await track.recv()


def steps_done(codes: list[CodeType], called: list[CodeType]) -> list[str]:
    """The longest beginning of the documented steps that was called in order."""
    done, position = [], 0
    for (_, name), code in zip(PYTHON, codes, strict=True):
        if code not in called[position:]:
            break
        position = called.index(code, position) + 1
        done.append(name)
    return done


def test_the_path_has_a_length() -> None:
    """An empty match of the page would make the walk above trivial."""
    assert len(PYTHON) >= 12
