"""The ports of the frame loop: the engine, actions in, frames out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from model.engine.speculation import Speculation
from model.engine.types import ActionVector, Frame, FrameRequest
from services.backplane.action_reader import ReadAction

if TYPE_CHECKING:  # the loop's own tests run without torch
    from model.snapshot import WorldSnapshot


class Engine(Protocol):
    """What a replica needs of a `WorldEngine`. A pass that raises changes nothing."""

    @property
    def can_shorten_context(self) -> bool: ...
    @property
    def num_newest(self) -> int: ...
    @property
    def has_in_flight(self) -> bool: ...
    @property
    def speculation(self) -> Speculation: ...
    def open(self, session_id: str, *, start: int, seed: int) -> None: ...
    def step(
        self, actions: Mapping[str, ActionVector], *, num_steps: int, context_length: int | None
    ) -> Sequence[Frame]: ...
    def admit(self, session_id: str, *, start: int, seed: int) -> None: ...
    def admit_snapshot(self, session_id: str, snapshot: "WorldSnapshot") -> None: ...
    def is_in_prefill(self, session_id: str) -> bool: ...
    def begin(self, session_id: str, request: FrameRequest) -> Frame | None: ...
    def draft(self, session_id: str, request: FrameRequest) -> None: ...
    def draft_jointly(self, session_id: str) -> int: ...
    def shorten_context(self, session_id: str, *, context_length: int) -> bool: ...
    def steps_left(self, session_id: str) -> int: ...
    def is_drafting(self, session_id: str) -> bool: ...
    def advance(self, only: Collection[str] | None = None) -> Sequence[Frame] | None: ...
    def snapshot(self, session_id: str, *, last_action_seq: int) -> "WorldSnapshot": ...
    def close(self, session_id: str) -> None: ...


class ActionSource(Protocol):
    """All actions since the last call. Never waits."""

    def read(self) -> list[ReadAction]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedFrame:
    """A frame and how the frame was made. `action_seq`: newest action of the frame, which waited
    `queue_s` seconds. `level`, `fps`: quality level and frame rate of the replica."""

    frame: Frame
    action_seq: int
    queue_s: float
    level: int
    fps: float


class DrawingError(RuntimeError):
    """The engine makes no frames for a session: a pass failed, or a frame is not finite."""


class BrokenFrameError(DrawingError):
    """A frame has NaN or infinite latents, and every later frame would have, too."""


class LoopEvents(Protocol):
    """Callbacks in the thread of the frame loop: return soon."""

    def generated(self, frame: GeneratedFrame) -> None: ...
    def failed(self, session_id: str, error: Exception) -> None:
        """The session gets no more frames and is closed. Other sessions go on."""

    def faulted(self, error: Exception) -> None:
        """An error of no single session. The loop and all sessions go on."""

    def level_changed(self, level: int) -> None: ...
