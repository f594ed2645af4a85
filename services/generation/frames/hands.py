"""One player's hands as the frame loop sees them: merged, and let go when nothing is heard.

Knows the wire's actions, not what a world makes of them.
"""

from services.wire.action import Action, ActionMerger, FrameAction

SILENCE_S = 1.0  # a page that is there sends every frame period
# A reloaded page counts from 1 again. Reordering does not last that long, and what Redis shows
# twice after an outage comes in one read.
_STALE_READS = 5


class Hands:
    """Owns the merging of one session's actions. `now`: the loop's monotonic clock in seconds,
    the same for all that one read brought."""

    def __init__(self, now: float, last_seq: int = 0) -> None:
        self.last_seq = last_seq
        self._merger = ActionMerger(last_seq)
        self._heard_s = now
        self._num_stale_reads = 0
        self._stale_s = now
        self._waits_since_s: float | None = None  # the newest action that no frame has seen

    def add(self, message: bytes, now: float, *, age_s: float = 0.0) -> None:
        """`age_s`: how long ago the action was sent on to us. Raises ValueError when the message
        is no action."""
        action = Action.from_bytes(message)
        self._heard_s = now
        num_stale = self._merger.num_stale
        self._merger.add(action)
        if self._merger.num_stale == num_stale:
            self._num_stale_reads = 0
            self._waits_since_s = now - age_s
        elif now > self._stale_s:
            self._stale_s = now
            self._num_stale_reads += 1
            if self._num_stale_reads == _STALE_READS:
                self._begin_anew(action)

    def queue_s(self, now: float) -> float:
        """How long the newest action has waited for its step; 0 when there is no new one."""
        return 0.0 if self._waits_since_s is None else max(0.0, now - self._waits_since_s)

    def peek(self) -> FrameAction:
        """What the next frame would see now."""
        return self._merger.peek()

    def take(self, now: float) -> FrameAction:
        """What the next frame sees."""
        if now - self._heard_s > SILENCE_S:
            self._merger.let_go()
        merged = self._merger.take()
        self.last_seq = merged.seq
        self._waits_since_s = None
        return merged

    def _begin_anew(self, action: Action) -> None:
        self._num_stale_reads = 0
        self._merger = ActionMerger(action.seq - 1)
        self._merger.add(action)
