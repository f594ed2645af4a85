"""Small stages that other processes live through, some of them not to their end."""

import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch._dynamo  # optimizers load it late; here it is loaded once, before the forks
from torch import nn

from tests.training import tiny
from training.loop.optimizers import nfd_optimizers
from training.loop.trainer import Budget, Trainer, TrainingError
from training.objectives.flow_matching import FlowMatching
from training.objectives.history import History
from training.objectives.objective import Losses, Objective
from training.recipes.settings.history import HistorySettings
from training.recipes.settings.noise import NoiseMixture

WIDTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """`make` is called anew in every life. A kill comes less than so many steps and seconds after a
    life begins, so that ten of them never reach the end."""

    make: Callable[[Path], tuple[Trainer, Objective]]
    num_steps: int
    kill_steps: int
    kill_s: float


def trainer(folder: Path, *, micro_batches: int = 1) -> tuple[nn.Linear, Trainer]:
    """Saves every few steps, so that a kill often falls into a save."""
    torch.manual_seed(0)
    module = nn.Linear(WIDTH, WIDTH)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.01)
    return module, Trainer(
        folder, "fit", module, [optimizer], ema_decay=0.9, warmup_steps=5,
        micro_batches=micro_batches, save_every_s=0.003,
    )  # fmt: skip


def objective(module: nn.Linear) -> Objective:
    def losses(generator: torch.Generator, step: int) -> Losses:
        x = torch.randn(16, WIDTH, generator=generator)
        return {"loss": (module(x) - x.flip(1)).square().mean()}

    return losses


def line(folder: Path) -> tuple[Trainer, Objective]:
    module, fit = trainer(folder)
    return fit, objective(module)


def teacher(folder: Path) -> tuple[Trainer, Objective]:
    """As a world's is trained: both optimizers, its own guesses as context, action dropout."""
    network, mixture = tiny.transformer(), NoiseMixture()
    optimizers = nfd_optimizers(network, muon_lr=1e-3, adamw_lr=1e-3)
    history = History(network, mixture, HistorySettings(chain_share=0.5))
    fit = Trainer(folder, "fit", network, optimizers, ema_decay=0.9, save_every_s=0.01)
    return fit, FlowMatching(network, tiny.clips(), mixture, history, action_dropout=0.2)


LINE = Stage(make=line, num_steps=320, kill_steps=40, kill_s=0.006)
TEACHER = Stage(make=teacher, num_steps=100, kill_steps=9, kill_s=0.03)


def live(stage: Stage, folder: Path, killed_after: tuple[int, float] | None) -> None:
    """Trains to the end of the budget, or is killed so many steps and seconds from where it begins,
    wherever that finds it."""
    torch.set_num_threads(1)
    fit, losses = stage.make(folder)
    if killed_after is not None:
        threading.Thread(target=_kill, args=(fit, *killed_after), daemon=True).start()
    fit.train(losses, Budget(steps=stage.num_steps))


def _kill(fit: Trainer, steps: int, then_s: float) -> None:
    last = fit.step + steps
    while fit.step < last:
        time.sleep(0.0002)
    time.sleep(then_s)
    os.kill(os.getpid(), signal.SIGKILL)


def live_on_a_full_disk(folder: Path) -> None:
    """No file may grow beyond 4 KiB from here on; exits with 3 when training says so."""
    torch.set_num_threads(1)
    module, fit = trainer(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        fit.train(objective(module), Budget(steps=20))
    except TrainingError as error:
        assert "could not save" in str(error) and "untouched" in str(error), error
        os._exit(3)
