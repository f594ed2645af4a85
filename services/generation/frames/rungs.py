"""The ways of serving, best first: what gives way at overload, and in which order. Plain values;
imports no torch, knows no load and no clock.

First drafts, then the memory, then denoise steps, then the frame rate, equal for everybody.
Remembering less comes before fewer steps because it hardly shows: what was measured is in
`docs/performance.md`. For the same reason a single frame that would be late sees less of it before
that is a rung for all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

SPECULATIONS = ("off", "exact", "joint")  # joint: exact drafts, and frames drawn two at a time
FPS_SHARES = (0.85, 0.72, 0.6, 0.5, 0.42, 0.35)  # small steps: who falls loses little


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMemory:
    """Frames of context that a frame sees where time is short, and what a row of a pass costs then:
    its share of one that sees the whole window."""

    num_frames: int
    row_cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One way of serving. `level` is what players are told: 0 where pictures are full, but for
    single frames in haste."""

    steps: int  # denoise steps per frame
    short: ShortMemory | None = None  # None: a frame sees all that is kept
    haste: int | None = None  # frames of context of one in haste; None: here nothing is hastened
    fps: float
    level: int
    speculates: bool = False
    draws_jointly: bool = False  # frames that are not those that would be drawn alone

    @property
    def memory(self) -> int | None:
        return self.short.num_frames if self.short else None

    @property
    def frame_cost(self) -> float:
        """In denoise passes with the whole memory: remembering is another one, and so, about, is
        decoding."""
        row_cost = self.short.row_cost if self.short else 1.0
        return (self.steps + 1) * row_cost + 1


def make_rungs(
    step_counts: Iterable[int],
    default_steps: int,
    fps: float,
    *,
    short: ShortMemory | None = None,
    speculation: str = "exact",
) -> tuple[Rung, ...]:
    """Full quality first; `step_counts` are those the world's sampler offers. `short`: None where
    remembering less would save nothing. `speculation`: one of SPECULATIONS."""
    most, *fewer = sorted((n for n in step_counts if n <= default_steps), reverse=True)
    fewest = fewer[-1] if fewer else most
    lowered: list[tuple[int, ShortMemory | None, float]] = [(most, None, fps)]
    lowered += [(most, short, fps)] if short else []
    lowered += [(steps, short, fps) for steps in fewer]
    lowered += [(fewest, short, fps * share) for share in FPS_SHARES]
    haste = short.num_frames if short else None
    plain = tuple(
        Rung(
            steps=steps,
            short=memory,
            haste=haste if memory is None else None,
            fps=rate,
            level=level,
        )
        for level, (steps, memory, rate) in enumerate(lowered)
    )
    if speculation == "off":
        return plain
    return (replace(plain[0], speculates=True, draws_jointly=speculation == "joint"), *plain)
