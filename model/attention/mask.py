"""The block-causal mask: both ways inside a frame, causal over frames, at most a window back."""

import torch
from torch import Tensor


def block_causal_mask(
    num_frames: int, tokens_per_frame: int, window: int, device: torch.device | None = None
) -> Tensor:
    """Boolean (S, S), S = frames * tokens; True where a query (row) may attend to a key (column).

    A frame attends to all of its own tokens and to the `window - 1` frames before.
    """
    frame_S = torch.arange(num_frames, device=device).repeat_interleave(tokens_per_frame)
    distance = frame_S[:, None] - frame_S[None, :]
    return (distance >= 0) & (distance < window)
