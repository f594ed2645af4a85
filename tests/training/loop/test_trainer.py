"""The training loop resumes bit for bit, saves whole or not at all, and stops plainly."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.training.loop.curves import read_curve
from training.loop.trainer import Budget, Trainer, TrainingError
from training.objectives.objective import Losses, Objective
from training.pipeline.run_state import has_ended
from training.run import Run


def _trainer(
    folder: Path, *, lr: float = 0.01, micro_batches: int = 1, save_every_s: float = 60.0
) -> tuple[nn.Linear, Trainer]:
    torch.manual_seed(0)
    module = nn.Linear(4, 4)
    optimizer = torch.optim.AdamW(module.parameters(), lr=lr)
    return module, Trainer(
        folder, "fit", module, [optimizer], ema_decay=0.9, warmup_steps=5,
        micro_batches=micro_batches, save_every_s=save_every_s,
    )  # fmt: skip


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

    with pytest.raises(TrainingError, match=r"step 10: loss nan.*untouched"):
        trainer.train(nan, Budget(steps=10))
    assert (tmp_path / "fit.pt").read_bytes() == before


@pytest.mark.parametrize(("then", "ends_at"), [(40, 40), (15, 45)])
def test_an_interrupted_call_is_taken_up_by_the_same_budget_and_by_no_other(
    tmp_path: Path, then: int, ends_at: int
) -> None:
    module, trainer = _trainer(tmp_path, save_every_s=0.0)

    def breaks_at_30(generator: torch.Generator, step: int) -> Losses:
        factor = float("nan") if step == 30 else 1.0
        return {"loss": _objective(module)(generator, step)["loss"] * factor}

    with pytest.raises(TrainingError, match=r"step 30: loss nan"):
        trainer.train(breaks_at_30, Budget(steps=40))
    assert not has_ended(Run(tmp_path), "fit")
    module, trainer = _trainer(tmp_path)
    assert (trainer.step, trainer.is_interrupted) == (30, True)
    trainer.train(_objective(module), Budget(steps=then))
    assert (trainer.step, trainer.is_interrupted) == (ends_at, False)
    assert has_ended(Run(tmp_path), "fit")


def test_a_step_is_the_mean_over_its_micro_batches(tmp_path: Path) -> None:
    drawn: list[float] = []
    module, trainer = _trainer(tmp_path, micro_batches=3)

    def losses(generator: torch.Generator, step: int) -> Losses:
        drawn.append(torch.rand((), generator=generator).item())
        return {"loss": module.weight.sum() * 0.0 + drawn[-1]}

    for _ in range(20):
        trainer.train(losses, Budget(steps=1))
    row = json.loads((tmp_path / "fit.jsonl").read_text())
    assert row["loss"] == pytest.approx(sum(drawn[-3:]) / 3, abs=1e-5)
    assert len(set(drawn)) == 60


def test_validation_is_logged_beside_the_loss_and_changes_nothing(tmp_path: Path) -> None:
    plain, trainer = _trainer(tmp_path / "plain")
    trainer.train(_objective(plain), Budget(steps=400))
    watched, trainer = _trainer(tmp_path / "watched")
    averaged = trainer.averaged
    assert isinstance(averaged, nn.Linear)
    trainer.train(_objective(watched), Budget(steps=400), _objective(averaged))
    assert torch.equal(plain.weight, watched.weight)
    rows = read_curve(tmp_path / "watched" / "fit.jsonl")
    first, last = (row["validation"] for row in rows if "validation" in row)
    assert last < first


def test_a_budget_ends_with_whichever_comes_first() -> None:
    assert Budget(seconds=10.0).spent(5.0, 1000) == 0.5
    assert Budget(seconds=10.0, steps=100).spent(5.0, 100) == 1.0


def test_a_state_of_other_sizes_is_named_with_what_to_do(tmp_path: Path) -> None:
    module, trainer = _trainer(tmp_path)
    trainer.train(_objective(module), Budget(steps=1))
    other = nn.Linear(5, 5)
    optimizer = torch.optim.AdamW(other.parameters())
    with pytest.raises(TrainingError, match=r"fit\.pt is not of this recipe .*size mismatch"):
        Trainer(tmp_path, "fit", other, [optimizer], ema_decay=0.9)


def test_a_run_stopped_by_a_loss_goes_on_with_the_rate_it_is_given_then(tmp_path: Path) -> None:
    """Else it would meet the same loss again: its randomness is that of the step."""
    module, trainer = _trainer(tmp_path, save_every_s=-1.0)
    budget = Budget(steps=20, cooldown=False)

    def diverging(generator: torch.Generator, step: int) -> Losses:
        losses = _objective(module)(generator, step)
        return losses if step < 12 else {"loss": losses["loss"] * float("nan")}

    with pytest.raises(TrainingError, match=r"step 12: loss nan.* lower learning rates: by --set"):
        trainer.train(diverging, budget)
    module, resumed = _trainer(tmp_path, lr=0.002)
    assert resumed.is_interrupted and resumed.step == 12
    resumed.train(_objective(module), budget)
    assert resumed.step == 20 and resumed.learning_rates() == [0.002]
