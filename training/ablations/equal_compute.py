"""Trainings at equal compute: each gets the number of steps that fits into its share of processor
time, from the measured cost of a few steps."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from training.data.atomic_io import reading, replacing
from training.device import pick_device
from training.loop.trainer import Budget, Trainer
from training.objectives.objective import Objective

PROBE_STEPS = 6
_ROUNDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    trainer: Trainer
    objective: Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`num_steps` of training, from `first_step` on."""

    first_step: int
    num_steps: int


def train_alike(
    learners: Mapping[str, Contestant],
    folder: Path,
    *,
    cpu_seconds: float,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, int]:
    """Trains each learner for `cpu_seconds` of processor time, with a cooldown at the end. The
    first steps warm up and the next are timed; both count. The resulting plan is stored in
    `folder`, so a killed contest continues. Returns the number of steps of each learner."""
    for name, learner in learners.items():
        path = folder / f"{name}.plan.json"
        if not path.exists():
            with replacing(path) as building:
                building.write_text(json.dumps(asdict(_plan(learner, cpu_seconds, clock))))
        with reading(path, "remove the folder that it is in, and the contest begins anew"):
            plan = Plan(**json.loads(path.read_text()))
        if learner.trainer.is_interrupted or learner.trainer.step == plan.first_step:
            learner.trainer.train(learner.objective, Budget(steps=plan.num_steps))
    return {name: learner.trainer.step for name, learner in learners.items()}


def _plan(learner: Contestant, cpu_seconds: float, clock: Callable[[], float]) -> Plan:
    probe = Budget(steps=PROBE_STEPS, cooldown=False)
    started_s = clock()
    learner.trainer.train(learner.objective, probe)
    warm_s = clock()
    learner.trainer.train(learner.objective, probe)
    now_s = clock()
    num_steps = int((cpu_seconds - (now_s - started_s)) / (now_s - warm_s) * PROBE_STEPS)
    return Plan(first_step=learner.trainer.step, num_steps=max(1, num_steps))


def costs_s(objectives: Sequence[Objective]) -> list[float]:
    """Seconds of one loss with gradients for each objective, measured in turns: processor time of
    this process, on a GPU wall time. All objectives share the cost of the optimizer. Leaves
    gradients behind."""
    generator = torch.Generator(pick_device()).manual_seed(0)
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    seconds = np.empty((_ROUNDS, len(objectives)))
    for step in range(_ROUNDS):
        for i, objective in enumerate(objectives):
            started = clock()
            objective(generator, step)["loss"].backward()  # type: ignore[no-untyped-call]
            seconds[step, i] = clock() - started
    return [float(cost) for cost in np.median(seconds, axis=0)]
