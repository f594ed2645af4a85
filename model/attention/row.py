"""Attention of a single row over its context. Knows no pages and no other row.

Shape letters: N heads, P tokens of the row, S tokens of the context, K head size.
"""

from collections.abc import Callable

import torch
from torch import Tensor

# Queries (1, N, P, K), keys and values (1, N, S, K), not masked; the answer is like the queries.
# Plainly it is torch's `scaled_dot_product_attention`.
RowAttention = Callable[[Tensor, Tensor, Tensor], Tensor]


def products_in_bf16(q_1NPK: Tensor, keys_1NSK: Tensor, values_1NSK: Tensor) -> Tensor:
    """Attention by definition, over keys and values in bf16. On a CPU torch's fused form computes
    such products in fp32 and gains nothing."""
    scaled_NPK = (q_1NPK[0] * q_1NPK.shape[-1] ** -0.5).bfloat16()
    scores_NPS = torch.bmm(scaled_NPK, keys_1NSK[0].transpose(1, 2))
    return torch.bmm(scores_NPS.softmax(-1), values_1NSK[0])[None]
