"""A world says how it was made: by which numbers, in which calls, from what; and not where."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from model.world import World
from tests.model.conftest import make_world
from training.loop.trainer import Budget, Trainer
from training.objectives.objective import Losses
from training.pipeline.provenance import NOTE, provenance
from training.recipes.debug import debug
from training.recipes.freedoom import freedoom
from training.recipes.numbers import numbers_of
from training.recipes.recipe import Recipe
from training.run import Run


def _train(run: Run, recipe: Recipe, *, steps: int) -> None:
    """One call of a teacher of one weight, with the recipe's settings."""
    weight = nn.Linear(1, 1)
    trainer = Trainer(
        run.folder, "teacher", weight, [torch.optim.SGD(weight.parameters())], ema_decay=0.5,
        settings=numbers_of(recipe.teacher),
    )  # fmt: skip

    def objective(generator: torch.Generator, step: int) -> Losses:
        return {"loss": weight.weight.square().sum()}

    trainer.train(objective, Budget(steps=steps, cooldown=False))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "secret place" / "run")


def test_calls_that_did_not_keep_to_the_recipe_are_told(run: Run) -> None:
    recipe = debug()
    other = replace(recipe, teacher=replace(recipe.teacher, muon_lr=0.5, action_dropout=0.1))
    _train(run, recipe, steps=5)
    _train(run, other, steps=3)
    told = provenance(recipe, run, "teacher")
    assert [(call["steps"], call["other"]) for call in told["calls"]["teacher"]] == [
        (5, {}), (3, {"muon_lr": 0.5, "untold_share": 0.1}),
    ]  # fmt: skip
    assert told["teacher"] == "8 steps, 0 minutes, not all by the recipe's numbers"
    assert len(told["lineage"]["teacher"]) == 64


def test_the_numbers_of_every_stage_are_in_the_bundle_and_no_path_is(
    run: Run, tmp_path: Path
) -> None:
    recipe = freedoom()
    lpips = (tmp_path / "alexnet.pth", tmp_path / "alex.pth")
    recipe = replace(recipe, decoder=replace(recipe.decoder, lpips=lpips))
    run.folder.mkdir(parents=True)
    (run.folder / NOTE).write_text("The teacher was trained twice.\n")
    told = provenance(recipe, run, "student")
    world = make_world("consistency")
    replace(world, spec=replace(world.spec, training=told)).save(tmp_path / "world", card="")
    kept = World.load(tmp_path / "world").spec.training
    assert kept == told
    assert kept["recipe"]["student"]["method"] == recipe.student.method
    assert kept["recipe"]["teacher"]["history"]["chain_share"] == recipe.teacher.history.chain_share
    assert kept["recipe"]["decoder"]["lpips"] == ["alexnet.pth", "alex.pth"]
    assert kept["note"] == "The teacher was trained twice."
    assert str(tmp_path) not in json.dumps(kept) and len(json.dumps(kept)) < 16_384


def test_a_world_from_before_any_of_this_still_loads(tmp_path: Path) -> None:
    make_world("consistency").save(tmp_path, card="")
    assert World.load(tmp_path).spec.training == {}


def test_a_state_from_before_calls_were_kept_tells_of_none(run: Run) -> None:
    _train(run, debug(), steps=2)
    state = torch.load(run.state("teacher"), weights_only=True)
    del state["calls"]
    torch.save(state, run.state("teacher"))
    assert provenance(debug(), run, "teacher")["calls"] == {"teacher": []}
    _train(run, debug(), steps=1)
    assert [c["steps"] for c in provenance(debug(), run, "teacher")["calls"]["teacher"]] == [1]
