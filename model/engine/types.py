"""What passes between scheduler, runner and callers. Plain values; knows no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from model.cache.page_table import Placement
from model.engine.image import FrameImage, Pixels
from model.place.state import State

ActionVector = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRequest:
    """A session's next frame. Equal requests give equal frames.

    `action`: the model's action vector. `num_steps`: denoise steps. `context_length`: how many of
    the newest frames the frame attends to, besides sinks; None: all kept frames. `deadline_s`: on
    the clock of all deadlines; a deadline decides the order of frames and changes no frame.
    """

    action: ActionVector
    num_steps: int
    context_length: int | None = None
    deadline_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedFrame:
    """A row of a pass: a finished frame whose keys and values are written."""

    session_id: str
    placement: Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFrame:
    """A row of a pass: a requested frame at a denoise step, 0 .. num_steps - 1. At `num_steps` the
    frame is finished and in no further pass.

    A draft is a frame before its request; `branch` numbers the drafts of a session. A joint frame
    is denoised with the previous frame, at the same step of the same pass, and attends to the
    previous frame while the previous frame is still noisy: the result differs from the frame
    generated sequentially. `state`: the player's state after the action, in a world with a place.
    """

    session_id: str
    seed: int
    request: FrameRequest
    state: State = ()
    denoise_step: int
    is_draft: bool
    is_joint: bool = False
    branch: int
    placement: Placement

    @property
    def key(self) -> tuple[str, int]:
        """Session and branch: the frame's name among unfinished frames."""
        return self.session_id, self.branch

    @property
    def is_last(self) -> bool:
        """The frame is finished after the present pass."""
        return self.denoise_step + 1 == self.request.num_steps

    @property
    def is_finished(self) -> bool:
        return self.denoise_step == self.request.num_steps

    def advanced(self) -> "DrawnFrame":
        """The frame after a pass. Written out, since `replace` takes twice as long in a path of
        every row."""
        return DrawnFrame(
            session_id=self.session_id,
            seed=self.seed,
            request=self.request,
            state=self.state,
            denoise_step=self.denoise_step + 1,
            is_draft=self.is_draft,
            is_joint=self.is_joint,
            branch=self.branch,
            placement=self.placement,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PassPlan:
    """A pass: rows of `cached`, then of `drawn`, then padding up to `batch_size`. Frames of a
    session are in order. Finished frames of `drawn` are decoded, padded to `decode_size`.
    `dropped`: joint frames without a free row."""

    cached: tuple[CachedFrame, ...]
    drawn: tuple[DrawnFrame, ...]
    dropped: tuple[DrawnFrame, ...] = ()
    batch_size: int
    decode_size: int

    @property
    def rows(self) -> tuple[CachedFrame | DrawnFrame, ...]:
        return (*self.cached, *self.drawn)

    @property
    def num_rows(self) -> int:
        return len(self.cached) + len(self.drawn)

    @property
    def placements(self) -> tuple[Placement, ...]:
        return tuple(row.placement for row in self.rows)

    @property
    def finished(self) -> tuple[DrawnFrame, ...]:
        return tuple(row for row in self.drawn if row.is_last)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PassResult:
    """An image for each of `PassPlan.finished`, whether all latents of the frame are finite
    numbers, and the seconds of the pass."""

    images: Sequence[FrameImage]
    are_finite: Sequence[bool]
    denoise_s: float
    decode_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A finished frame. The seconds are the sums over the frame's passes; a joint frame counts the
    share of a row."""

    session_id: str
    frame_idx: int
    image: FrameImage
    num_steps: int
    denoise_s: float  # its denoise passes and the one that cached the frame before it
    decode_s: float
    is_speculative: bool = False  # it was ready before its action was
    is_joint: bool = False  # and drawn with the frame before it: another than it would be alone
    is_finite: bool = True  # False: some latents are NaN or infinite, and so will all after it be
    state: State = ()  # where the player is and looks, in a world with a place

    @property
    def pixels(self) -> Pixels:
        """(H, W, 3) RGB."""
        return self.image.rgb()
