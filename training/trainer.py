"""The training loop: steps until the budget is spent, resumes where it stopped, saves whole or not
at all. Knows no data and no loss; those come in as one callable.

A run folder holds `<stage>.pt` (everything needed to go on) and `<stage>.jsonl` (the loss curve).
"""

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

SAVE_EVERY_S = 120.0
LOG_EVERY = 20
COOLDOWN_FROM = 0.6  # the learning rate falls to zero over the rest of the budget

Losses = dict[str, Tensor]  # "loss" is minimised, the others are only logged
Objective = Callable[[torch.Generator, int], Losses]  # (randomness, step)


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what is safe on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one call may spend, whichever ends first. `cooldown` is for the last call of a stage:
    without it the learning rate stays up for the next."""

    seconds: float = math.inf
    steps: int | None = None
    cooldown: bool = True

    def spent(self, seconds: float, steps: int) -> float:
        """Fraction of the budget gone, 1 or more when it is over."""
        by_steps = steps / self.steps if self.steps is not None else 0.0
        return max(seconds / self.seconds, by_steps)


class Trainer:
    """Owns a stage's state: weights, their moving average, optimizers, randomness, step."""

    def __init__(
        self,
        folder: Path,
        stage: str,
        module: nn.Module,
        optimizers: list[Optimizer],
        *,
        ema_decay: float,
        warmup_steps: int = 100,
        max_grad_norm: float = 1.0,
        seed: int = 0,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._state_path = folder / f"{stage}.pt"
        self._curve_path = folder / f"{stage}.jsonl"
        self._stage = stage
        self._module = module
        self._optimizers = optimizers
        self._device = next(module.parameters()).device
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._warmup_steps = warmup_steps
        self._max_grad_norm = max_grad_norm
        self._learning_rates = [[group["lr"] for group in opt.param_groups] for opt in optimizers]
        self._ema = AveragedModel(
            module,
            multi_avg_fn=get_ema_multi_avg_fn(ema_decay),  # type: ignore[no-untyped-call]
            use_buffers=True,
        )
        self.step = 0
        self.seconds = 0.0
        if self._state_path.exists():
            self._resume()

    @property
    def averaged(self) -> nn.Module:
        """The moving average: what is evaluated and released."""
        averaged: nn.Module = self._ema.module
        return averaged

    def learning_rates(self) -> list[float]:
        """The rates of the step being taken, one per optimizer."""
        return [optimizer.param_groups[0]["lr"] for optimizer in self._optimizers]

    def train(self, objective: Objective, budget: Budget) -> None:
        """Steps until the budget is spent, then saves. Raises TrainingError on a loss that is not
        a number, with the last saved state untouched."""
        started = saved = time.monotonic()
        first_step, seconds_before = self.step, self.seconds
        with (
            self._curve_path.open("a") as curve,
            tqdm(desc=self._stage, initial=self.step, unit="step", mininterval=5) as bar,
        ):
            while (
                spent := budget.spent(self.seconds - seconds_before, self.step - first_step)
            ) < 1:
                losses = self._step(objective, _cooldown(spent) if budget.cooldown else 1.0)
                now = time.monotonic()
                self.seconds = seconds_before + now - started
                bar.update()
                if self.step % LOG_EVERY == 0:
                    self._log(losses, curve.write, bar)
                    curve.flush()
                if now - saved > SAVE_EVERY_S:
                    self.save()
                    saved = now
        self.save()

    def save(self) -> None:
        """Replaces the state on disk, whole or not at all."""
        state = {
            "module": self._module.state_dict(),
            "ema": self._ema.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "generator": self._generator.get_state(),
            "step": self.step,
            "seconds": self.seconds,
        }
        building = self._state_path.with_suffix(".tmp")
        try:
            torch.save(state, building)
            os.replace(building, self._state_path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            building.unlink(missing_ok=True)
            raise TrainingError(f"could not save {self._state_path}: {error}") from error

    def _step(self, objective: Objective, cooldown: float) -> dict[str, float]:
        self._set_learning_rates(min(1.0, (self.step + 1) / self._warmup_steps) * cooldown)
        losses = objective(self._generator, self.step)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._module.parameters(), self._max_grad_norm)
        if not torch.isfinite(norm):
            raise TrainingError(
                f"{self._stage}: loss {losses['loss'].item()} and gradient norm {norm.item()} at "
                f"step {self.step}; the last saved state in {self._state_path} is untouched"
            )
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._ema.update_parameters(self._module)
        self.step += 1
        return {name: loss.item() for name, loss in losses.items()} | {"grad_norm": norm.item()}

    def _set_learning_rates(self, factor: float) -> None:
        for optimizer, rates in zip(self._optimizers, self._learning_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor

    def _log(self, losses: dict[str, float], write: Callable[[str], int], bar: "tqdm") -> None:
        row = {name: round(value, 5) for name, value in losses.items()}
        write(json.dumps({"step": self.step, "seconds": round(self.seconds, 1)} | row) + "\n")
        bar.set_postfix(loss=row["loss"], refresh=False)

    def _resume(self) -> None:
        state = torch.load(self._state_path, map_location=self._device, weights_only=True)
        self._module.load_state_dict(state["module"])
        self._ema.load_state_dict(state["ema"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self._generator.set_state(state["generator"].cpu())
        self.step, self.seconds = state["step"], state["seconds"]


def _cooldown(spent: float) -> float:
    return min(1.0, (1.0 - spent) / (1.0 - COOLDOWN_FROM))
