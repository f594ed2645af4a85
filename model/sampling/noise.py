"""Noise as a pure function of its key.

Every draw is keyed by (session seed, frame_idx, denoise step): never by batch, slot, replica or
order of calls, so a session replays exactly on any replica and in any company. Philox is a
counter-based generator: key and counter name a stream, no state is carried. NumPy's stream is
scalar code and the same on every machine; torch's differs between devices.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

MAX_SEED = 2**64 - 1
# The draw that re-noises a finished frame for the context; denoise steps count from 0.
CONTEXT_STEP = 2**32


def check_seed(seed: int) -> None:
    """Raises ValueError unless `seed` is an unsigned 64-bit integer."""
    if not 0 <= seed <= MAX_SEED:
        raise ValueError(f"a seed is an integer from 0 to {MAX_SEED}, got {seed}")


def draw_noise(shape: Sequence[int], *, seed: int, frame_idx: int, denoise_step: int) -> Tensor:
    """Standard normal noise, fp32 on the CPU."""
    key = np.array([seed, frame_idx], dtype=np.uint64)
    counter = np.array([0, 0, 0, denoise_step], dtype=np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key, counter=counter))
    return torch.from_numpy(generator.standard_normal(tuple(shape), dtype=np.float32))
