"""Which fast forms an engine uses. That they work here is another matter: `model.fast.probes`.

Every form draws the plain runner's frames up to rounding.
"""

from dataclasses import dataclass

import torch

from model.attention.context import ContextAttention, flash_attention, gathered_attention


@dataclass(frozen=True, slots=True, kw_only=True)
class FastPaths:
    """`dtype`: of weights, keys and matrix products. `flash`: flash-attn instead of torch's own
    attention over gathered slots; wants bf16. `graphs`: common passes are one launch each."""

    dtype: torch.dtype = torch.float32
    flash: bool = False
    graphs: bool = False

    def attention(self) -> ContextAttention:
        return flash_attention() if self.flash else gathered_attention
