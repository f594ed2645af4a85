"""One frame after real play, against what really came: teacher-forced, through the engine's door.

Knows no method: a runner draws, the toy world's oracle reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.cache.frame_store import ContextClip
from model.context.sliding_window import SlidingWindow
from model.engine.running.runner import Runner
from model.engine.scheduling.scheduler import Scheduler
from model.engine.types import ActionVector
from training.data.games.toy import read
from training.evaluate.measures.picture import psnr_db

TOGETHER = 8
Pictures = Sequence[NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Means over frames. The oracle reads the action from the frame's first rows, and where the
    player stands and looks from the rest; both must be just right to count."""

    psnr_db: float
    action_read: float
    pose_read: float


def judge(frames: Pictures, truth: Pictures) -> Quality:
    pairs = list(zip(frames, truth, strict=True))
    readings = [(read(frame), read(real)) for frame, real in pairs]
    return Quality(
        psnr_db=round(float(np.mean([psnr_db(frame, real) for frame, real in pairs])), 2),
        action_read=round(float(np.mean([a.action == b.action for a, b in readings])), 3),
        pose_read=round(
            float(
                np.mean(
                    [
                        (a.row, a.column, a.heading) == (b.row, b.column, b.heading)
                        for a, b in readings
                    ]
                )
            ),
            3,
        ),
    )


def draw_next(
    runner: Runner,
    clips: Sequence[ContextClip],
    actions: Sequence[ActionVector],
    *,
    num_steps: int,
) -> Pictures:
    """The frame after each clip under its action; clips of one length, at most TOGETHER slots."""
    pictures: list[NDArray[np.uint8]] = []
    for first in range(0, len(clips), TOGETHER):
        together = range(first, min(first + TOGETHER, len(clips)))
        scheduler = Scheduler(
            SlidingWindow(len(clips[0])),
            max_sessions=TOGETHER,
            batch_sizes=range(1, 2 * TOGETHER + 1),
        )
        for number in together:
            idxs = tuple(range(len(clips[number])))
            runner.load(scheduler.open(str(number), number, idxs), clips[number])
            scheduler.begin(str(number), actions[number], num_steps=num_steps, deadline_s=0.0)
        drawn: dict[str, NDArray[np.uint8]] = {}
        while scheduler.is_due:
            plan = scheduler.plan_pass()
            assert plan is not None
            result = runner.run(plan)
            scheduler.commit(plan)
            names = [row.session_id for row in plan.finished]
            drawn |= {n: p.rgb() for n, p in zip(names, result.pictures, strict=True)}
        pictures += [drawn[str(number)] for number in together]
    return pictures
