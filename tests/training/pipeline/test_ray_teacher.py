"""Ray Train starts two workers here as it would on two GPUs: one command, one run folder, the curve
of one process."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.loop.curves import read_curve
from training.loop.trainer import Budget
from training.pipeline.run_state import has_ended
from training.pipeline.stages.recordings import record
from training.pipeline.stages.teacher import train_teacher
from training.pipeline.stages.tokenizer import train_tokenizer
from training.recipes.debug import debug
from training.run import Run


def _make_films(run: Run) -> None:
    recipe = debug()
    plan = replace(
        recipe.record, train_frames=200, train_episodes=1, held_out_frames=20, validation_frames=40
    )
    record(replace(recipe, record=plan), run, processes=1)


@pytest.mark.e2e
@pytest.mark.timeout(1800)
def test_two_workers_under_ray_train_give_the_curve_of_one_process(tmp_path: Path) -> None:
    recipe, one, two = debug(), Run(tmp_path / "one"), Run(tmp_path / "two")
    _make_films(one)
    train_tokenizer(recipe, one, Budget(steps=2))
    shutil.copytree(one.folder, two.folder)

    command = [sys.executable, "-m", "training", "debug", "--stage", "teacher", "--workers", "2"]
    budget = ["--steps", "20", "--minutes", "60"]
    subprocess.run([*command, *budget, "--run", str(two.folder)], check=True)
    divided = replace(recipe, teacher=recipe.teacher.for_workers(2))
    train_teacher(divided, one, Budget(steps=20))

    losses = [
        [row["loss"] for row in read_curve(run.folder / "teacher.jsonl")] for run in (one, two)
    ]
    assert len(losses[0]) == 1
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert has_ended(two, "teacher")
