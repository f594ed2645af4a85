"""A small teacher that one process trains, or two together."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import torch
import torch._dynamo  # optimizers load it late; here it is loaded once, before the forks
import torch.distributed as dist
from torch import Tensor

from model import presets
from model.nfd.transformer import NFDTransformer
from training.loop.optimizers import nfd_optimizers
from training.loop.sharded import ShardedWorkers
from training.loop.trainer import Budget, Trainer
from training.loop.workers import Alone, Workers
from training.objectives.flow_matching import direction_target
from training.objectives.objective import Losses
from training.objectives.prediction import predict

CONFIG = presets.debug().nfd
STEPS = 20


def train_alone(folder: Path) -> None:
    _train(folder, Alone())


def train_in_two(folder: Path, rank: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}.meeting", rank=rank, world_size=2,
        timeout=timedelta(seconds=300),
    )  # fmt: skip
    _train(folder, ShardedWorkers(torch.device("cpu")))
    dist.destroy_process_group()


def _train(folder: Path, workers: Workers) -> None:
    torch.manual_seed(0)
    transformer = NFDTransformer(CONFIG)
    optimizers = nfd_optimizers(transformer, muon_lr=2e-3, adamw_lr=2e-3)
    trainer = Trainer(
        folder, "teacher", transformer, optimizers, ema_decay=0.9, warmup_steps=5,
        micro_batches=2, workers=workers,
    )  # fmt: skip
    trainer.train(partial(_losses, transformer), Budget(steps=STEPS))


def _losses(transformer: NFDTransformer, generator: torch.Generator, step: int) -> Losses:
    """Clips whose frames all show the number of the button that led to them."""
    shape = (4, CONFIG.window)
    actions = torch.rand((*shape, CONFIG.action_size), generator=generator).round()
    clean = actions[..., :1, None, None] * torch.ones(CONFIG.latent_channels, 2, 2)
    noise = torch.randn(clean.shape, generator=generator)
    t_BF = 1.5 * torch.rand(shape, generator=generator)
    t: Tensor = t_BF[..., None, None, None]
    direction = predict(transformer, t.cos() * clean + t.sin() * noise, t_BF, actions)
    error = (direction - direction_target(clean, noise, t_BF)).square()
    return {"loss": (t.sin().square() * error).mean()}
