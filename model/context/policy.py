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
        """How many of the scene's first frames are kept for ever. They are met as if they came
        just before the oldest of the others, so no distance ever exceeds `max_frames`."""
        ...

    def keep(self, num_frames: int) -> tuple[int, ...]:
        """Ascending indices of the frames that frame `num_frames` attends to besides itself.

        At most `max_frames`, all below `num_frames`. A frame once left out is never kept again,
        so its page may be given away.
        """
        ...
