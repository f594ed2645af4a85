"""One transformer block, modulated per frame.

Shape letters: B sessions, F frames, P tokens per frame, S = F * P, D width, N heads, K head size.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from model.attention.backend import Attend
from model.layers.rope import Rotation


class DiTBlock(nn.Module):
    """Attention and MLP, each behind shift, scale and gate from the frame's conditioning."""

    def __init__(self, layer: int, width: int, num_heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.layer = layer
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.k_norm = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = nn.Linear(width, width)
        self.mlp_in = nn.Linear(width, mlp_ratio * width)
        self.gelu: nn.Module = nn.GELU(approximate="tanh")
        self.mlp_out = nn.Linear(mlp_ratio * width, width)

    def forward(
        self, x_BFPD: Tensor, modulation_6BF1D: Tensor, rotation: Rotation, attend: Attend
    ) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation_6BF1D.unbind(0)
        hidden = modulate(x_BFPD, shift1, scale1)
        x_BFPD = x_BFPD + gate1 * self._attention(hidden, rotation, attend)
        hidden = modulate(x_BFPD, shift2, scale2)
        out_BFPD: Tensor = x_BFPD + gate2 * self.mlp_out(self.gelu(self.mlp_in(hidden)))
        return out_BFPD

    def _attention(self, x_BFPD: Tensor, rotation: Rotation, attend: Attend) -> Tensor:
        batch, num_frames, tokens, width = x_BFPD.shape
        qkv = self.qkv(x_BFPD).view(batch, num_frames * tokens, 3, self.num_heads, -1)
        q_BNSK, k_BNSK, v_BNSK = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        # Under autocast the products come in bf16; torch's fused RMS norm wants its weight's type.
        q_BNSK = rotation.apply(self.q_norm(q_BNSK.to(self.q_norm.weight.dtype)))
        k_BNSK = rotation.apply(self.k_norm(k_BNSK.to(self.k_norm.weight.dtype)))
        mixed_BNSK = attend(self.layer, q_BNSK, k_BNSK, v_BNSK)
        mixed = mixed_BNSK.transpose(1, 2).reshape(batch, num_frames, tokens, width)
        projected: Tensor = self.out(mixed)
        return projected


def modulate(x_BFPD: Tensor, shift_BF1D: Tensor, scale_BF1D: Tensor) -> Tensor:
    normed = F.layer_norm(x_BFPD, x_BFPD.shape[-1:], eps=1e-6)
    return normed * (1 + scale_BF1D) + shift_BF1D
