"""The constants of the quality controller, each with its reason.

A load is a share of the frame period: engine seconds of one frame for every session, divided by the
seconds between two frames.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadConstants:
    """How the cost of passes is estimated, and when a frame counts as late."""

    # Share of the old estimate that each new pass leaves: about the last 5 passes count.
    memory: float = 0.8
    # A pass may take longer than the estimate: room for spare-time passes, which must not delay
    # a requested frame.
    pass_margin: float = 1.2
    # Less room for a whole frame: the passes of a frame even out, and shortening a frame in vain
    # costs quality.
    frame_margin: float = 1.15
    # Share of a pass that shortening all frames in the pass saves, measured in int8. Adding the
    # saved share back keeps one shortened frame from hiding the need for the next.
    shortening_saves: float = 0.15
    # Passes longer than this many estimates are stalls and say no more about later passes.
    longest_stall: float = 1.5
    # Periods between two shown frames, transport not counted: players see more as a stutter.
    longest_gap: float = 1.4


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelConstants:
    """When the quality level changes, and how far."""

    # A single stall (a garbage collection, a snapshot) is no overload.
    smoothing_s: float = 0.4
    # Overload until drafts are dropped: sooner than other levels, as no frame looks worse for it.
    drop_drafts_after_s: float = 0.4
    # Overload until the level goes down. Together with the smoothing the controller settles within
    # 2 s of a load change.
    lower_after_s: float = 0.6
    # Time with every frame shortened until the level goes down: players then see the short context
    # anyway, and the level says so.
    lower_after_shortening_s: float = 2.0
    # Overload begins here: a higher load leaves no room for ups and downs between passes.
    full_load: float = 0.93
    # The same while drafts are on: a higher load leaves no time for drafts.
    full_draft_load: float = 0.9
    # Highest load expected at a level to go down to.
    lower_load: float = 0.9
    # Highest load expected at a level to go up to; below `lower_load`, so that a load between two
    # levels does not swing.
    raise_load: float = 0.85
    # The same for the level with drafts: drafts need spare time.
    raise_draft_load: float = 0.7
    # Time that a higher level must be expected to fit.
    raise_after_s: float = 2.0
    # A level left again sooner than this was raised too high, and is barred for a while.
    failed_raise_s: float = 8.0
    # Length of the bar: doubles with each failed raise.
    first_bar_s: float = 4.0
    longest_bar_s: float = 64.0
