"""Block-causal attention without a mask: where frames have many tokens, what a mask would hide is
not computed at all (half of it, for a clip as long as the window), and no mask is kept.

Shape letters: B clips, N heads, S tokens of all frames, K head size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from model.attention.backend import Attend, MaskedAttention

_MANY_TOKENS = 64  # from here on it beats the mask, on a CPU; below, calls cost more than they save


class FrameByFrameAttention:
    """The queries of each frame meet the keys of its window, which lie side by side. The same sums
    as `MaskedAttention`."""

    def __init__(self, tokens_per_frame: int, window: int) -> None:
        self._tokens_per_frame = tokens_per_frame
        self._window = window

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        tokens = self._tokens_per_frame
        mixed = []
        for end in range(tokens, q_BNSK.shape[2] + 1, tokens):
            seen = slice(max(0, end - self._window * tokens), end)
            mixed.append(
                F.scaled_dot_product_attention(
                    q_BNSK[:, :, end - tokens : end], k_BNSK[:, :, seen], v_BNSK[:, :, seen]
                )
            )
        return torch.cat(mixed, dim=2)


def clip_attention(num_frames: int, tokens_per_frame: int, window: int, like: Tensor) -> Attend:
    """The quicker of the two ways over a whole clip."""
    if tokens_per_frame < _MANY_TOKENS:
        return MaskedAttention(num_frames, tokens_per_frame, window, like)
    return FrameByFrameAttention(tokens_per_frame, window)
