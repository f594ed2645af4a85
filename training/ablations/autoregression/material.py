"""What both methods learn from: films of the toy world, and the sizes they share.

The toy world at 8x compression has 16 tokens a frame: enough for the order of decoding to matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.action_space import ActionSpace
from model.ar.matched import matched_config
from model.ar.transformer import ARConfig
from model.ar.vocabulary import ActionVocabulary
from model.nfd.transformer import NFDConfig
from model.tokenizer.fsq import FSQConfig
from model.tokenizer.protocol import Tokenizer
from model.tokenizer.vae import VAEConfig, pixels_from_uint8
from training.data.games.toy import ACTION_SPACE, ToyRecorder
from training.data.latents import LatentFilm
from training.data.recording import Recording

CODE_LEVELS = (8, 5, 5, 5)  # 1,000 codes
FPS = 17.5
_ENCODE_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Networks of both methods: the same grid, window and number of parameters."""

    vae: VAEConfig
    nfd: NFDConfig
    fsq: FSQConfig
    ar: ARConfig
    vocabulary: ActionVocabulary
    action_space: ActionSpace = ACTION_SPACE


def toy_sizes(*, width: int = 80, num_layers: int = 3) -> Sizes:
    convs = VAEConfig(
        latent_channels=8, patch=4, encoder_widths=(24, 48), decoder_widths=(24, 48), num_blocks=1
    )
    nfd = NFDConfig(
        latent_channels=8, grid_height=4, grid_width=4, width=width, num_layers=num_layers,
        num_heads=4, action_size=ACTION_SPACE.size, window=8, concat_previous=True,
    )  # fmt: skip
    fsq = FSQConfig(levels=CODE_LEVELS, convs=replace(convs, latent_channels=len(CODE_LEVELS)))
    vocabulary = ActionVocabulary.of(ACTION_SPACE)
    return Sizes(
        vae=convs,
        nfd=nfd,
        fsq=fsq,
        ar=matched_config(nfd, vocabulary, codebook_size=fsq.codebook_size),
        vocabulary=vocabulary,
    )


def film(num_frames: int, seed: int) -> Recording:
    return ToyRecorder().record(num_frames=num_frames, seed=seed)


@torch.no_grad()
def encode(tokenizer: Tokenizer, recording: Recording) -> LatentFilm:
    frames = recording.frames
    latents = [
        tokenizer.encode(pixels(frames[first : first + _ENCODE_BATCH]))
        for first in range(0, len(frames), _ENCODE_BATCH)
    ]
    return LatentFilm(
        latents_NChw=torch.cat(latents),
        actions_NA=torch.from_numpy(recording.actions),
        cuts_N=torch.from_numpy(recording.cuts),
    )


def pixels(frames_NHWC: NDArray[np.uint8]) -> Tensor:
    """(N, 3, H, W) in [-1, 1]."""
    return pixels_from_uint8(torch.from_numpy(np.array(frames_NHWC)))


def spread_starts(num_frames: int, window: int, count: int) -> Sequence[int]:
    """First frames of `count` clips of `window` frames, evenly over a film."""
    return np.linspace(0, num_frames - window, count).astype(int).tolist()  # type: ignore[no-any-return]
