"""Every way against drift goes on from the same teacher, by the same compute, beside the run."""

from pathlib import Path

import pytest
import torch

from training.ablations.drift import contest
from training.loop.trainer import Budget
from training.pipeline.run_state import spent_on
from training.recipes.debug import debug
from training.recipes.recipe import Recipe
from training.run import Run

NAMES = ("true history", "own guesses", "own play, 16 frames", "as served")
WAYS = {name: contest.WAYS[name] for name in NAMES}
BEGUN_AT = 100


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A teacher's step count is all that is read of it here."""
    run = Run(tmp_path)
    torch.save({"step": BEGUN_AT, "seconds": 1.0}, run.state("teacher"))
    run.latents.mkdir()
    return run


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The recipes that were trained, by fakes that only count steps."""
    recipes: list[Recipe] = []

    def train_teacher(recipe: Recipe, run: Run, budget: Budget) -> None:
        recipes.append(recipe)
        step, seconds = spent_on(run, "teacher")
        torch.save({"step": step + (budget.steps or 0), "seconds": seconds}, run.state("teacher"))

    monkeypatch.setattr(contest, "train_teacher", train_teacher)
    monkeypatch.setattr(contest, "gather", lambda *anything: None)
    monkeypatch.setattr(contest, "_measure", lambda *anything: None)
    monkeypatch.setattr(contest, "_costs_s", lambda recipes, run: [1.0, 1.25, 2.0, 4.0])
    return recipes


def test_a_dearer_way_takes_fewer_steps(run: Run, trained: list[Recipe]) -> None:
    rows = list(contest.contest(debug(), run, 50.0, WAYS))
    assert [(row.name, row.trained) for row in rows] == [
        ("before", 0), ("true history", 50), ("own guesses", 40), ("own play, 16 frames", 25),
        ("as served", 12),
    ]  # fmt: skip
    changed = [(recipe.teacher.history, recipe.teacher.as_served) for recipe in trained]
    assert changed == [(way.history, way.as_served) for way in WAYS.values()]
    assert spent_on(run, "teacher")[0] == BEGUN_AT


def test_what_was_trained_is_only_measured_again(run: Run, trained: list[Recipe]) -> None:
    first = list(contest.contest(debug(), run, 50.0, WAYS))
    trained.clear()
    again = list(contest.contest(debug(), run, 80.0, WAYS))
    assert trained == []
    assert [row.trained for row in again] == [row.trained for row in first]


def test_a_fork_shares_everything_but_the_teacher(run: Run) -> None:
    other = contest.fork(run, "own play")
    assert other.latents.resolve() == run.latents.resolve()
    assert not other.state("teacher").is_symlink()
    assert spent_on(other, "teacher") == spent_on(run, "teacher")
