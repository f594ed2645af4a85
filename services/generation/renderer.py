"""From actions to encoded frames: frame loop, encode loop and frame server, wired together.

Knows neither leases nor Redis: callers open and close sessions.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

from model.arithmetic.costs import pass_cost
from model.nfd.transformer import NFDConfig
from model.world import WorldSpec
from services.generation.frames.frame_loop import FrameLoop
from services.generation.frames.ports import ActionSource, DrawingError, Engine, GeneratedFrame
from services.generation.frames.quality_controller import QualityController
from services.generation.frames.quality_levels import ShortContext, make_levels
from services.generation.frames.slot_bounds import SlotBounds
from services.generation.frames.tick_times import measure_ticks
from services.generation.frames.warmup import warm_up
from services.generation.video.encode_loop import EncodeLoop
from services.generation.video.encoder import VideoFormat
from services.generation.video.encoder_requests import EncoderRequests
from services.generation.video.frame_server import FrameServer
from services.generation.video.mailbox import Mailbox
from services.telemetry import meter
from services.wire.capacity import CapacityCurve
from services.wire.frame import EncodedFrame

STUCK_S = 15.0  # a healthy pass is shorter
PROOF_S = 60.0  # a healthy prefill and one frame are shorter, beside sessions that play
PROOF_ID = "proof"  # never the id of a player's session
SHORT_WINDOW = 8  # frames; a shorter window has no context to give up

FAULTS = meter.create_counter(
    "nextframe_engine_faults",
    description="steps of the frame loop that failed for no single session",
)

log = logging.getLogger(__name__)


class Renderer:
    """Owns the two threads and the mailbox between the threads; made and used on one event loop.
    Callbacks run on the event loop: `on_failure(session_id, error)` for a session whose frames have
    stopped for good, `on_fault(error)` for an error of no single session or the end of a thread."""

    def __init__(
        self,
        spec: WorldSpec,
        engine: Engine,
        actions: ActionSource,
        video: VideoFormat,
        on_failure: Callable[[str, Exception], None],
        on_fault: Callable[[Exception], None],
        *,
        speculation: str,
    ) -> None:
        self._spec = spec
        self._on_failure = on_failure
        self._on_fault = on_fault
        self._event_loop = asyncio.get_running_loop()
        self._is_stopping = False
        self._proof: asyncio.Future[None] | None = None
        self._mailbox: Mailbox[GeneratedFrame] = Mailbox()
        self._server = FrameServer()
        self._encode_loop = EncodeLoop(self._mailbox, video, self._publish, self._encoder_failed)
        sampler = spec.sampler
        self._levels = make_levels(
            sampler.times,
            sampler.default_steps,
            spec.fps,
            short=short_context(spec.nfd, engine.num_newest)
            if engine.can_shorten_context
            else None,
            speculation=speculation,
        )
        self.capacity = CapacityCurve(period_s=1 / spec.fps)
        self.slots = 0
        quality = QualityController(self._levels)
        self.frame_loop = FrameLoop(engine, spec.action_space, actions, quality, self)
        self._threads = [
            Thread(target=self._run, args=(loop.run,), name=name, daemon=True)
            for name, loop in (("frame-loop", self.frame_loop), ("encode-loop", self._encode_loop))
        ]

    async def start(self, host: str, port: int, *, bounds: SlotBounds) -> int:
        """Warms the engine up; `capacity` and `slots` are known from here on. Returns the port
        that ingest connects to."""
        for thread in self._threads:
            thread.start()
        warm = self.frame_loop.call(lambda engine: self._warm_up(engine, bounds))
        self.capacity, self.slots = await asyncio.wrap_future(warm)
        return await self._server.start(host, port)

    def _warm_up(self, engine: Engine, bounds: SlotBounds) -> tuple[CapacityCurve, int]:
        still = self._spec.action_space.vector(0, 0, 0)
        best = self._levels[0]
        capacity = measure_ticks(
            engine,
            at_most=bounds.at_most,
            period_s=1 / self._spec.fps,
            num_steps=best.steps,
            context_length=best.shortened_length,
            still=still,
        )
        slots = bounds.slots(capacity)
        warm_up(engine, slots=slots, levels=self._levels, still=still)
        return capacity, slots

    async def stop(self) -> None:
        self._is_stopping = True
        self.frame_loop.stop()
        await asyncio.to_thread(self._threads[0].join)
        self._mailbox.close()
        await asyncio.to_thread(self._threads[1].join)
        await self._server.stop()

    def show(
        self, session_id: str, *, epoch: int, link_key: str, on_reset: Callable[[], None]
    ) -> None:
        """Opens the session to links that show `link_key`. `on_reset` is called when a link asks
        for a reset."""
        requests = EncoderRequests()
        self._encode_loop.open(session_id, epoch=epoch, requests=requests)
        self._server.open(
            session_id, epoch=epoch, link_key=link_key, requests=requests, on_reset=on_reset
        )

    def hide(self, session_id: str) -> None:
        self._encode_loop.close(session_id)
        self._server.close(session_id)

    def send_state(self, session_id: str, state: dict[str, Any]) -> None:
        """Sends a STATE message to every link of the session."""
        self._server.send_state(session_id, state)

    @property
    def fault(self) -> str:
        """Why no frame can be made until the process restarts; empty while frames can be made."""
        if not all(thread.is_alive() for thread in self._threads):
            return "a rendering thread has ended"
        if (busy_s := self.frame_loop.busy_s) > STUCK_S:
            return f"the frame loop has been in one pass for {busy_s:.0f} s"
        return ""

    async def prove(self) -> None:
        """Generates a frame of a session without a player, in the way of all sessions: prefill,
        passes, finite latents. Raises DrawingError on failure or after PROOF_S, and the error of
        `Engine.admit` when no slot is free."""
        self._proof = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PROOF_S):
                await asyncio.wrap_future(self.frame_loop.open(PROOF_ID, start=0, seed=0))
                await self._proof
        except TimeoutError:
            raise DrawingError(f"no frame within {PROOF_S:.0f} s") from None
        finally:
            self._proof = None
            self.frame_loop.close(PROOF_ID)

    def generated(self, frame: GeneratedFrame) -> None:
        if frame.frame.session_id == PROOF_ID:
            self._call_soon(self._end_proof, None)
        else:
            self._mailbox.put(frame.frame.session_id, frame)

    def failed(self, session_id: str, error: Exception) -> None:
        if session_id == PROOF_ID:
            self._call_soon(self._end_proof, error)
            return
        log.error("session failed", extra={"session_id": session_id, "error": repr(error)})
        self._call_soon(self._on_failure, session_id, error)

    def faulted(self, error: Exception) -> None:
        FAULTS.add(1)
        self._call_soon(self._on_fault, error)

    def level_changed(self, level: int) -> None:
        state = {"state": "level", "level": level}
        self._call_soon(self._server.send_state_to_all, state)

    def _publish(self, session_id: str, frame: EncodedFrame) -> None:
        self._call_soon(self._server.publish, session_id, frame)

    def _encoder_failed(self, session_id: str, error: Exception) -> None:
        self._call_soon(self._on_failure, session_id, error)

    def _end_proof(self, error: Exception | None) -> None:
        if self._proof is None or self._proof.done():
            return
        if error is None:
            self._proof.set_result(None)
        else:
            self._proof.set_exception(error)

    def _run(self, run: Callable[[], None]) -> None:
        """The body of both threads. An unexpected end calls `on_fault` at once."""
        try:
            run()
        except BaseException:  # the top of the thread: logged, and reported below
            log.exception("a rendering thread has ended")
        finally:
            if not self._is_stopping:
                self._call_soon(self._on_fault, RuntimeError("a rendering thread has ended"))

    def _call_soon(self, what: Callable[..., None], *args: Any) -> None:
        """Calls `what` on the event loop, from any thread; does nothing after the event loop
        closed."""
        with suppress(RuntimeError):
            self._event_loop.call_soon_threadsafe(what, *args)


def short_context(nfd: NFDConfig, num_newest: int) -> ShortContext | None:
    """A third of the context, with the cost by arithmetic. `num_newest`: context frames that the
    engine keeps. None: the context is too short to give any up."""
    window = num_newest + 1  # the frame itself included
    if window <= SHORT_WINDOW:
        return None
    seen = window // 3
    short, whole = (pass_cost(nfd, num_frames).flop for num_frames in (seen, window))
    return ShortContext(num_frames=seen - 1, row_cost=short / whole)
