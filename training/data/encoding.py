"""Latents of recordings, encoded once: a folder per encoder, a shard per recording. Latents of two
encoders never mix; a killed run loses at most one shard.

Shape letters: N frames of one recording, C h w latent channels, rows, columns.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from model.tokenizer.fsq import FSQ
from model.tokenizer.vae import VAE, pixels_from_uint8
from training.data.atomic_io import reading, replacing
from training.data.latents import LatentRecording
from training.data.recording import Recording
from training.data.source import Entry, RecordingSource

_ENCODE_BATCH = 64
_STATISTICS = "statistics.safetensors"


class LatentCache:
    """Owns the folder `<root>/<hash of the encoder>`: the statistics that normalise latents to unit
    variance, measured once, and the latents. The hash ignores the decoder, so decoder training
    changes no latent."""

    def __init__(self, root: Path, vae: VAE) -> None:
        self._vae = vae
        self.folder = root / encoder_hash(vae)[:16]

    def restore_statistics(self) -> bool:
        """Loads the stored statistics into the tokenizer; False without stored statistics."""
        path = self.folder / _STATISTICS
        if not path.exists():
            return False
        with reading(path, "remove its folder, and all of it is made anew"):
            kept = load_file(path)
            self._vae.latent_mean.copy_(kept["mean"])
            self._vae.latent_std.copy_(kept["std"])
        return True

    def keep_statistics(self) -> None:
        """Stores the statistics for good, because models are trained on latents under these
        statistics."""
        statistics = {"mean": self._vae.latent_mean.cpu(), "std": self._vae.latent_std.cpu()}
        with replacing(self.folder / _STATISTICS) as building:
            save_file(statistics, building)

    def encoded(self, source: RecordingSource, entries: Sequence[Entry]) -> list[LatentRecording]:
        """Latents of these recordings in order; encodes only missing latents."""
        missing = [entry for entry in entries if not self._shard(entry).exists()]
        total = sum(entry.num_frames for entry in missing)
        with tqdm(total=total, desc="encode", unit="frame", disable=not missing) as bar:
            for entry in missing:
                encode(self._vae, source.open(entry.name)).save(self._shard(entry))
                bar.update(entry.num_frames)
        return [LatentRecording.load(self._shard(entry)) for entry in entries]

    def _shard(self, entry: Entry) -> Path:
        return self.folder / f"{entry.digest}.safetensors"


@torch.no_grad()
def encode(tokenizer: VAE | FSQ, recording: Recording) -> LatentRecording:
    """Latents of every frame, in fp16; the rounding error is far below the context noise."""
    device = next(tokenizer.parameters()).device
    latents: list[Tensor] = []
    for first in range(0, len(recording.frames), _ENCODE_BATCH):
        frames = np.array(recording.frames[first : first + _ENCODE_BATCH])
        pixels = pixels_from_uint8(torch.from_numpy(frames).to(device))
        encoded = tokenizer.encode(pixels.contiguous(memory_format=torch.channels_last))
        latents.append(encoded.contiguous().half().cpu())
    return LatentRecording(
        latents_NChw=torch.cat(latents),
        actions_NA=torch.from_numpy(recording.actions),
        cuts_N=torch.from_numpy(recording.cuts),
        poses_N3=torch.from_numpy(recording.poses),
    )


def encoder_hash(tokenizer: VAE | FSQ) -> str:
    """The sha256 of everything that determines raw latents: sizes and encoder weights."""
    config = tokenizer.config.convs if isinstance(tokenizer, FSQ) else tokenizer.config
    sizes = (config.latent_channels, config.patch, config.encoder_widths, config.num_blocks)
    digest = hashlib.sha256(repr(sizes).encode())
    for name, weight in sorted(tokenizer.encoder.state_dict().items()):
        array = weight.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()
