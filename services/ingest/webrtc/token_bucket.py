"""A token bucket. The caller passes the time, so a test needs no clock."""


class TokenBucket:
    """Allows `burst` events at once and `per_s` events per second on average."""

    def __init__(self, *, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Takes one token if the bucket has one; a refused event takes none."""
        if self._at_s is not None:
            self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
