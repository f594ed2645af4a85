"""NFD against the baseline: equal compute, one judge, one table."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from model.ar.matched import num_parameters
from model.ar.transformer import ARTransformer
from model.nfd.transformer import NFDTransformer
from training.__main__ import main
from training.ablations.autoregression import command, measure
from training.ablations.autoregression.held_out import HeldOut
from training.ablations.autoregression.material import toy_sizes
from training.ablations.autoregression.quality import judge
from training.ablations.equal_compute import PROBE_STEPS, Learner, train_alike
from training.loop.trainer import Losses, Trainer


def test_a_dearer_step_is_taken_less_often(tmp_path: Path) -> None:
    now_s = [0.0]

    def learner(name: str, step_s: float) -> Learner:
        module = nn.Linear(2, 2)

        def objective(generator: torch.Generator, step: int) -> Losses:
            now_s[0] += step_s
            return {"loss": module(torch.ones(1, 2)).square().sum()}

        optimizers: list[torch.optim.Optimizer] = [torch.optim.SGD(module.parameters(), lr=0.01)]
        trainer = Trainer(tmp_path, name, module, optimizers, ema_decay=0.9)
        return Learner(trainer=trainer, objective=objective)

    learners = {"cheap": learner("cheap", 0.125), "dear": learner("dear", 0.5)}
    steps = train_alike(learners, cpu_seconds=20.0, clock=lambda: now_s[0])
    assert steps == {"cheap": 160, "dear": 40}
    assert steps["dear"] > 2 * PROBE_STEPS


def test_both_methods_have_the_same_size_and_tokens() -> None:
    sizes = toy_sizes()
    nfd, baseline = NFDTransformer(sizes.nfd), ARTransformer(sizes.ar)
    assert num_parameters(baseline) == pytest.approx(num_parameters(nfd), rel=0.02)
    assert sizes.ar.cells_per_frame == sizes.nfd.tokens_per_frame == 16


def test_the_truth_is_judged_perfect_and_another_frame_is_not() -> None:
    held_out = HeldOut.of(8, clips=12)
    perfect = judge(held_out.truth, held_out.truth)
    assert (perfect.action_read, perfect.pose_read) == (1.0, 1.0)
    again = judge(held_out.before, held_out.truth)
    assert again.psnr_db < perfect.psnr_db
    assert again.pose_read < 0.7
    shuffled = judge([*held_out.truth[1:], held_out.truth[0]], held_out.truth)
    assert shuffled.psnr_db < again.psnr_db


@pytest.mark.slow
def test_one_command_ends_with_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "toy_sizes", lambda: toy_sizes(width=16, num_layers=1))
    monkeypatch.setattr(command, "FILM_FRAMES", 200)
    monkeypatch.setattr(measure, "SPEED_ROUNDS", 1)
    out = tmp_path / "compare.json"
    arguments = ["compare", "--seconds", "0.5", "--tokenizer-seconds", "0.5", "--clips", "4"]
    assert main([*arguments, "--run", str(tmp_path), "--out", str(out)]) == 0
    names = [row["name"] for row in json.loads(out.read_text())["rows"]]
    assert names[:5] == [
        "NFD, 1 step", "NFD, 2 steps", "NFD, 4 steps", "codes, raster", "codes, diagonal",
    ]  # fmt: skip
    printed = capsys.readouterr().out
    assert all(f"| {name} |" in printed for name in names)
    assert "passes a frame" in printed
