"""Where the frame loop meets the rest: the engine below it, actions in, frames out."""

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


class Actions(Protocol):
    """All actions since the last call. Never waits."""

    def read(self) -> list[ReadAction]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedFrame:
    """A frame with the circumstances it was made in. `action_seq`: the newest action it has seen,
    which waited `queue_s` for its step. `level` and `fps`: how everybody on the replica was served
    then."""

    frame: Frame
    action_seq: int
    queue_s: float
    level: int
    fps: float


class DrawingError(RuntimeError):
    """The engine cannot draw for a session: a pass failed, or gave what is no picture."""


class BrokenFrameError(DrawingError):
    """A frame has latents that are NaN or infinite, and every frame after it would have."""


class LoopEvents(Protocol):
    """What the loop tells, in its own thread: return soon."""

    def generated(self, frame: GeneratedFrame) -> None: ...
    def failed(self, session_id: str, error: Exception) -> None:
        """No frame can be made for this session. The loop has closed it; the others go on."""

    def faulted(self, error: Exception) -> None:
        """Something failed that no one session is to blame for. The loop and all sessions go on."""

    def level_changed(self, level: int) -> None: ...
