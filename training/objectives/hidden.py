"""Hides frames of a clip from all later frames, as if the hidden frames had never been generated.

Shape letters: B clips, F frames, N heads, S tokens of all frames, K head size.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor


class PartialAttention:
    """Block-causal attention over a window. Keys of `hidden_BF` frames are visible only to the
    frame itself. Runs frame by frame, because each clip needs its own mask."""

    def __init__(self, hidden_BF: Tensor, tokens_per_frame: int, window: int) -> None:
        self._tokens_per_frame = tokens_per_frame
        self._seen = [_seen(hidden_BF, frame, window) for frame in range(hidden_BF.shape[1])]

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        tokens = self._tokens_per_frame
        mixed = []
        for frame, seen_BF in enumerate(self._seen):
            end = (frame + 1) * tokens
            keys = slice(end - seen_BF.shape[1] * tokens, end)
            mask_B11S = seen_BF.repeat_interleave(tokens, dim=1)[:, None, None]
            mixed.append(
                nnf.scaled_dot_product_attention(
                    q_BNSK[:, :, end - tokens : end],
                    k_BNSK[:, :, keys],
                    v_BNSK[:, :, keys],
                    attn_mask=mask_B11S,
                )
            )
        return torch.cat(mixed, dim=2)


def _seen(hidden_BF: Tensor, frame: int, window: int) -> Tensor:
    """The frames of the window that `frame`, the last of the window, attends to."""
    seen_BF = ~hidden_BF[:, max(0, frame + 1 - window) : frame + 1]
    seen_BF[:, -1] = True
    return seen_BF
