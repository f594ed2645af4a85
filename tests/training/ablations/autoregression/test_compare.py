"""NFD against the baseline: equal compute, the same passages, one table."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model.ar.decoding.order import blocks, raster
from model.ar.matched import matched_world, num_parameters
from model.nfd.transformer import NFDTransformer
from training.__main__ import main
from training.ablations.autoregression import measure
from training.ablations.autoregression.material import contest_recipe, decode_orders
from training.ablations.autoregression.rollouts import generate_codes
from training.ablations.equal_compute import PROBE_STEPS, Contestant, train_alike
from training.commands import compare
from training.data.games.toy import ToyRecorder
from training.evaluate.rollouts.generate import RolloutRequest
from training.loop.trainer import Trainer
from training.objectives.objective import Losses
from training.recipes.recipe import Recipe
from training.recipes.settings.evaluation import EvaluationBudget
from training.run import Run


class Killed(Exception):
    pass


def _learner(
    folder: Path, name: str, now_s: list[float], step_s: float, killed_at: int | None = None
) -> Contestant:
    """Saves each step."""
    torch.manual_seed(0)
    module = nn.Linear(2, 2)

    def objective(generator: torch.Generator, step: int) -> Losses:
        if step == killed_at:
            raise Killed
        now_s[0] += step_s
        x = torch.randn(4, 2, generator=generator)
        return {"loss": (module(x) - x.flip(1)).square().sum()}

    optimizers: list[torch.optim.Optimizer] = [torch.optim.SGD(module.parameters(), lr=0.01)]
    trainer = Trainer(folder, name, module, optimizers, ema_decay=0.9, save_every_s=0.0)
    return Contestant(trainer=trainer, objective=objective)


def test_a_dearer_step_is_taken_less_often(tmp_path: Path) -> None:
    now_s = [0.0]
    learners = {
        "cheap": _learner(tmp_path, "cheap", now_s, 0.125),
        "dear": _learner(tmp_path, "dear", now_s, 0.5),
    }
    steps = train_alike(learners, tmp_path, cpu_seconds=20.0, clock=lambda: now_s[0])
    assert steps == {"cheap": 160, "dear": 40}
    assert steps["dear"] > 2 * PROBE_STEPS


@pytest.mark.parametrize("killed_at", [0, PROBE_STEPS, 2 * PROBE_STEPS, 30])
def test_a_contest_that_was_killed_ends_as_if_it_had_not(tmp_path: Path, killed_at: int) -> None:
    def contest(folder: Path, killed_at: int | None = None) -> Contestant:
        now_s = [0.0]
        learner = _learner(folder, "one", now_s, 0.5, killed_at)
        train_alike({"one": learner}, folder, cpu_seconds=20.0, clock=lambda: now_s[0])
        return learner

    whole = contest(tmp_path / "whole")
    with pytest.raises(Killed):
        contest(tmp_path / "killed", killed_at)
    taken_up = contest(tmp_path / "killed")
    more = PROBE_STEPS if killed_at == PROBE_STEPS else 0  # what was lost is the timing, not steps
    assert taken_up.trainer.step == whole.trainer.step + more
    if not more:
        assert torch.equal(_weight(taken_up), _weight(whole))
    assert contest(tmp_path / "killed").trainer.step == taken_up.trainer.step


def _weight(learner: Contestant) -> torch.Tensor:
    return next(learner.trainer.averaged.parameters())


@pytest.mark.parametrize("name", ["debug", "freedoom"])
def test_both_methods_have_the_same_size_and_tokens(name: str) -> None:
    recipe = contest_recipe(name)
    nfd = recipe.preset.nfd
    baseline = matched_world(recipe.action_space, recipe.preset.vae, nfd).transformer
    assert num_parameters(baseline) == pytest.approx(num_parameters(NFDTransformer(nfd)), rel=0.02)
    assert baseline.config.cells_per_frame == nfd.tokens_per_frame
    turns = [order.num_turns for order in decode_orders(nfd).values()]
    height, width = nfd.grid_height, nfd.grid_width
    assert turns == [height * width, width + height - 1, height]


def test_a_dream_in_codes_does_not_depend_on_its_company() -> None:
    recipe = contest_recipe("debug")
    torch.manual_seed(0)
    baseline = matched_world(recipe.action_space, recipe.preset.vae, recipe.preset.nfd)
    for network in (baseline.tokenizer, baseline.transformer):
        network.eval().requires_grad_(False)
    play = ToyRecorder().record(num_frames=40, seed=1)
    requests = [
        RolloutRequest(
            context=play.part(first, first + 8), actions_TA=play.actions[first : first + 3]
        )
        for first in (0, 20)
    ]
    together = generate_codes(baseline, blocks(4, 4, 4), requests, title="both")
    alone = [
        generate_codes(baseline, blocks(4, 4, 4), [request], title="one")[0] for request in requests
    ]
    assert together[0].shape == (3, 32, 32, 3)
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1  # convolutions of one picture round so
    assert not np.array_equal(generate_codes(baseline, raster(4, 4), requests, title="r"), together)


def _tiny(recipe: Recipe) -> Recipe:
    preset = recipe.preset
    return replace(
        recipe,
        preset=replace(preset, nfd=replace(preset.nfd, width=16, num_layers=1)),
        record=replace(
            recipe.record, train_frames=200, train_episodes=1,
            held_out_frames=200, held_out_episodes=1,
            validation_frames=60, validation_episodes=1,
            inverse_dynamics_frames=800, inverse_dynamics_episodes=2,
        ),
        tokenizer=replace(recipe.tokenizer, minutes=0.01),
        evaluation=EvaluationBudget(
            num_passages=4, num_probes=0, long_rollouts=(), inverse_dynamics_steps=20
        ),
    )  # fmt: skip


def _film_ahead(recipe: Recipe, run: Run) -> None:
    """What would be filmed in other processes, filmed here: starting one takes longer."""
    plan = recipe.record
    for folder, frames, num_episodes, seed in (
        (run.train_recordings, plan.train_frames, 1, plan.train_seed),
        (run.validation_recordings, plan.validation_frames, 1, plan.validation_seed),
        (run.held_out_recordings, plan.held_out_frames, 1, plan.held_out_seed),
        (
            run.folder / "reader" / "recordings",
            plan.inverse_dynamics_frames,
            2,
            plan.inverse_dynamics_seed,
        ),
    ):
        for episode in range(num_episodes):
            film = ToyRecorder().record(num_frames=frames // num_episodes, seed=seed + episode)
            film.save(folder / f"{episode:05d}")


@pytest.mark.slow
def test_one_command_ends_with_one_table_and_the_next_only_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = _tiny(contest_recipe("debug"))
    _film_ahead(recipe, Run(tmp_path))
    monkeypatch.setattr(compare, "contest_recipe", lambda name: recipe)
    monkeypatch.setattr(measure, "SPEED_ROUNDS", 1)
    out = tmp_path / "compare.json"
    arguments = ["compare", "--minutes", "0.005", "--tokenizer-minutes", "0.005"]
    assert main([*arguments, "--run", str(tmp_path), "--out", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [row["name"] for row in rows] == [
        "NFD, 1 step", "NFD, 2 steps", "NFD, 4 steps",
        "codes, raster", "codes, diagonal", "codes, blocks",
        "the last frame again", "the mean frame",
        "the truth through the VAE", "the truth through codes",
    ]  # fmt: skip
    printed = capsys.readouterr().out
    assert all(f"| {row['name']} |" in printed for row in rows)
    assert all(row["scores"]["oracle"] is not None for row in rows)
    states = {path: path.read_bytes() for path in (tmp_path / "compare").glob("*.pt")}
    assert len(states) == 5
    assert main([*arguments, "--run", str(tmp_path), "--out", str(out)]) == 0
    assert states == {path: path.read_bytes() for path in states}
    again = json.loads(out.read_text())["rows"]
    assert [row["scores"] for row in again] == [row["scores"] for row in rows]
