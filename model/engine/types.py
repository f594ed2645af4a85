"""What passes between scheduler, runner and callers. Plain values; knows no torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.cache.page_table import Placement

ActionVector = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillPlan:
    """A session's opening frames, to be written to pages 0, 1, ... of a slot."""

    session_id: str
    seed: int
    slot: int
    frame_idxs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFrame:
    """One session's next frame: a row of the batch."""

    session_id: str
    seed: int
    frame_idx: int
    action: ActionVector
    placement: Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """One step. Rows beyond `frames`, up to `batch_size`, are padding."""

    frames: tuple[PlannedFrame, ...]
    num_steps: int
    batch_size: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A finished frame. The seconds are those of its whole batch, padding included."""

    session_id: str
    frame_idx: int
    pixels: NDArray[np.uint8]  # (H, W, 3) RGB
    num_steps: int
    denoise_s: float  # all denoise passes and the pass that remembers the frame
    decode_s: float
