"""The judge on a real evaluation: a toy world trained for seconds, and the same with noised weights
against the original as the current release."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model.world import World
from tests.training.evaluate.conftest import film_ahead, tiny_recipe
from training.data.games.toy import ToyRecorder
from training.evaluate.evaluation import evaluate
from training.evaluate.material import gather
from training.evaluate.release_gate import verdict
from training.evaluate.report.card import to_json
from training.loop.trainer import Budget
from training.pipeline.release import build_world
from training.pipeline.stages.teacher import train_teacher
from training.pipeline.stages.tokenizer import train_tokenizer
from training.run import Run


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_student_with_noised_weights_is_refused_against_its_original(tmp_path: Path) -> None:
    recipe, run = tiny_recipe(), Run(tmp_path)
    film_ahead(recipe, run)
    ToyRecorder().record(num_frames=1_500, seed=0).save(run.train_recordings / "00000")
    train_tokenizer(recipe, run, Budget(steps=400))
    train_teacher(recipe, run, Budget(steps=350))
    good = build_world(recipe, run, "teacher")

    material = gather(recipe, run, recipe.evaluation)

    def figures(world: World) -> dict[str, Any]:
        measured = evaluate(world, material, num_steps=2)
        parsed: dict[str, Any] = json.loads(to_json(measured.card))
        return parsed

    released = figures(good)
    refused = verdict(figures(_noised(good)), released)
    assert not refused.accepted
    assert any("Fréchet" in reason and "current release" in reason for reason in refused.reasons)
    itself = verdict(released, released)
    assert itself.accepted or not any("current release" in reason for reason in itself.reasons)


def _noised(world: World) -> World:
    transformer = copy.deepcopy(world.transformer)
    generator = torch.Generator().manual_seed(0)
    for weight in transformer.parameters():
        noise = torch.randn(weight.shape, generator=generator)
        weight.data.add_(noise * weight.std())
    return replace(world, transformer=transformer)
