"""Sessions that an operator sent to another replica: not taken back at once. Rules without I/O."""

HOLD_S = 10.0  # longer than the queue and the start of a session elsewhere


class SentAway:
    """Owns when each session was sent away."""

    def __init__(self) -> None:
        self._at_s: dict[str, float] = {}

    def note(self, session_id: str, now: float) -> None:
        self._at_s = {i: at_s for i, at_s in self._at_s.items() if now - at_s < HOLD_S}
        self._at_s[session_id] = now

    def is_recent(self, session_id: str, now: float) -> bool:
        at_s = self._at_s.get(session_id)
        return at_s is not None and now - at_s < HOLD_S
