"""The training loop: steps until the budget is spent, resumes where it stopped, saves whole or not
at all. Knows no data and no loss; those come in as one callable.

A run folder holds `<stage>.pt` (everything needed to go on) and `<stage>.jsonl` (the loss curve).
A process may be killed at any moment: the next one takes up the interrupted call from the last
saved step, and because the randomness of a step is a function of (seed, step, micro-batch) alone,
it ends with the very weights and the very curve of a run that nobody killed.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from training.average import MovingAverage
from training.curve import LossCurve
from training.data.whole import replacing
from training.workers import Alone, Workers

SAVE_EVERY_S = 120.0
LOG_EVERY = 20
VALIDATE_EVERY, VALIDATION_BATCHES = 200, 4
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of `train` that has not ended: its budget, and where it began. Part of the saved
    state, so that a killed call is taken up instead of begun again."""

    budget: Budget
    first_step: int
    first_seconds: float

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Call":
        return cls(**(state | {"budget": Budget(**state["budget"])}))


class Trainer:
    """Owns a stage's state: weights, their moving average, optimizers, step."""

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
        micro_batches: int = 1,
        seed: int = 0,
        save_every_s: float = SAVE_EVERY_S,
        workers: Workers | None = None,
    ) -> None:
        """A step is the mean over `micro_batches` calls of the objective, which `workers` divide
        among them. Raises ValueError where they cannot."""
        self._workers = workers or Alone()
        if micro_batches % self._workers.size:
            raise ValueError(
                f"{micro_batches} micro-batches a step cannot be divided among "
                f"{self._workers.size} workers"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._state_path = folder / f"{stage}.pt"
        self._curve_path = folder / f"{stage}.jsonl"
        self._stage = stage
        self._module = module
        self._optimizers = optimizers
        self._device = next(module.parameters()).device
        self._generator = torch.Generator(self._device)
        self._seed = seed
        self._warmup_steps = warmup_steps
        self._max_grad_norm = max_grad_norm
        self._micro_batches = micro_batches
        self._save_every_s = save_every_s
        self._learning_rates = [[group["lr"] for group in opt.param_groups] for opt in optimizers]
        self._ema = MovingAverage(module, ema_decay)
        self._call: Call | None = None
        self.step = 0
        self.seconds = 0.0
        if self._state_path.exists():
            self._resume()
        self._workers.spread(module, optimizers)
        self._workers.spread(self._ema.module, ())

    @property
    def averaged(self) -> nn.Module:
        """The moving average: what is evaluated and released."""
        averaged: nn.Module = self._ema.module
        return averaged

    @property
    def is_interrupted(self) -> bool:
        """The last call was ended by a kill or an error; the same budget takes it up."""
        return self._call is not None

    def learning_rates(self) -> list[float]:
        """The rates of the step being taken, one per optimizer."""
        return [optimizer.param_groups[0]["lr"] for optimizer in self._optimizers]

    def train(
        self, objective: Objective, budget: Budget, validation: Objective | None = None
    ) -> None:
        """Steps until the budget is spent, then saves. A call of the same budget that was
        interrupted is taken up: its spending counts. `validation`, an objective of the averaged
        weights on clips of its own, puts its loss beside the others now and then. Raises
        TrainingError on a loss that is not a number and on a full disk, with the last saved state
        untouched."""
        call = self._call = self._call_for(budget)
        saved = seconds_before = self.seconds
        started = time.monotonic()
        is_first = self._workers.rank == 0
        with (
            LossCurve(self._curve_path if is_first else None, self.step) as curve,
            tqdm(
                desc=self._stage, initial=self.step, unit="step", mininterval=5,
                disable=not is_first,
            ) as bar,
        ):  # fmt: skip
            while (
                spent := budget.spent(
                    self.seconds - call.first_seconds, self.step - call.first_step
                )
            ) < 1:
                losses = self._step(objective, _cooldown(spent) if budget.cooldown else 1.0)
                self.seconds = seconds_before + self._agreed(time.monotonic() - started)
                bar.update()
                if self.step % LOG_EVERY == 0:
                    self._log(losses | self._validate(validation), curve, bar)
                if self.seconds - saved > self._save_every_s:
                    self._save(curve)
                    saved = self.seconds
            self._call = None
            self._save(curve)

    def _call_for(self, budget: Budget) -> Call:
        if self._call is not None and self._call.budget == budget:
            return self._call
        return Call(budget=budget, first_step=self.step, first_seconds=self.seconds)

    def _save(self, curve: LossCurve) -> None:
        """Replaces the state on disk, whole or not at all."""
        tensors = {
            "module": self._module.state_dict(),
            "ema": self._ema.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }
        state = self._workers.gathered(tensors) | {"step": self.step, "seconds": self.seconds}
        if self._workers.rank > 0:
            return
        if self._call is not None:
            state["call"] = asdict(self._call)
        try:
            curve.sync()
            with replacing(self._state_path) as building:
                torch.save(state, building)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            raise self._error(f"could not save: {error}") from error

    def _step(self, objective: Objective, cooldown: float) -> dict[str, float]:
        self._set_learning_rates(min(1.0, (self.step + 1) / self._warmup_steps) * cooldown)
        losses = self._backward(objective)
        norm = self._workers.gathered(
            nn.utils.clip_grad_norm_(self._module.parameters(), self._max_grad_norm)
        )
        if not torch.isfinite(norm):
            raise self._error(f"loss {losses['loss'].item()}, gradient norm {norm.item()}")
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._ema.update(self._module)
        self.step += 1
        return {name: loss.item() for name, loss in losses.items()} | {"grad_norm": norm.item()}

    def _backward(self, objective: Objective) -> Losses:
        """Gradients of all micro-batches, and the means of their losses."""
        mine = range(self._workers.rank, self._micro_batches, self._workers.size)
        drawn: list[Losses] = []
        for micro_batch in mine:
            key = np.random.SeedSequence((self._seed, self.step, micro_batch))
            self._generator.manual_seed(int(key.generate_state(1, np.uint64)[0]))
            losses = objective(self._generator, self.step)
            (losses["loss"] / len(mine)).backward()  # type: ignore[no-untyped-call]
            drawn.append({name: loss.detach() for name, loss in losses.items()})
        return {
            name: self._workers.mean(torch.stack([losses[name] for losses in drawn]).mean())
            for name in drawn[0]
        }

    def _agreed(self, seconds: float) -> float:
        """The same clock in all workers, so that they save and end together."""
        clock = torch.tensor(seconds, dtype=torch.float64, device=self._device)
        return self._workers.mean(clock).item()

    @torch.no_grad()
    def _validate(self, validation: Objective | None) -> dict[str, float]:
        """The same clips and the same noise each time, so that the values compare."""
        if validation is None or self.step % VALIDATE_EVERY:
            return {}
        generator = torch.Generator(self._device).manual_seed(self._seed)
        losses = [validation(generator, self.step)["loss"] for _ in range(VALIDATION_BATCHES)]
        return {"validation": torch.stack(losses).mean().item()}

    def _set_learning_rates(self, factor: float) -> None:
        for optimizer, rates in zip(self._optimizers, self._learning_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor

    def _log(self, losses: dict[str, float], curve: LossCurve, bar: "tqdm") -> None:
        try:
            curve.add(self.step, self.seconds, losses)
        except OSError as error:
            raise self._error(f"could not write {self._curve_path}: {error}") from error
        bar.set_postfix(loss=losses["loss"], refresh=False)

    def _resume(self) -> None:
        state = torch.load(self._state_path, map_location=self._device, weights_only=True)
        self._module.load_state_dict(state["module"])
        self._ema.load_state_dict(state["ema"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.seconds = state["step"], state["seconds"]
        self._call = Call.from_state(state["call"]) if "call" in state else None

    def _error(self, what: str) -> TrainingError:
        return TrainingError(
            f"{self._stage}, step {self.step}: {what}; "
            f"the last saved state in {self._state_path} is untouched"
        )


def _cooldown(spent: float) -> float:
    return min(1.0, (1.0 - spent) / (1.0 - COOLDOWN_FROM))
