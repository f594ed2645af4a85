"""Quality levels, best first: how a replica serves all sessions, and what each level gives up.

The order: first drafts, then context length, then denoise steps, then the frame rate. A shorter
context comes before fewer steps because players hardly notice a shorter context
(`docs/performance.md` has the measurements). For the same reason a single late frame sees a
shorter context before a level shortens the context of every frame.

Plain values: no torch, no load, no clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

SPECULATIONS = ("off", "exact", "joint")  # joint: exact drafts, and jointly denoised frames
FPS_SHARES = (0.85, 0.72, 0.6, 0.5, 0.42, 0.35)  # small steps: a lower level costs players little


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortContext:
    """`num_frames`: context frames of a shortened frame. `row_cost`: cost of a row of a pass with
    the short context, as a share of the cost with the whole context."""

    num_frames: int
    row_cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLevel:
    """One way of serving all sessions of a replica.

    `number`: what players and metrics see, 0 at full quality; the first two levels differ in drafts
    only and share number 0. `steps`: denoise steps per frame. `short`: context of every frame; None
    is the whole context. `shortened_length`: context frames of a single frame under deadline
    pressure; None where frames are not shortened.
    """

    number: int
    steps: int
    short: ShortContext | None = None
    shortened_length: int | None = None
    fps: float
    drafts: bool = False
    drafts_jointly: bool = False

    @property
    def context_length(self) -> int | None:
        """Context frames of every frame; None: the whole context."""
        return self.short.num_frames if self.short else None

    @property
    def frame_cost(self) -> float:
        """Cost of a frame in denoise passes with the whole context: the steps, a pass that writes
        keys and values, and decoding, which takes about as long as a pass."""
        row_cost = self.short.row_cost if self.short else 1.0
        return (self.steps + 1) * row_cost + 1


def make_levels(
    step_counts: Iterable[int],
    default_steps: int,
    fps: float,
    *,
    short: ShortContext | None = None,
    speculation: str = "exact",
) -> tuple[QualityLevel, ...]:
    """Levels from full quality down. `step_counts`: denoise steps that the world's sampler offers.
    `short`: None where a short context would save nothing. `speculation`: one of SPECULATIONS."""
    most, *fewer = sorted((n for n in step_counts if n <= default_steps), reverse=True)
    fewest = fewer[-1] if fewer else most
    lowered: list[tuple[int, ShortContext | None, float]] = [(most, None, fps)]
    lowered += [(most, short, fps)] if short else []
    lowered += [(steps, short, fps) for steps in fewer]
    lowered += [(fewest, short, fps * share) for share in FPS_SHARES]
    shortened_length = short.num_frames if short else None
    plain = tuple(
        QualityLevel(
            number=number,
            steps=steps,
            short=context,
            shortened_length=shortened_length if context is None else None,
            fps=rate,
        )
        for number, (steps, context, rate) in enumerate(lowered)
    )
    if speculation == "off":
        return plain
    return (replace(plain[0], drafts=True, drafts_jointly=speculation == "joint"), *plain)
