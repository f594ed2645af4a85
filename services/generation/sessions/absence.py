"""Whether the player of a session has gone, or has never connected. Rules without I/O.

The record is read once a second (RENEW_S): a slot is free up to two readings after the times below.
"""

from services.wire.session import SessionRecord

ARRIVE_S = 3.0  # without a poll or an SDP offer before the first connection: free within 5 s
CONNECT_S = 12.0  # with polls and SDP offers, but no connection
LEFT_S = 8.0  # since the player's last message, once the player has left: free within 10 s
MAX_STEP_S = 2.0  # longer times between two readings of the record count as this


class Absence:
    """Owns the seconds without a sign of the player, by the clock of the replica.

    Times in the record are only compared with each other: the wall clock of Redis may jump, and an
    outage of Redis hides all signs of the player.
    """

    def __init__(self, *, absent_s: float) -> None:
        self._absent_s = absent_s
        self._read_s: float | None = None
        self._sign_ms = 0
        self._unseen_s = 0.0
        self._awaited_s = 0.0
        self._left_at_ms = 0
        self._left_s = 0.0

    def observe(self, record: SessionRecord, now: float) -> bool:
        """True when the player is gone.

        With a connection: no sign for `absent_s`, or released the player lock and silent for
        LEFT_S. Without any connection yet: no sign for ARRIVE_S, or no connection for CONNECT_S.
        `now`: seconds of a monotonic clock when the record was read.
        """
        step_s = 0.0 if self._read_s is None else min(now - self._read_s, MAX_STEP_S)
        self._read_s = now
        sign_ms = record.connected_at_ms or record.seen_at_ms
        self._unseen_s = self._unseen_s + step_s if sign_ms == self._sign_ms else 0.0
        self._sign_ms = sign_ms
        if not record.connected_at_ms:
            self._awaited_s += step_s
            return self._unseen_s > ARRIVE_S or self._awaited_s > CONNECT_S
        if record.player_left_at_ms and record.player_left_at_ms == self._left_at_ms:
            self._left_s += step_s
        else:
            self._left_s = record.player_silent_ms / 1000
        self._left_at_ms = record.player_left_at_ms
        has_left = bool(record.player_left_at_ms) and self._left_s > LEFT_S
        return has_left or self._unseen_s > self._absent_s
