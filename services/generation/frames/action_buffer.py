"""The actions of one player between two frames: merged, and released when no message comes.

Knows the wire format of actions, not what a world makes of an action.
"""

from services.wire.action import Action, ActionMerger, FrameAction

SILENCE_S = 1.0  # a connected page sends an action every frame period
# A reloaded page counts from 1 again. Five reads are longer than any reordering; actions that Redis
# delivers twice after an outage come in a single read.
_STALE_READS = 5


class ActionBuffer:
    """Owns the merged actions of one session. `now`: the loop's monotonic clock in seconds, the
    same for all actions of one read."""

    def __init__(self, now: float, last_seq: int = 0) -> None:
        self.last_seq = last_seq
        self._merger = ActionMerger(last_seq)
        self._received_s = now
        self._num_stale_reads = 0
        self._stale_s = now
        self._waits_since_s: float | None = None  # the newest action that no frame has seen

    def add(self, message: bytes, now: float, *, age_s: float = 0.0) -> None:
        """`age_s`: seconds since ingest sent the action. Raises ValueError when the message is no
        action."""
        action = Action.from_bytes(message)
        self._received_s = now
        num_stale = self._merger.num_stale
        self._merger.add(action)
        if self._merger.num_stale == num_stale:
            self._num_stale_reads = 0
            self._waits_since_s = now - age_s
        elif now > self._stale_s:
            self._stale_s = now
            self._num_stale_reads += 1
            if self._num_stale_reads == _STALE_READS:
                self._start_over(action)

    def queue_s(self, now: float) -> float:
        """Seconds that the newest action has waited for a frame; 0 without a new action."""
        return 0.0 if self._waits_since_s is None else max(0.0, now - self._waits_since_s)

    def peek(self) -> FrameAction:
        """The merged action of a frame that would be requested now."""
        return self._merger.peek()

    def take(self, now: float) -> FrameAction:
        """The merged action of the next frame. After SILENCE_S without a message all buttons are
        released."""
        if now - self._received_s > SILENCE_S:
            self._merger.let_go()
        merged = self._merger.take()
        self.last_seq = merged.seq
        self._waits_since_s = None
        return merged

    def _start_over(self, action: Action) -> None:
        self._num_stale_reads = 0
        self._merger = ActionMerger(action.seq - 1)
        self._merger.add(action)
