"""The training loop resumes bit for bit, saves whole or not at all, and stops plainly."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from training.trainer import Budget, Losses, Objective, Trainer, TrainingError


def _trainer(folder: Path) -> tuple[nn.Linear, Trainer]:
    torch.manual_seed(0)
    module = nn.Linear(4, 4)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.01)
    return module, Trainer(folder, "fit", module, [optimizer], ema_decay=0.9, warmup_steps=5)


def _objective(module: nn.Module) -> Objective:
    def losses(generator: torch.Generator, step: int) -> Losses:
        x = torch.randn(16, 4, generator=generator)
        return {"loss": (module(x) - x.flip(1)).square().mean()}

    return losses


def test_a_resumed_run_ends_with_the_very_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    whole, trainer = _trainer(tmp_path / "whole")
    trainer.train(_objective(whole), Budget(steps=60, cooldown=False))
    for _ in range(3):
        parts, resumed = _trainer(tmp_path / "parts")
        resumed.train(_objective(parts), Budget(steps=20, cooldown=False))
    assert resumed.step == 60
    assert torch.equal(whole.weight, parts.weight)
    for mine, other in zip(
        trainer.averaged.parameters(), resumed.averaged.parameters(), strict=True
    ):
        assert torch.equal(mine, other)


def test_cooldown_brings_the_learning_rate_to_zero_and_the_next_call_has_it_back(
    tmp_path: Path,
) -> None:
    module, trainer = _trainer(tmp_path)
    rates: list[float] = []

    def watched(generator: torch.Generator, step: int) -> Losses:
        rates.append(trainer.learning_rates()[0])
        return _objective(module)(generator, step)

    trainer.train(watched, Budget(steps=100))
    assert rates[50] == pytest.approx(0.01)
    assert rates[-1] < 0.0005
    trainer.train(watched, Budget(steps=2))
    assert rates[-1] == pytest.approx(0.01)
    losses = [
        json.loads(line)["loss"] for line in (tmp_path / "fit.jsonl").read_text().splitlines()
    ]
    assert losses[-1] < losses[0]


def test_a_loss_that_is_not_a_number_stops_and_leaves_the_saved_state(tmp_path: Path) -> None:
    module, trainer = _trainer(tmp_path)
    trainer.train(_objective(module), Budget(steps=10))
    before = (tmp_path / "fit.pt").read_bytes()

    def nan(generator: torch.Generator, step: int) -> Losses:
        return {"loss": module.weight.sum() * float("nan")}

    with pytest.raises(TrainingError, match=r"step 10.*untouched"):
        trainer.train(nan, Budget(steps=10))
    assert (tmp_path / "fit.pt").read_bytes() == before


def test_a_full_disk_leaves_the_old_state_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, trainer = _trainer(tmp_path)
    trainer.train(_objective(module), Budget(steps=10))
    before = (tmp_path / "fit.pt").read_bytes()

    def full(state: object, path: Path) -> None:
        path.write_bytes(b"half a st")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match="No space left"):
        trainer.save()
    assert (tmp_path / "fit.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.tmp"))


def test_a_budget_ends_with_whichever_comes_first() -> None:
    assert Budget(seconds=10.0).spent(5.0, 1000) == 0.5
    assert Budget(seconds=10.0, steps=100).spent(5.0, 100) == 1.0
