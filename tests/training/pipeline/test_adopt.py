"""A run may begin with a released world: its networks are the world's, bit for bit."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.world import World
from tests.model.conftest import make_world
from training.data.games.toy import ToyRecorder
from training.loop.trainer import Budget, TrainingError
from training.pipeline.adopt import adopt
from training.pipeline.stages.decoder import trained_tokenizer
from training.pipeline.stages.teacher import trained_teacher
from training.pipeline.stages.tokenizer import train_tokenizer
from training.recipes.debug import debug
from training.recipes.recipe import Recipe
from training.run import Run


@pytest.fixture
def released(tmp_path: Path) -> Path:
    with make_world("euler").saving(tmp_path / "world", card="a card"):
        pass
    return tmp_path / "world"


@pytest.fixture
def recipe() -> Recipe:
    """Of the networks of the released world."""
    spec = make_world("euler").spec
    sizes = replace(debug().preset, nfd=spec.nfd, vae=spec.vae)
    return replace(debug(), preset=sizes)


def test_the_run_holds_the_networks_of_the_world(
    released: Path, recipe: Recipe, tmp_path: Path
) -> None:
    run, world = Run(tmp_path / "run"), World.load(released)
    adopt(recipe, run, released)
    for mine, theirs in (
        (trained_teacher(recipe, run), world.transformer),
        (trained_tokenizer(recipe, run), world.tokenizer),  # with its latent statistics
    ):
        kept = theirs.state_dict()
        assert all(torch.equal(value, kept[name]) for name, value in mine.state_dict().items())
    assert world.digest in run.adopted.read_text()


def test_another_network_is_refused_before_anything_is_written(
    released: Path, tmp_path: Path
) -> None:
    run = Run(tmp_path / "run")
    with pytest.raises(ValueError, match="toy wants NFDConfig"):
        adopt(debug(), run, released)
    assert not run.folder.exists()


def test_a_student_without_its_teacher_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    with make_world("consistency").saving(tmp_path / "world", card="a card"):
        pass
    with pytest.raises(ValueError, match="without its teacher"):
        adopt(recipe, Run(tmp_path / "run"), tmp_path / "world")


def test_a_stage_that_has_begun_is_never_replaced(
    released: Path, recipe: Recipe, tmp_path: Path
) -> None:
    run = Run(tmp_path / "run")
    ToyRecorder().record(num_frames=40, seed=0).save(run.train_recordings / "00000")
    train_tokenizer(recipe, run, Budget(steps=1))
    with pytest.raises(TrainingError, match="name another run"):
        adopt(recipe, run, released)
