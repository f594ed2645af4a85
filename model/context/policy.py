"""Which past frames a new frame may attend to. Integers only; knows no pages and no tensors.

Frames are counted from the scene's first frame, 0, whatever the session calls it.
"""

from typing import Protocol


class ContextPolicy(Protocol):
    """Chooses the context of each frame from frame indices alone."""

    @property
    def max_frames(self) -> int:
        """The most context frames a frame may have, itself not counted."""
        ...

    @property
    def num_sinks(self) -> int:
        """How many of the first frames of a scene are kept for ever. Sink keys are rotated to
        positions just before the oldest other frame, so no distance ever exceeds `max_frames`."""
        ...

    def keep(self, num_frames: int) -> tuple[int, ...]:
        """Ascending indices of the frames that frame `num_frames` attends to, without `num_frames`.

        At most `max_frames`, all below `num_frames`. A frame that was left out once is never kept
        again, and the frame's page is free for another frame.
        """
        ...
