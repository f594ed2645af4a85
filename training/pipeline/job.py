"""A submitted run: all stages in order, then publication. Each stage updates `progress.json`."""

import os
from pathlib import Path

from model.world import WorldError
from training.data.recording import TooLittlePlay
from training.data.source import DamagedRecording
from training.device import limit_threads
from training.job_state import STAGES, JobOrder, Progress
from training.loop.trainer import Budget, TrainingError
from training.pipeline.re_evaluate import measure_current
from training.pipeline.release import release
from training.pipeline.run_state import has_ended
from training.pipeline.stages.by_name import stage_minutes, training_stages
from training.pipeline.stages.recordings import manifest, record, with_recordings
from training.recipes.named import recipe_named
from training.recipes.overrides import apply_overrides
from training.recipes.recipe import Recipe
from training.registry.lineage import lineage_of
from training.registry.publish import AlreadyPublished, publish
from training.registry.registry import Registry, RegistryError
from training.registry.version import WorldVersion
from training.run import Run

# Errors about the input: the message alone says what to do. Any other error is a bug and leaves a
# traceback.
UNUSABLE = (TrainingError, RegistryError, WorldError, TooLittlePlay, DamagedRecording, OSError)


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
            minutes=stage_minutes(self._recipe),
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
        if stage == "record":
            record(self._recipe, self._run, processes=os.cpu_count() or 1)
        elif stage == "release":
            release(self._recipe, self._run, self._world, "student")
        elif stage == "map" and self._recipe.map is None:
            return
        elif not has_ended(self._run, stage):  # a killed attempt may have ended it
            train = training_stages(int(self._order.overrides.get("workers", 1)))
            train[stage](self._recipe, self._run, self._budget(stage))

    def _budget(self, stage: str) -> Budget:
        """The whole budget of the stage; the trainer subtracts the time that a killed attempt
        spent."""
        minutes, max_steps = self._progress.minutes[stage], self._progress.max_steps
        return Budget(seconds=60.0 * minutes, steps=max_steps)

    def _publish(self) -> WorldVersion:
        measure_current(Registry(Path(self._order.registry)), self._recipe, self._run, self._world)
        data = manifest(self._recipe, self._run).digest("train")
        try:
            return publish(
                Registry(Path(self._order.registry)),
                self._world,
                lineage=lineage_of(
                    self._run, self._world, data=data, recordings=self._order.recordings
                ),
                run_id=self._order.run_id,
            )
        except AlreadyPublished as there:  # by an attempt that was killed after publishing
            return there.version

    @property
    def _world(self) -> Path:
        return self._folder / "world"


def _recipe_of(order: JobOrder) -> Recipe:
    recipe = apply_overrides(recipe_named(order.recipe), order.overrides)
    if order.recordings_folder:
        return with_recordings(recipe, Path(order.recordings_folder))
    return recipe
