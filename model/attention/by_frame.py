"""Block-causal attention without a mask: frame by frame, hidden products are not computed at all
(half of them, for a clip as long as the window), and no mask is kept in memory.

Shape letters: B clips, N heads, S tokens of all frames, P tokens of a frame, C tokens in the window
of a frame, K head size.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from model.attention.backend import Attend, MaskedAttention
from model.attention.grouped import GroupedAttention

_MANY_TOKENS = 64  # from here on it beats the mask, on a CPU; below, calls cost more than they save

# Queries (B, N, P, K), keys and values (B, N, C, K), all of them seen; the answer (B, N, P, K).
Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]


class FrameByFrameAttention:
    """The queries of each frame meet the keys of the frame's window, which are contiguous. Computes
    the same sums as `MaskedAttention`."""

    def __init__(
        self, tokens_per_frame: int, window: int, kernel: Kernel = F.scaled_dot_product_attention
    ) -> None:
        self._tokens_per_frame = tokens_per_frame
        self._window = window
        self._kernel = kernel

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        tokens = self._tokens_per_frame
        mixed = []
        for end in range(tokens, q_BNSK.shape[2] + 1, tokens):
            seen = slice(max(0, end - self._window * tokens), end)
            mixed.append(
                self._kernel(
                    q_BNSK[:, :, end - tokens : end], k_BNSK[:, :, seen], v_BNSK[:, :, seen]
                )
            )
        return torch.cat(mixed, dim=2)


def clip_attention(num_frames: int, tokens_per_frame: int, window: int, like: Tensor) -> Attend:
    """The fastest attention over a whole clip, for the device and the present autocast."""
    if like.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        return GroupedAttention(num_frames, tokens_per_frame, window, like)
    if tokens_per_frame < _MANY_TOKENS:
        return MaskedAttention(num_frames, tokens_per_frame, window, like)
    return FrameByFrameAttention(tokens_per_frame, window)


def written_out(q_BNPK: Tensor, k_BNCK: Tensor, v_BNCK: Tensor) -> Tensor:
    """The definition in plain operations, for derivatives taken forwards (JVP), which fused kernels
    do not support."""
    scaled_BNPK = q_BNPK * q_BNPK.shape[-1] ** -0.5
    weights_BNPC = (scaled_BNPK @ k_BNCK.transpose(-1, -2)).softmax(dim=-1)
    mixed_BNPK: Tensor = weights_BNPC @ v_BNCK
    return mixed_BNPK
