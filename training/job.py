"""`python -m training.job FOLDER ATTEMPT`: one submitted run, from whatever its folder holds to a
published world.

It can be killed at any moment and started again: finished stages are not repeated, the one that
was cut goes on from its last saved state. Knows nothing of who started it and on which machine.
"""

import argparse
import fcntl
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from model.arguments import at_least_one
from model.world import WorldError
from training import release, stages
from training.data.recording import TooLittlePlay
from training.data.source import DamagedRecording
from training.device import limit_threads
from training.distributed.teacher import teacher_training
from training.job_state import LOG, ORDER, STAGES, JobOrder, Progress
from training.loop.trainer import Budget, TrainingError
from training.place.stages import train_map
from training.recipes.named import recipe_named
from training.recipes.overrides import apply_overrides
from training.recipes.recipe import Recipe
from training.recipes.recordings import with_recordings
from training.registry.again import measure_current
from training.registry.lineage import lineage_of
from training.registry.publish import AlreadyPublished, publish
from training.registry.registry import Registry, RegistryError
from training.registry.version import WorldVersion
from training.run import Run
from training.tokenizer.stages import train_decoder, train_tokenizer

# What was given cannot be used: the message alone says what to do. Anything else is a fault of
# ours, and leaves its traceback.
UNUSABLE = (
    TrainingError, RegistryError, WorldError, TooLittlePlay, DamagedRecording, OSError,
)  # fmt: skip

LOCK = "lock"

Train = Callable[[Recipe, Run, Budget], None]


def main(argv: list[str] | None = None) -> int:
    folder, attempt = _arguments(argv)
    _log_into(folder / LOG)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # an attempt that somebody lost sight of ends first
        try:
            job = Job(folder, attempt)
        except (*UNUSABLE, ValueError) as error:  # ValueError: the order's numbers
            print(f"cannot begin: {error}", flush=True)  # the service shows the log's last line
            return 1
        try:
            job.run()
        except UNUSABLE as error:
            return job.fail(str(error))
        except Exception as error:
            traceback.print_exc()
            return job.fail(f"{type(error).__name__}: {error}")
    return 0


class Job:
    """One attempt at a run; owns its progress.json."""

    def __init__(self, folder: Path, attempt: int) -> None:
        self._folder = folder
        self._order = order = JobOrder.read(folder)
        self._recipe = _recipe_of(order)
        limit_threads(self._recipe.num_threads)
        self._run = Run(folder)
        before = Progress.read(folder)
        self._progress = Progress(
            attempt=attempt,
            minutes={
                "tokenizer": self._recipe.tokenizer.minutes,
                "decoder": self._recipe.decoder.minutes,
                **({"map": self._recipe.map.minutes} if self._recipe.map else {}),
                "teacher": self._recipe.teacher.minutes,
                "student": self._recipe.student.minutes,
            },
            max_steps=int(order.overrides["steps"]) if "steps" in order.overrides else None,
            done=before.done if before else (),
        )
        self._progress.write(folder)

    def run(self) -> None:
        for stage in STAGES:
            if stage in self._progress.done:
                continue
            print(f"--- {stage}, attempt {self._progress.attempt}", flush=True)
            if stage == "publish":
                self._progress = self._progress.published(self._publish().digest)
            else:
                self._run_stage(stage)
                self._progress = self._progress.finished(stage)
            self._progress.write(self._folder)

    def fail(self, reason: str) -> int:
        """The exit status."""
        print(f"failed: {reason}", flush=True)
        self._progress.failed(reason).write(self._folder)
        return 1

    def _run_stage(self, stage: str) -> None:
        train: dict[str, Train] = {
            "tokenizer": train_tokenizer,
            "decoder": train_decoder,
            "map": train_map,
            "teacher": teacher_training(int(self._order.overrides.get("workers", 1))),
            "student": stages.train_student,
        }
        if stage == "record":
            stages.record(self._recipe, self._run, processes=os.cpu_count() or 1)
        elif stage == "release":
            release.release(self._recipe, self._run, self._world, "student")
        elif stage == "map" and self._recipe.map is None:
            return
        elif not stages.has_ended(self._run, stage):  # an attempt may end it and say so no more
            train[stage](self._recipe, self._run, self._budget(stage))

    def _budget(self, stage: str) -> Budget:
        """The whole: the trainer counts what a killed attempt has spent of it."""
        minutes, max_steps = self._progress.minutes[stage], self._progress.max_steps
        return Budget(seconds=60.0 * minutes, steps=max_steps)

    def _publish(self) -> WorldVersion:
        measure_current(Registry(Path(self._order.registry)), self._recipe, self._run, self._world)
        data = stages.manifest(self._recipe, self._run).digest("train")
        try:
            return publish(
                Registry(Path(self._order.registry)),
                self._world,
                lineage=lineage_of(
                    self._run, self._world, data=data, recordings=self._order.recordings
                ),
                run_id=self._order.run_id,
            )
        except AlreadyPublished as there:  # by an attempt that was killed just after
            return there.version

    @property
    def _world(self) -> Path:
        return self._folder / "world"


def _arguments(argv: list[str] | None) -> tuple[Path, int]:
    parser = argparse.ArgumentParser(
        prog="python -m training.job",
        description="Takes up a run that was submitted to the training service.",
    )
    parser.add_argument("folder", type=Path, help=f"of the run; the service wrote {ORDER} there")
    parser.add_argument("attempt", type=at_least_one, help="how often it was started, with this")
    given = parser.parse_args(argv)
    if not (given.folder / ORDER).is_file():
        parser.error(f"{given.folder} holds no {ORDER}")
    return given.folder, given.attempt


def _recipe_of(order: JobOrder) -> Recipe:
    recipe = apply_overrides(recipe_named(order.recipe), order.overrides)
    if order.recordings_folder:
        return with_recordings(recipe, Path(order.recordings_folder))
    return recipe


def _log_into(path: Path) -> None:
    """All that this process and its children say, wherever they run."""
    with path.open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
