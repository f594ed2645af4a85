"""The last few frames and nothing else. Integers only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """Keeps the newest `max_frames` frames."""

    max_frames: int

    @property
    def num_sinks(self) -> int:
        return 0

    def keep(self, num_frames: int) -> tuple[int, ...]:
        return tuple(range(max(0, num_frames - self.max_frames), num_frames))
