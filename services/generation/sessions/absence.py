"""Whether a session's player is gone. Rules without I/O."""

from services.wire.session import SessionRecord

LEFT_S = 10.0  # since the player gave the seat back: the tab was closed
MAX_STEP_S = 2.0  # time between two readings of the record counts up to here


class Absence:
    """Owns how long the player has given no sign, by this process' clock.

    Times in the record are only compared with each other: Redis' wall clock may jump, and while
    Redis is away nobody can record a sign of the player.
    """

    def __init__(self, *, absent_s: float) -> None:
        self._absent_s = absent_s
        self._read_s: float | None = None
        self._seen_at_ms = 0
        self._unseen_s = 0.0
        self._left_at_ms = 0
        self._left_s = 0.0

    def observe(self, record: SessionRecord, now: float) -> bool:
        """True when no sign came for `absent_s`, or the seat has been free for LEFT_S. `now`:
        seconds of a monotonic clock at which the record was read."""
        step_s = 0.0 if self._read_s is None else min(now - self._read_s, MAX_STEP_S)
        self._read_s = now
        is_same = record.seen_at_ms == self._seen_at_ms
        self._unseen_s = self._unseen_s + step_s if is_same else 0.0
        self._seen_at_ms = record.seen_at_ms
        has_left = record.player_left_at_ms and record.player_left_at_ms == self._left_at_ms
        self._left_s = self._left_s + step_s if has_left else 0.0
        self._left_at_ms = record.player_left_at_ms
        return self._unseen_s > self._absent_s or self._left_s > LEFT_S
