"""Trains the feature network of a run's perceptual loss, on the run's own recordings."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch.optim import AdamW, Optimizer

from training.data.recording import Recording
from training.loop.trainer import Budget, Trainer
from training.tokenizer.losses.features import Eye, InverseDynamics, ReadActions

_STEPS = 600


def trained_eye(folder: Path, films: Sequence[Recording], device: torch.device) -> Eye:
    """Taught on the first call, found in `folder` afterwards."""
    torch.manual_seed(0)
    reader = InverseDynamics(films[0].actions.shape[1]).to(device)
    optimizers: list[Optimizer] = [AdamW(reader.parameters(), lr=2e-3, weight_decay=0.01)]
    trainer = Trainer(folder, "eye", reader, optimizers, ema_decay=0.99)
    if trainer.step < _STEPS:
        trainer.train(ReadActions(reader, films), Budget(steps=_STEPS - trainer.step))
    averaged = trainer.averaged
    assert isinstance(averaged, InverseDynamics)
    return averaged.eye
