"""Several trainings that get the same of the machine, however busy it is: each as many steps as fit
into its share of processor time, by what a few steps of it cost.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from training.trainer import Budget, Objective, Trainer

PROBE_STEPS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    trainer: Trainer
    objective: Objective


def train_alike(
    learners: Mapping[str, Learner],
    *,
    cpu_seconds: float,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, int]:
    """Trains each for `cpu_seconds` of processor time, cooled down at the end. A few steps warm up
    first, and a few are timed; both count. Returns the steps that each has taken."""
    for learner in learners.values():
        if learner.trainer.step == 0:
            _train_evenly(learner, cpu_seconds, clock)
    return {name: learner.trainer.step for name, learner in learners.items()}


def _train_evenly(learner: Learner, cpu_seconds: float, clock: Callable[[], float]) -> None:
    probe = Budget(steps=PROBE_STEPS, cooldown=False)
    started_s = clock()
    learner.trainer.train(learner.objective, probe)
    warm_s = clock()
    learner.trainer.train(learner.objective, probe)
    now_s = clock()
    num_steps = int((cpu_seconds - (now_s - started_s)) / (now_s - warm_s) * PROBE_STEPS)
    learner.trainer.train(learner.objective, Budget(steps=max(1, num_steps)))
