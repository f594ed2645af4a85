"""Trains the feature network of a run's perceptual loss, on the run's own recordings."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch.optim import AdamW, Optimizer

from training.data.recording import Recording
from training.loop.trainer import Budget, Trainer
from training.tokenizer.losses.features import ActionRegression, ActionRegressor, FeatureNetwork

_STEPS = 600


def trained_feature_network(
    folder: Path, recordings: Sequence[Recording], device: torch.device
) -> FeatureNetwork:
    """The trained network; the first call trains it, later calls load `folder`/eye.pt."""
    torch.manual_seed(0)
    regressor = ActionRegressor(recordings[0].actions.shape[1]).to(device)
    optimizers: list[Optimizer] = [AdamW(regressor.parameters(), lr=2e-3, weight_decay=0.01)]
    trainer = Trainer(folder, "eye", regressor, optimizers, ema_decay=0.99)
    if trainer.step < _STEPS:
        trainer.train(ActionRegression(regressor, recordings), Budget(steps=_STEPS - trainer.step))
    averaged = trainer.averaged
    assert isinstance(averaged, ActionRegressor)
    return averaged.eye
