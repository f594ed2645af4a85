"""The training loop: steps until the budget is spent, resumes from the saved step, saves
atomically. Knows no data and no loss; both are inside the objective.

A run folder holds `<stage>.pt` (the state) and `<stage>.jsonl` (the loss curve). A process may be
killed at any moment: the next process takes up the interrupted call from the last saved step, and
ends with the weights and the curve of an uninterrupted run.
"""

import math
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from training.data.atomic_io import replacing
from training.loop.curve import LossCurve
from training.loop.learner import Learner, NotANumber
from training.loop.state import read_state
from training.loop.workers import Alone, Workers
from training.objectives.objective import Objective

SAVE_EVERY_S = 120.0
LOG_EVERY = 20
VALIDATE_EVERY = 200
COOLDOWN_FROM = 0.6  # the learning rate falls to zero over the rest of the budget
NOT_A_NUMBER = (
    "this step would come to the same again, so go on with lower learning rates: by --set on the "
    "command line, by other numbers where a submitted run is resumed"
)


class TrainingError(RuntimeError):
    """Training cannot continue; the message gives the reason and the state on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of one call in seconds and in steps; the call ends at the first limit. `cooldown`:
    the learning rate falls to zero, as the last call of a stage should; without it the rate stays
    up for the next call."""

    seconds: float = math.inf
    steps: int | None = None
    cooldown: bool = True

    def spent(self, seconds: float, steps: int) -> float:
        """The spent fraction of the budget; the call ends at 1."""
        by_steps = steps / self.steps if self.steps is not None else 0.0
        return max(seconds / self.seconds, by_steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An unfinished call of `train`: its budget and its first step. Part of the saved state, so a
    killed call is resumed instead of restarted."""

    budget: Budget
    first_step: int
    first_seconds: float

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Call":
        return cls(**(state | {"budget": Budget(**state["budget"])}))


class Trainer:
    """Owns the files, the step and the clock of a stage, and drives a Learner."""

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
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """A step is the mean over `micro_batches` calls of the objective, divided among `workers`.
        `settings`: the numbers behind objective and optimizers; the state stores them for each
        call, for a released world's provenance. Raises ValueError for micro-batches that the
        workers cannot divide, DamagedFile and TrainingError for an unusable state."""
        folder.mkdir(parents=True, exist_ok=True)
        self._state_path = folder / f"{stage}.pt"
        self._curve_path = folder / f"{stage}.jsonl"
        self._stage = stage
        self._warmup_steps = warmup_steps
        self._save_every_s = save_every_s
        self._workers = workers or Alone()
        self._learner = Learner(
            module,
            optimizers,
            ema_decay=ema_decay,
            max_grad_norm=max_grad_norm,
            micro_batches=micro_batches,
            seed=seed,
            workers=self._workers,
        )
        self._call: Call | None = None
        self._settings = dict(settings or {})
        self._calls: list[dict[str, Any]] = []  # first step, seconds and settings of each call
        self.step = 0
        self.seconds = 0.0
        if self._state_path.exists():
            self._resume()
        self._learner.shard()

    @property
    def averaged(self) -> nn.Module:
        """The moving average of the weights: evaluation and releases use this network."""
        return self._learner.averaged

    @property
    def is_interrupted(self) -> bool:
        """A kill or an error ended the last call; a call with the same budget resumes it."""
        return self._call is not None

    def learning_rates(self) -> list[float]:
        """The rates of the current step, one per optimizer."""
        return self._learner.learning_rates()

    def begin_with(self, weights: Mapping[str, Tensor]) -> None:
        """Begins the stage with `weights` instead of drawn weights, and saves step 0. Raises
        TrainingError when the stage has begun, RuntimeError for weights of another network."""
        if self.step:
            raise TrainingError(
                f"{self._state_path} holds {self.step} steps already; name another run"
            )
        self._learner.begin_with(weights)
        with closing(LossCurve(None, 0)) as curve:
            self._save(curve)

    def train(
        self, objective: Objective, budget: Budget, validation: Objective | None = None
    ) -> None:
        """Steps until the budget is spent, then saves. Resumes an interrupted call of the same
        budget, whose spent part counts. `validation`: an objective of the averaged weights on
        validation clips, logged every VALIDATE_EVERY steps. Raises TrainingError for a loss that is
        not a number and for a full disk; the last saved state stays."""
        call = self._call = self._call_for(budget)
        saved = seconds_before = self.seconds
        started = time.monotonic()
        is_first = self._workers.rank == 0
        with (
            closing(LossCurve(self._curve_path if is_first else None, self.step)) as curve,
            tqdm(
                desc=self._stage,
                initial=self.step,
                unit="step",
                mininterval=5,
                disable=not is_first,
            ) as bar,
        ):
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
        begun = {"step": self.step, "seconds": self.seconds, "settings": self._settings}
        self._calls.append(begun)
        return Call(budget=budget, first_step=self.step, first_seconds=self.seconds)

    def _save(self, curve: LossCurve) -> None:
        """Replaces the state on disk atomically."""
        state = self._learner.state() | {
            "step": self.step,
            "seconds": self.seconds,
            "calls": self._calls,
        }
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
        warmup = min(1.0, (self.step + 1) / self._warmup_steps)
        try:
            losses = self._learner.take(self.step, objective, warmup * cooldown)
        except NotANumber as error:
            raise self._error(f"{error}; {NOT_A_NUMBER}") from error
        self.step += 1
        return losses

    def _validate(self, validation: Objective | None) -> dict[str, float]:
        if validation is None or self.step % VALIDATE_EVERY:
            return {}
        return {"validation": self._learner.validate(self.step, validation)}

    def _agreed(self, seconds: float) -> float:
        """The mean clock of all workers, so that all workers save and end at the same step."""
        clock = torch.tensor(seconds, dtype=torch.float64, device=self._learner.device)
        return self._workers.mean(clock).item()

    def _log(self, losses: dict[str, float], curve: LossCurve, bar: "tqdm") -> None:
        try:
            curve.add(self.step, self.seconds, losses)
        except OSError as error:
            raise self._error(f"could not write {self._curve_path}: {error}") from error
        bar.set_postfix(loss=losses["loss"], refresh=False)

    def _resume(self) -> None:
        """Raises DamagedFile; TrainingError for a state of a network of other sizes."""
        state = read_state(self._state_path, self._learner.device)
        try:
            self._learner.load(state)
        except (RuntimeError, ValueError) as error:
            raise TrainingError(
                f"{self._state_path} is not of this recipe ({_in_short(error)}); remove it to "
                "begin this stage anew, or name another run"
            ) from error
        self.step, self.seconds = state["step"], state["seconds"]
        self._call = Call.from_state(state["call"]) if "call" in state else None
        self._calls = state.get("calls", [])  # older states hold no calls

    def _error(self, what: str) -> TrainingError:
        return TrainingError(
            f"{self._stage}, step {self.step}: {what}; "
            f"the last saved state in {self._state_path} is untouched"
        )


def _in_short(error: Exception) -> str:
    """The error on one line, at most 160 characters: torch lists differences line by line."""
    return " ".join(str(error).split())[:160]


def _cooldown(spent: float) -> float:
    return min(1.0, (1.0 - spent) / (1.0 - COOLDOWN_FROM))
