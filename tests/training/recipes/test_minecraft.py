"""Somebody else's recordings in VPT's form become a world that the engine plays, with a pitch."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.engine.world_engine import WorldEngine
from model.sampling.schedule import uniform_times
from model.world import World
from tests.training.data.vpt.form import Said, said
from training.__main__ import main
from training.data.source import SPLITS, Split
from training.data.vpt.folder import VptFolder
from training.data.vpt.video import write_video
from training.evaluate.rollouts.teacher import teacher_of
from training.loop.trainer import Budget
from training.objectives.noise import FrameTimes
from training.pipeline.release import release
from training.pipeline.stages.decoder import train_decoder
from training.pipeline.stages.recordings import record
from training.pipeline.stages.student import train_student
from training.pipeline.stages.teacher import train_teacher
from training.pipeline.stages.tokenizer import train_tokenizer
from training.recipes.minecraft import minecraft
from training.recipes.minecraft_small import minecraft_small
from training.recipes.named import recipe_named
from training.recipes.overrides import NEED_RECORDINGS, RECIPES
from training.recipes.recipe import Recipe
from training.recipes.settings.evaluation import EvaluationBudget
from training.recipes.settings.picture import PictureWeights
from training.run import Run

FEW = Budget(steps=2)
NUM_FRAMES = 40  # of a recording: the window and what follows it once


def _name(folder: VptFolder, split: Split, number: int = 0) -> str:
    """The n-th name of a player that falls into the split."""
    found = (f"player-{i}-20260101-120000" for i in range(10_000))
    return [name for name in found if folder.split(name) == split][number]


def _record(folder: VptFolder, name: str, seed: int) -> None:
    """A picture that the mouse moves, and the lines that say so."""
    rng = np.random.default_rng(seed)
    scene = rng.integers(0, 255, (folder.height, folder.width, 3), np.uint8)
    frames, lines = [scene], list[Said]()
    for i in range(NUM_FRAMES):
        dx, dy = (int(count) for count in rng.integers(-4, 5, 2))
        lines.append(said("w", dx=15.0 * dx, dy=15.0 * dy, buttons=(0,) if i % 3 else ()))
        frames.append(np.roll(frames[-1], (-dy, -dx), axis=(0, 1)))
    folder.folder.mkdir(exist_ok=True)
    write_video(folder.folder / f"{name}.mp4", np.stack(frames[:-1]), fps=20)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder.folder / f"{name}.jsonl").write_text(text)


def _tiny(folder: Path) -> Recipe:
    """A hundredth of the small recipe: 64x48, one layer, one number of steps, no feature network to
    train."""
    whole = minecraft_small()
    vae = replace(whole.preset.vae, encoder_widths=(16, 16, 16), decoder_widths=(16, 16, 16))
    nfd = replace(
        whole.preset.nfd, grid_height=3, grid_width=4, width=32, num_layers=1, num_heads=1, window=8
    )
    return replace(
        whole,
        preset=replace(whole.preset, width=64, height=48, vae=vae, nfd=nfd),
        recorder=VptFolder(folder=folder, width=64, height=48),
        decoder=replace(whole.decoder, picture=PictureWeights()),
        student=replace(
            whole.student,
            on_policy=replace(whole.student.on_policy, max_rollout_frames=4, stride=2),
        ),
        student_sampler=replace(whole.student_sampler, times={2: uniform_times(2)}),
        num_starts=2,
        evaluation=EvaluationBudget(
            num_passages=2, num_probes=0, long_rollouts=((20, 1),), inverse_dynamics_steps=4
        ),
        num_threads=1,
    )


def _fill(folder: VptFolder, splits: Sequence[Split]) -> None:
    for number, split in enumerate(splits):
        _record(folder, _name(folder, split, splits[:number].count(split)), seed=number)


@pytest.mark.timeout(300)
def test_given_recordings_become_a_world_that_looks_up_and_down(tmp_path: Path) -> None:
    recipe, run = _tiny(tmp_path / "vpt"), Run(tmp_path / "run")
    assert isinstance(recipe.recorder, VptFolder)
    _fill(recipe.recorder, [*SPLITS, "validation"])
    torch.set_num_threads(1)
    record(recipe, run, processes=1)
    for train in (train_tokenizer, train_decoder, train_teacher, train_student):
        train(recipe, run, FEW)
    release(recipe, run, tmp_path / "world", "student")

    world = World.load(tmp_path / "world")
    space = world.spec.action_space
    assert (space, world.spec.fps) == (minecraft().action_space, 20.0)
    engine = WorldEngine(world, max_sessions=1)
    engine.open("player", start=1, seed=3)
    down, up = space.vector(0, 0, 0, 20), space.vector(0, 0, 0, -20)
    assert down[-2] == -up[-2] > 0.0
    for vector in (down, up):
        assert engine.step({"player": vector})[0].pixels.shape == (48, 64, 3)

    kept = teacher_of(world, tmp_path / "world")
    assert kept is not None and kept.spec.sampler.kind == "euler"
    card = json.loads((tmp_path / "world" / "card.json").read_text())
    assert card["pitch_error_deg"] > 0.0 and card["frechet_teacher"] > 0.0
    assert card["steering"] is card["turn_slope"] is None  # there is no game to ask
    page = (tmp_path / "world" / "card.md").read_text()
    assert "look error" in page and "steer" not in page


def test_recordings_of_one_player_cannot_be_judged_on_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = VptFolder(folder=tmp_path / "vpt", width=64, height=48)
    _fill(folder, ["train"])
    given = ["--recordings", str(folder.folder), "--run", str(tmp_path / "run")]
    assert main(["minecraft_small", "--stage", "record", *given]) == 1
    assert "0 usable recordings are in the held_out split" in capsys.readouterr().err
    assert main(["minecraft_small", "--stage", "record", "--recordings", str(tmp_path / "no")]) == 1
    assert "no folder of recordings" in capsys.readouterr().err


def test_a_recipe_that_films_by_itself_takes_no_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["freedoom", "--stage", "record", "--recordings", str(tmp_path)]) == 1
    assert "films by itself" in capsys.readouterr().err


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_that_need_recordings_are_known_without_loading_them(name: str) -> None:
    assert (name in NEED_RECORDINGS) == isinstance(recipe_named(name).recorder, VptFolder)


@pytest.mark.parametrize("recipe", [minecraft(), minecraft_small()], ids=lambda recipe: recipe.name)
def test_the_network_takes_the_actions_and_the_pictures_of_the_recordings(recipe: Recipe) -> None:
    preset, recorder = recipe.preset, recipe.recorder
    assert isinstance(recorder, VptFolder)
    assert recipe.action_space == recorder.action_space
    assert preset.nfd.action_size == recipe.action_space.size
    assert (recorder.width, recorder.height) == (preset.width, preset.height)


def test_the_teachers_noise_is_the_papers() -> None:
    """Every frame by itself, logit-normal, with no share that is context or pure noise: a third of
    a standard normal lies below -0.43, a third above 0.43."""
    t_BF = FrameTimes(minecraft().teacher.mixture).draw(
        (2_000, 8), torch.Generator().manual_seed(0)
    )
    s_BF = t_BF.sin() / (t_BF.sin() + t_BF.cos())
    thirds = torch.tensor([-0.4307, 0.4307]).sigmoid()
    found = [(s_BF < edge).float().mean().item() for edge in thirds]
    assert found == pytest.approx([1 / 3, 2 / 3], abs=0.02)
    assert (t_BF > 1.57).sum() == 0
