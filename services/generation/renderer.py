"""From actions to encoded frames: the frame loop, the encode loop and the frame server, wired.

Knows neither leases nor Redis: which sessions are open it is told.
"""

import asyncio
import logging
from collections.abc import Callable
from threading import Thread
from typing import Any

from model.arithmetic.costs import pass_cost
from model.nfd.transformer import NFDConfig
from model.world import WorldSpec
from services.generation.frames.frame_loop import FrameLoop
from services.generation.frames.ladder import Ladder
from services.generation.frames.ports import Actions, DreamtFrame, Engine
from services.generation.frames.rungs import ShortMemory, make_rungs
from services.generation.frames.warmup import warm_up
from services.generation.video.demand import Demand
from services.generation.video.encode_loop import EncodeLoop
from services.generation.video.encoder import VideoFormat
from services.generation.video.frame_server import FrameServer
from services.generation.video.mailbox import Mailbox
from services.wire.frame import EncodedFrame

STUCK_S = 15.0  # a step or a prefill never takes this long
MAX_FAILURES = 3  # in a row: then it is not the sessions' fault
SHORT_WINDOW = 8  # frames; a world that never sees more has none to spare

log = logging.getLogger(__name__)


class Renderer:
    """Owns the two threads and what goes between them; made and used on one event loop.
    `on_failure(session_id)` is called there for a session whose frames have stopped for good."""

    def __init__(
        self,
        spec: WorldSpec,
        engine: Engine,
        actions: Actions,
        video: VideoFormat,
        on_failure: Callable[[str], None],
        *,
        speculation: str,
    ) -> None:
        self._spec = spec
        self._on_failure = on_failure
        self._event_loop = asyncio.get_running_loop()
        self._num_failures = 0
        self._mailbox: Mailbox[DreamtFrame] = Mailbox()
        self._server = FrameServer()
        self._encode_loop = EncodeLoop(self._mailbox, video, self._publish)
        sampler = spec.sampler
        self._rungs = make_rungs(
            sampler.times,
            sampler.default_steps,
            spec.fps,
            short=short_memory(spec.nfd, engine.num_newest) if engine.has_short_memory else None,
            speculation=speculation,
        )
        ladder = Ladder(self._rungs)
        self.frame_loop = FrameLoop(engine, spec.action_space, actions, ladder, self)
        self._threads = [
            Thread(target=self.frame_loop.run, name="frame-loop", daemon=True),
            Thread(target=self._encode_loop.run, name="encode-loop", daemon=True),
        ]

    async def start(self, host: str, port: int, *, slots: int) -> int:
        """Returns the port that edges connect to, once the engine is warm."""
        for thread in self._threads:
            thread.start()
        still = self._spec.action_space.vector(0, 0, 0)
        warm = self.frame_loop.call(
            lambda engine: warm_up(engine, slots=slots, rungs=self._rungs, still=still)
        )
        await asyncio.wrap_future(warm)
        return await self._server.start(host, port)

    async def stop(self) -> None:
        self.frame_loop.stop()
        await asyncio.to_thread(self._threads[0].join)
        self._mailbox.close()
        await asyncio.to_thread(self._threads[1].join)
        await self._server.stop()

    def show(
        self, session_id: str, *, epoch: int, link_key: str, on_reset: Callable[[], None]
    ) -> None:
        """Lets edges that show `link_key` watch the session, and ask for its reset."""
        demand = Demand()
        self._encode_loop.open(session_id, epoch=epoch, demand=demand)
        self._server.open(
            session_id, epoch=epoch, link_key=link_key, demand=demand, on_reset=on_reset
        )

    def hide(self, session_id: str) -> None:
        self._encode_loop.close(session_id)
        self._server.close(session_id)

    def tell(self, session_id: str, state: dict[str, Any]) -> None:
        """A STATE message to every edge of the session."""
        self._server.tell(session_id, state)

    async def check(self) -> None:
        """Raises RuntimeError when frames cannot be made any more."""
        if self._num_failures >= MAX_FAILURES:
            raise RuntimeError(f"the engine failed {self._num_failures} sessions in a row")
        if not all(thread.is_alive() for thread in self._threads):
            raise RuntimeError("a rendering thread has ended")
        answer = asyncio.wrap_future(self.frame_loop.call(lambda _: None))
        try:
            async with asyncio.timeout(STUCK_S):
                await answer
        except TimeoutError:
            raise RuntimeError(f"the frame loop is stuck for {STUCK_S} s") from None

    def dreamt(self, frame: DreamtFrame) -> None:
        self._num_failures = 0
        self._mailbox.put(frame.frame.session_id, frame)

    def failed(self, session_id: str, error: Exception) -> None:
        self._num_failures += 1
        log.error("session failed", extra={"session_id": session_id, "error": repr(error)})
        self._event_loop.call_soon_threadsafe(self._on_failure, session_id)

    def level_changed(self, level: int) -> None:
        state = {"state": "level", "level": level}
        self._event_loop.call_soon_threadsafe(self._server.tell_all, state)

    def _publish(self, session_id: str, frame: EncodedFrame) -> None:
        self._event_loop.call_soon_threadsafe(self._server.publish, session_id, frame)


def short_memory(nfd: NFDConfig, num_newest: int) -> ShortMemory | None:
    """A third of what is seen otherwise, its cost by arithmetic."""
    window = num_newest + 1  # the frame itself included
    if window <= SHORT_WINDOW:
        return None
    seen = window // 3
    short, whole = (pass_cost(nfd, num_frames).flop for num_frames in (seen, window))
    return ShortMemory(num_frames=seen - 1, row_cost=short / whole)
