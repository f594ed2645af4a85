"""When the next frame of a session is requested. Pure arithmetic on seconds of a steady clock."""


class Pacer:
    """Ticks at `fps`. Ticks are anchored: a late tick does not move later ticks. After a stall of
    more than a period the missed ticks are dropped, and no burst follows."""

    def __init__(self, fps: float, now: float) -> None:
        self.next_tick_s = now
        self.period_s = 1.0 / fps

    def wait_s(self, now: float) -> float:
        """Seconds until the next tick; 0 for a late tick."""
        return max(0.0, self.next_tick_s - now)

    def tick(self, now: float) -> None:
        """The next tick happens now."""
        self.next_tick_s += self.period_s
        if self.next_tick_s < now:
            self.next_tick_s = now

    def set_fps(self, fps: float) -> None:
        """Changes the period from the last tick on."""
        period_s = 1.0 / fps
        self.next_tick_s += period_s - self.period_s
        self.period_s = period_s
