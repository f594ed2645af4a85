"""Attention of noisy frames after a clean past (skip-causal: ACDiT, arXiv 2412.07720), as in
serving, for every frame of a training clip at once. A pass over the clean frames keeps keys and
values; in a second pass each noisy frame attends to the clean frames before and to its own tokens.

Shape letters: B clips, D drawn frames, M = B * D, N heads, P tokens of a frame, S tokens of a clip,
C tokens that a drawn frame attends to, K head size.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.attention.backend import Attend
from model.attention.by_frame import clip_attention
from model.attention.grouped import product_dtype


class CleanPast:
    """An `Attend` for the pass over clean clips. Keeps keys and values of each layer, with
    gradients."""

    def __init__(self, num_frames: int, tokens_per_frame: int, window: int, like: Tensor) -> None:
        self.tokens_per_frame = tokens_per_frame
        self.window = window
        self._attend: Attend = clip_attention(num_frames, tokens_per_frame, window, like)
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        self._kept[layer] = k_BNSK, v_BNSK
        return self._attend(layer, q_BNSK, k_BNSK, v_BNSK)

    def before(self, layer: int, frame: int) -> tuple[Tensor, Tensor]:
        """Keys and values (B, N, C, K) of the frames before `frame` in the window of `frame`."""
        seen = slice(
            max(0, frame + 1 - self.window) * self.tokens_per_frame, frame * self.tokens_per_frame
        )
        keys, values = self._kept[layer]
        return keys[:, :, seen], values[:, :, seen]


class AfterCleanPast:
    """An `Attend` for the pass over noisy frames, where each frame is a clip: row `b * D + d` is
    frame `frames[d]` of clip b."""

    def __init__(self, past: CleanPast, frames: Sequence[int]) -> None:
        self._past = past
        self._frames = frames

    def __call__(self, layer: int, q_MNPK: Tensor, k_MNPK: Tensor, v_MNPK: Tensor) -> Tensor:
        num_drawn = len(self._frames)
        by_frame = [x.view(-1, num_drawn, *x.shape[1:]).unbind(1) for x in (q_MNPK, k_MNPK, v_MNPK)]
        mixed = []
        for frame, q_BNPK, k_BNPK, v_BNPK in zip(self._frames, *by_frame, strict=True):
            keys, values = self._past.before(layer, frame)
            mixed.append(
                _attention(q_BNPK, torch.cat((keys, k_BNPK), 2), torch.cat((values, v_BNPK), 2))
            )
        return torch.stack(mixed, dim=1).flatten(0, 1)


def frame_mask(num_frames: int, frames: Sequence[int], window: int) -> list[str]:
    """The mask to print, a line per noisy frame: `#` is a clean frame that it attends to, `o` is
    itself, `.` a frame hidden from it."""

    def sign(frame: int, other: int) -> str:
        if other == frame:
            return "o"
        return "#" if frame - window < other < frame else "."

    return ["".join(sign(frame, other) for other in range(num_frames)) for frame in frames]


def _attention(q_BNPK: Tensor, k_BNCK: Tensor, v_BNCK: Tensor) -> Tensor:
    """In bf16 written out: a CPU's fused kernels convert bf16 to fp32."""
    if (dtype := product_dtype(q_BNPK)) == torch.float32:
        return nnf.scaled_dot_product_attention(q_BNPK, k_BNCK, v_BNCK)
    scaled = (q_BNPK * q_BNPK.shape[-1] ** -0.5).to(dtype)
    weights = (scaled @ k_BNCK.to(dtype).transpose(-1, -2)).softmax(-1)
    mixed_BNPK: Tensor = weights @ v_BNCK.to(dtype)
    return mixed_BNPK
