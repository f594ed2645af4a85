"""A run folder of an earlier commit goes on: its states load, and its settings read as this
recipe's.

run_state_803cd4a.json is the layout of real states that commit 803cd4a trained: names and shapes of
all tensors, the optimizers' groups and the stored settings. The test fills the layout with zeros.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from training.pipeline.provenance import provenance
from training.pipeline.stages.decoder import trained_tokenizer
from training.pipeline.stages.student import trained_student
from training.pipeline.stages.teacher import trained_teacher
from training.pipeline.stages.tokenizer import first_stage
from training.recipes.debug import debug
from training.recipes.overrides import apply_overrides
from training.recipes.recipe import Recipe
from training.run import Run

LAYOUT = json.loads((Path(__file__).parent / "run_state_803cd4a.json").read_text())
OVERRIDES = {
    "student.batch_size": 8,
    "student.own_play.strength": 0.5,
    "student.own_play.depth": 20,
}


def _zeros(layout: dict[str, list[Any]]) -> dict[str, torch.Tensor]:
    return {
        name: torch.zeros(shape, dtype=getattr(torch, dtype))
        for name, (dtype, *shape) in layout.items()
    }


def _state(stage: str) -> dict[str, Any]:
    layout = LAYOUT[stage]
    module = _zeros(layout["module"])
    return {
        "module": module,
        "ema": _zeros(layout["ema_only"]) | {f"module.{k}": v for k, v in module.items()},
        "optimizers": [{"state": {}, "param_groups": groups} for groups in layout["optimizers"]],
        "step": 6,
        "seconds": 1.0,
        "calls": layout["calls"],
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    for stage in LAYOUT:
        torch.save(_state(stage), run.state(stage))
    return run


@pytest.fixture
def recipe() -> Recipe:
    return apply_overrides(debug(), OVERRIDES)


def test_every_stage_resumes_from_the_states(run: Run, recipe: Recipe) -> None:
    for load in (first_stage, trained_tokenizer, trained_teacher, trained_student):
        network = load(recipe, run)
        assert not any(weight.any() for weight in network.parameters())


def test_the_stored_settings_are_those_of_the_recipe(run: Run, recipe: Recipe) -> None:
    calls = provenance(recipe, run, "student")["calls"]
    assert [(stage, found[0]["other"]) for stage, found in calls.items()] == [
        (stage, {}) for stage in LAYOUT
    ]
    other = replace(recipe, student=replace(recipe.student, on_policy=debug().student.on_policy))
    assert "own_play" in provenance(other, run, "student")["calls"]["student"][0]["other"]
