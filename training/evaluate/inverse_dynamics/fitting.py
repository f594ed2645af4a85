"""Trains the inverse dynamics model on recorded play, once per set of recordings. Equal recordings
and an equal seed give an equal model, stored in a file that is named after both.

Shape letters: N frames of all recordings, B clips, S frames of a clip.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import trange

from model.action_space import ActionSpace
from training.data.atomic_io import reading, replacing
from training.data.recording import Recording, clip_starts
from training.evaluate.inverse_dynamics.network import (
    BEFORE,
    CLIP_FRAMES,
    InverseDynamics,
    InverseDynamicsShape,
)
from training.evaluate.inverse_dynamics.output import Actions

_FORMAT = 2  # of the network: a stored model of another format is not loaded
_HASHED_FRAMES = 64  # of each recording, beside all actions


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    steps: int
    batch_size: int = 48
    lr: float = 3e-3
    seed: int = 0


def fitted_inverse_dynamics(
    space: ActionSpace, recordings: Sequence[Recording], folder: Path, settings: FitSettings
) -> InverseDynamics:
    """The model for these recordings, loaded from `folder` where a file exists. Raises
    DamagedFile."""
    height, width = recordings[0].frames.shape[1:3]
    path = folder / f"reader-{_fingerprint(space, recordings, settings)}.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        inverse_dynamics = InverseDynamics(InverseDynamicsShape.of(space, width, height))
    if path.exists():
        with reading(path, "remove it, and the model is trained anew"):
            inverse_dynamics.load_state_dict(load_file(path))
    else:
        _fit(inverse_dynamics, space, recordings, settings)
        with replacing(path) as building:
            save_file(inverse_dynamics.state_dict(), building)
    return inverse_dynamics.eval().requires_grad_(False)


def _fit(
    inverse_dynamics: InverseDynamics,
    space: ActionSpace,
    recordings: Sequence[Recording],
    settings: FitSettings,
) -> None:
    frames = np.concatenate([recording.frames for recording in recordings])
    cuts = np.concatenate([recording.cuts for recording in recordings])
    truth = Actions.of(space, np.concatenate([recording.actions for recording in recordings]))
    firsts = clip_starts(cuts, CLIP_FRAMES)
    chances = _chances(truth.take(firsts + BEFORE))
    optimizer = torch.optim.AdamW(inverse_dynamics.parameters(), lr=settings.lr, weight_decay=0.01)
    rng = np.random.default_rng(settings.seed)
    for step in trange(settings.steps, desc="inverse dynamics", unit="step", mininterval=2):
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
        picked = rng.choice(firsts, settings.batch_size, p=chances)
        clips = torch.from_numpy(frames[picked[:, None] + np.arange(CLIP_FRAMES)])
        loss = _loss(inverse_dynamics, clips, truth.take(picked + BEFORE))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _chances(truth: Actions) -> NDArray[np.float64]:
    """Sampling probabilities of clips: inverse square root of how often their action occurs."""
    whole = np.concatenate((truth.buttons, truth.camera_bins), axis=1)
    _, kinds, counts = np.unique(whole, axis=0, return_inverse=True, return_counts=True)
    weights = 1.0 / np.sqrt(counts[kinds.reshape(-1)])
    chances: NDArray[np.float64] = weights / weights.sum()
    return chances


def _loss(inverse_dynamics: InverseDynamics, clips_BSHW3: Tensor, truth: Actions) -> Tensor:
    button_logits_BK, camera_logits = inverse_dynamics(clips_BSHW3)
    pressed_BK = torch.from_numpy(truth.buttons).float()
    loss = F.binary_cross_entropy_with_logits(button_logits_BK, pressed_BK)
    for logits_BY, bins_B in zip(camera_logits, torch.from_numpy(truth.camera_bins).T, strict=True):
        loss = loss + F.cross_entropy(logits_BY, bins_B)
    return loss


def _fingerprint(space: ActionSpace, recordings: Sequence[Recording], settings: FitSettings) -> str:
    hashed = hashlib.sha256(repr((_FORMAT, space, astuple(settings))).encode())
    for recording in recordings:
        stride = max(1, len(recording.frames) // _HASHED_FRAMES)
        hashed.update(np.ascontiguousarray(recording.frames[::stride]).data)
        hashed.update(np.ascontiguousarray(recording.actions).data)
    return hashed.hexdigest()[:16]
