"""Recordings as latents, and clips drawn from them. Knows no noise and no loss.

Shape letters: N frames of all recordings, B clips, F frames of a clip, A action size,
C h w latent channels, rows, columns.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from model.tokenizer.vae import VAE, pixels_from_uint8
from training.data.recording import Recording, clip_starts

_ENCODE_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentFilm:
    """Latents of all recordings one after the other, with the action that led to each frame.
    `cuts_N` is True where a frame does not follow from the one before."""

    latents_NChw: Tensor  # float16
    actions_NA: Tensor
    cuts_N: Tensor

    def save(self, path: Path) -> None:
        save_file(
            {"latents": self.latents_NChw, "actions": self.actions_NA, "cuts": self.cuts_N}, path
        )

    @staticmethod
    def load(path: Path) -> "LatentFilm":
        tensors = load_file(path)
        return LatentFilm(
            latents_NChw=tensors["latents"],
            actions_NA=tensors["actions"],
            cuts_N=tensors["cuts"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Clips:
    """A batch of clips in normalised latents."""

    latents_BFChw: Tensor
    actions_BFA: Tensor


class ClipSource:
    """Draws clips that hold no cut, uniformly, on the device that trains."""

    def __init__(
        self, film: LatentFilm, num_frames: int, batch_size: int, device: torch.device
    ) -> None:
        starts = clip_starts(film.cuts_N.numpy(), num_frames)
        if len(starts) == 0:
            raise ValueError(f"no recording is {num_frames} frames long without a cut")
        self._starts = torch.from_numpy(starts).to(device)
        self._offsets_F = torch.arange(num_frames, device=device)
        self._latents_NChw = film.latents_NChw.to(device)
        self._actions_NA = film.actions_NA.to(device)
        self._batch_size = batch_size

    def draw(self, generator: torch.Generator) -> Clips:
        picked = torch.randint(
            len(self._starts), (self._batch_size,), generator=generator, device=self._starts.device
        )
        frames_BF = self._starts[picked][:, None] + self._offsets_F
        return Clips(
            latents_BFChw=self._latents_NChw[frames_BF].float(),
            actions_BFA=self._actions_NA[frames_BF],
        )


@torch.no_grad()
def encode_recordings(
    vae: VAE, recordings: Iterable[Recording], device: torch.device
) -> LatentFilm:
    """Latents of every frame, in fp16 (their rounding is far below the context noise)."""
    recordings = list(recordings)
    latents: list[Tensor] = []
    with tqdm(total=sum(len(r.frames) for r in recordings), desc="encode", unit="frame") as bar:
        for recording in recordings:
            for first in range(0, len(recording.frames), _ENCODE_BATCH):
                frames = np.array(recording.frames[first : first + _ENCODE_BATCH])
                pixels = pixels_from_uint8(torch.from_numpy(frames).to(device))
                encoded = vae.encode(pixels.contiguous(memory_format=torch.channels_last))
                latents.append(encoded.contiguous().half().cpu())
                bar.update(len(frames))
    return LatentFilm(
        latents_NChw=torch.cat(latents),
        actions_NA=torch.from_numpy(np.concatenate([r.actions for r in recordings])),
        cuts_N=torch.from_numpy(np.concatenate([r.cuts for r in recordings])),
    )
