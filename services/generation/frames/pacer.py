"""When the next frame is due. Pure arithmetic on a monotonic clock, in seconds."""


class Pacer:
    """Ticks at `fps`, anchored: a tick that comes late does not move the ones after it. After a
    stall of more than a period the missed ticks are gone, so that no burst follows."""

    def __init__(self, fps: float, now: float) -> None:
        self.due_s = now
        self.period_s = 1.0 / fps

    def wait_s(self, now: float) -> float:
        return max(0.0, self.due_s - now)

    def tick(self, now: float) -> None:
        """The tick that was due happens now."""
        self.due_s += self.period_s
        if self.due_s < now:
            self.due_s = now

    def set_fps(self, fps: float) -> None:
        """Counts from the last tick."""
        period_s = 1.0 / fps
        self.due_s += period_s - self.period_s
        self.period_s = period_s
