"""One optimisation step: gradients of the micro-batches, clipping, optimizers, moving average.
Knows no budget, no files and no clock.

The randomness of a step is a function of (seed, step, micro-batch) alone, so a step can be
repeated, by this process or by another, without the steps before it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training.loop.average import MovingAverage
from training.loop.workers import Workers
from training.objectives.objective import Losses, Objective

VALIDATION_BATCHES = 4


class NotANumber(ArithmeticError):
    """The gradient is not finite; the weights are unchanged by the step."""


class Learner:
    """Owns the weights, their moving average and the optimizer states."""

    def __init__(
        self,
        module: nn.Module,
        optimizers: Sequence[Optimizer],
        *,
        ema_decay: float,
        max_grad_norm: float,
        micro_batches: int,
        seed: int,
        workers: Workers,
    ) -> None:
        """Raises ValueError for micro-batches that `workers` cannot divide."""
        if micro_batches % workers.size:
            raise ValueError(
                f"{micro_batches} micro-batches a step cannot be divided among "
                f"{workers.size} workers"
            )
        self.device = next(module.parameters()).device
        self._module = module
        self._optimizers = optimizers
        self._average = MovingAverage(module, ema_decay)
        self._learning_rates = [[group["lr"] for group in opt.param_groups] for opt in optimizers]
        self._generator = torch.Generator(self.device)
        self._max_grad_norm = max_grad_norm
        self._micro_batches = micro_batches
        self._seed = seed
        self._workers = workers

    @property
    def averaged(self) -> nn.Module:
        averaged: nn.Module = self._average.module
        return averaged

    def learning_rates(self) -> list[float]:
        """The rates of the last step, one per optimizer."""
        return [optimizer.param_groups[0]["lr"] for optimizer in self._optimizers]

    def take(self, step: int, objective: Objective, rate: float) -> dict[str, float]:
        """One step at `rate` times the learning rates. Returns the losses. Raises NotANumber."""
        self._set_learning_rates(rate)
        losses = self._backward(step, objective)
        norm = self._workers.all_gather(
            nn.utils.clip_grad_norm_(self._module.parameters(), self._max_grad_norm)
        )
        if not torch.isfinite(norm):
            raise NotANumber(f"loss {losses['loss'].item()}, gradient norm {norm.item()}")
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._average.update(self._module)
        return {name: loss.item() for name, loss in losses.items()} | {"grad_norm": norm.item()}

    @torch.no_grad()
    def validate(self, step: int, objective: Objective) -> float:
        """The mean loss on the same clips and noise in every call, so values are comparable."""
        generator = torch.Generator(self.device).manual_seed(self._seed)
        losses = [objective(generator, step)["loss"] for _ in range(VALIDATION_BATCHES)]
        return torch.stack(losses).mean().item()

    def shard(self) -> None:
        """From here on each worker holds its shard. Load a saved state before."""
        self._workers.shard(self._module, self._optimizers)
        self._workers.shard(self._average.module, ())

    def begin_with(self, weights: Mapping[str, Tensor]) -> None:
        """Replaces the weights and their moving average. Raises RuntimeError for other shapes."""
        self._module.load_state_dict(weights)
        self._average.module.load_state_dict(weights)

    def state(self) -> dict[str, Any]:
        """The whole state, gathered from all workers."""
        state: dict[str, Any] = self._workers.all_gather(
            {
                "module": self._module.state_dict(),
                "ema": self._average.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            }
        )
        return state

    def load(self, state: dict[str, Any]) -> None:
        self._module.load_state_dict(state["module"])
        self._average.load_state_dict(state["ema"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def _backward(self, step: int, objective: Objective) -> Losses:
        """Adds the gradients of this worker's micro-batches; returns losses averaged over all."""
        mine = range(self._workers.rank, self._micro_batches, self._workers.size)
        drawn: list[Losses] = []
        for micro_batch in mine:
            key = np.random.SeedSequence((self._seed, step, micro_batch))
            self._generator.manual_seed(int(key.generate_state(1, np.uint64)[0]))
            losses = objective(self._generator, step)
            (losses["loss"] / len(mine)).backward()  # type: ignore[no-untyped-call]
            drawn.append({name: loss.detach() for name, loss in losses.items()})
        return {
            name: self._workers.mean(torch.stack([losses[name] for losses in drawn]).mean())
            for name in drawn[0]
        }

    def _set_learning_rates(self, factor: float) -> None:
        for optimizer, rates in zip(self._optimizers, self._learning_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
