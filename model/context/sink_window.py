"""The first frames of a scene for ever, and the newest frames. Integers only.

Attention relies on the first frames; without them, long streams fall apart (StreamingLLM, arXiv
2309.17453; LongLive, arXiv 2509.22622, for video). The first frames are also the only real frames.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkWindow:
    """Keeps the first `num_sinks` frames of a scene and the newest `window`."""

    num_sinks: int
    window: int

    def __post_init__(self) -> None:
        if self.num_sinks < 1 or self.window < 1:
            raise ValueError(f"at least one sink and one frame of window, got {self}")

    @property
    def max_frames(self) -> int:
        return self.num_sinks + self.window

    def keep(self, num_frames: int) -> tuple[int, ...]:
        newest = max(self.num_sinks, num_frames - self.window)
        sinks = range(min(self.num_sinks, num_frames))
        return (*sinks, *range(newest, num_frames))
