"""A job goes on from whatever its folder holds, says how it ends, and publishes once."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.model.conftest import make_world
from training import job
from training.data.index.manifest import Manifest
from training.data.vpt.folder import VptFolder
from training.job_state import JobOrder, Progress
from training.loop.trainer import Budget, TrainingError
from training.pipeline import job as pipeline
from training.pipeline.job import Job
from training.recipes.recipe import Recipe
from training.registry.registry import Registry


class Stages:
    """In place of the real ones: notes what is run with which budget, and may fail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[str] = []
        self.budgets: dict[str, Budget] = {}
        self.recipes: dict[str, Recipe] = {}
        self.failing: dict[str, Exception] = {}

    def make(self, name: str) -> Callable[..., None]:
        def run_stage(recipe: Recipe, run: object, *given: Any, **options: object) -> None:
            self.ran.append(name)
            self.recipes[name] = recipe
            if name in self.failing:
                raise self.failing[name]
            if given and isinstance(given[0], Budget):
                self.budgets[name] = given[0]
            if name == "release":
                make_world("consistency").save(self.folder / "world", card="a card")

        return run_stage


def order(folder: Path, **fields: Any) -> JobOrder:
    whole = JobOrder(
        run_id="r",
        recipe="debug",
        overrides={"steps": 40, "teacher.minutes": 3.0},
        registry=str(folder / "registry"),
    )
    return replace(whole, **fields)


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    folder = tmp_path / "run"
    folder.mkdir()
    order(tmp_path).write(folder)
    stages = Stages(folder)
    trained = {name: stages.make(name) for name in ("tokenizer", "decoder", "teacher", "student")}
    monkeypatch.setattr(pipeline, "training_stages", lambda num_workers: trained)
    monkeypatch.setattr(pipeline, "record", stages.make("record"))
    monkeypatch.setattr(pipeline, "release", stages.make("release"))
    monkeypatch.setattr(pipeline, "manifest", lambda recipe, run: Manifest(entries=()))
    return stages


def progress(stages: Stages) -> Progress:
    found = Progress.read(stages.folder)
    assert found is not None
    return found


ALL = ["record", "tokenizer", "decoder", "teacher", "student", "release"]


def test_a_job_runs_its_stages_in_order_and_publishes(stages: Stages) -> None:
    Job(stages.folder, 1).run()
    assert stages.ran == ALL
    assert stages.budgets["teacher"] == Budget(seconds=180.0, steps=40)
    said = progress(stages)
    assert (said.outcome, said.stage, said.minutes["teacher"]) == ("done", "", 3.0)
    registry = Registry(stages.folder.parent / "registry")
    assert registry.version("tiny", said.digest).run_id == "r"


def test_a_job_learns_from_the_recordings_that_it_was_given_and_its_version_says_so(
    stages: Stages, tmp_path: Path
) -> None:
    given = {"recipe": "minecraft_small", "recordings": "lab", "recordings_folder": "/data/lab"}
    order(tmp_path, **given).write(stages.folder)
    Job(stages.folder, 1).run()
    for recipe in stages.recipes.values():
        assert isinstance(recipe.recorder, VptFolder)
        assert recipe.recorder.folder == Path("/data/lab")
    version = Registry(tmp_path / "registry").version("tiny", progress(stages).digest)
    assert version.lineage.recordings == "lab"


def test_recordings_for_a_recipe_that_films_by_itself_are_refused(
    stages: Stages,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(job, "_log_into", lambda path: None)
    order(tmp_path, recordings="lab", recordings_folder="/data/lab").write(stages.folder)
    assert job.main([str(stages.folder), "1"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("cannot begin: ") and "films by itself" in last
    assert stages.ran == []


def test_a_later_attempt_repeats_nothing_that_is_done(stages: Stages) -> None:
    stages.failing = {"teacher": TrainingError("teacher, step 7: loss nan")}
    first = Job(stages.folder, 1)
    with pytest.raises(TrainingError):
        first.run()
    first.fail("teacher, step 7: loss nan")
    assert progress(stages).outcome == "failed" and progress(stages).stage == "teacher"
    stages.failing = {}
    stages.ran.clear()
    second = Job(stages.folder, 2)
    assert (progress(stages).attempt, progress(stages).outcome) == (2, "")
    second.run()
    assert stages.ran == ["teacher", "student", "release"]


def test_a_stage_that_ended_just_before_the_kill_is_not_trained_again(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "has_ended", lambda run, stage: stage == "teacher")
    Job(stages.folder, 1).run()
    assert "teacher" not in stages.ran and "student" in stages.ran


def test_a_job_killed_after_it_published_finds_its_version(stages: Stages) -> None:
    Job(stages.folder, 1).run()
    first = progress(stages)
    before_the_last_word = Progress(attempt=1, minutes=first.minutes, max_steps=40, done=tuple(ALL))
    before_the_last_word.write(stages.folder)
    Job(stages.folder, 2).run()
    assert progress(stages).digest == first.digest


@pytest.mark.parametrize(
    "error, reason",
    [
        (TrainingError("could not save: No space left"), "could not save: No space left"),
        (KeyError("latents"), "KeyError: 'latents'"),
    ],
)
def test_whatever_goes_wrong_is_said(
    stages: Stages, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    monkeypatch.setattr(job, "_log_into", lambda path: None)
    stages.failing = {"record": error}
    assert job.main([str(stages.folder), "4"]) == 1
    assert (progress(stages).outcome, progress(stages).reason) == ("failed", reason)
    assert Registry(stages.folder.parent / "registry").names() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "required: folder, attempt"), (["nowhere", "1"], "nowhere holds no job.json")],
)
def test_a_job_that_nobody_submitted_is_refused_in_a_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        job.main(arguments)
    assert said in capsys.readouterr().err


def test_progress_is_replaced_whole(stages: Stages) -> None:
    Job(stages.folder, 1)
    assert json.loads((stages.folder / "progress.json").read_text())["attempt"] == 1
    assert [p.name for p in stages.folder.iterdir() if p.name.endswith(".building")] == []
