"""A tiny stage that other processes live through, some of them not to its end."""

import os
import resource
import signal
import threading
import time
from pathlib import Path

import torch
import torch._dynamo  # optimizers load it late; here it is loaded once, before the forks
from torch import nn

from training.loop.trainer import Budget, Losses, Objective, Trainer, TrainingError

STEPS = 320
WIDTH = 64


def trainer(folder: Path, *, micro_batches: int = 1) -> tuple[nn.Linear, Trainer]:
    """Saves every few steps, so that a kill often falls into a save."""
    torch.manual_seed(0)
    module = nn.Linear(WIDTH, WIDTH)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.01)
    return module, Trainer(
        folder, "fit", module, [optimizer], ema_decay=0.9, warmup_steps=5,
        micro_batches=micro_batches, save_every_s=0.03,
    )  # fmt: skip


def objective(module: nn.Linear) -> Objective:
    def losses(generator: torch.Generator, step: int) -> Losses:
        x = torch.randn(16, WIDTH, generator=generator)
        return {"loss": (module(x) - x.flip(1)).square().mean()}

    return losses


def live(folder: Path, killed_after: tuple[int, float] | None) -> None:
    """Trains to the end of the budget, or is killed so many steps and seconds from where it begins,
    wherever that finds it."""
    torch.set_num_threads(1)
    module, fit = trainer(folder)
    if killed_after is not None:
        threading.Thread(target=_kill, args=(fit, *killed_after), daemon=True).start()
    fit.train(objective(module), Budget(steps=STEPS))


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
