"""Teaches a reader on real play, once per set of recordings. The same recordings and seed give the
same reader; it is kept in a file named after both.

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
from training.evaluate.reader.network import BEFORE, CLIP_FRAMES, ActionReader, ReaderShape
from training.evaluate.reader.reading import Actions

_FORMAT = 2  # of the network: a reader of another format is taught anew
_HASHED_FRAMES = 64  # of each recording, besides all of its actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    steps: int
    batch_size: int = 48
    lr: float = 3e-3
    seed: int = 0


def fitted_reader(
    space: ActionSpace, recordings: Sequence[Recording], folder: Path, lessons: Lessons
) -> ActionReader:
    """The reader for these recordings, from `folder` if it has been there before."""
    height, width = recordings[0].frames.shape[1:3]
    path = folder / f"reader-{_fingerprint(space, recordings, lessons)}.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(lessons.seed)
        reader = ActionReader(ReaderShape.of(space, width, height))
    if path.exists():
        with reading(path, "remove it, and it is taught anew"):
            reader.load_state_dict(load_file(path))
    else:
        _fit(reader, space, recordings, lessons)
        with replacing(path) as building:
            save_file(reader.state_dict(), building)
    return reader.eval().requires_grad_(False)


def _fit(
    reader: ActionReader, space: ActionSpace, recordings: Sequence[Recording], lessons: Lessons
) -> None:
    frames = np.concatenate([recording.frames for recording in recordings])
    cuts = np.concatenate([recording.cuts for recording in recordings])
    truth = Actions.of(space, np.concatenate([recording.actions for recording in recordings]))
    firsts = clip_starts(cuts, CLIP_FRAMES)
    chances = _chances(truth.take(firsts + BEFORE))
    optimizer = torch.optim.AdamW(reader.parameters(), lr=lessons.lr, weight_decay=0.01)
    rng = np.random.default_rng(lessons.seed)
    for step in trange(lessons.steps, desc="action reader", unit="step", mininterval=2):
        for group in optimizer.param_groups:
            group["lr"] = lessons.lr * 0.5 * (1 + math.cos(math.pi * step / lessons.steps))
        picked = rng.choice(firsts, lessons.batch_size, p=chances)
        clips = torch.from_numpy(frames[picked[:, None] + np.arange(CLIP_FRAMES)])
        loss = _loss(reader, clips, truth.take(picked + BEFORE))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _chances(truth: Actions) -> NDArray[np.float64]:
    """Rare actions are drawn more often: by the square root of how rare they are."""
    whole = np.concatenate((truth.buttons, truth.camera_bins), axis=1)
    _, kinds, counts = np.unique(whole, axis=0, return_inverse=True, return_counts=True)
    weights = 1.0 / np.sqrt(counts[kinds.reshape(-1)])
    chances: NDArray[np.float64] = weights / weights.sum()
    return chances


def _loss(reader: ActionReader, clips_BSHW3: Tensor, truth: Actions) -> Tensor:
    button_logits_BK, camera_logits = reader(clips_BSHW3)
    pressed_BK = torch.from_numpy(truth.buttons).float()
    loss = F.binary_cross_entropy_with_logits(button_logits_BK, pressed_BK)
    for logits_BY, bins_B in zip(camera_logits, torch.from_numpy(truth.camera_bins).T, strict=True):
        loss = loss + F.cross_entropy(logits_BY, bins_B)
    return loss


def _fingerprint(space: ActionSpace, recordings: Sequence[Recording], lessons: Lessons) -> str:
    hashed = hashlib.sha256(repr((_FORMAT, space, astuple(lessons))).encode())
    for recording in recordings:
        stride = max(1, len(recording.frames) // _HASHED_FRAMES)
        hashed.update(np.ascontiguousarray(recording.frames[::stride]).data)
        hashed.update(np.ascontiguousarray(recording.actions).data)
    return hashed.hexdigest()[:16]
