"""Numbers as small integers and one scale per row. Knows no layers.

Shape letters: M rows, K numbers in each.
"""

import torch
from torch import Tensor

LARGEST = 127  # both ways, so that a number and its negative round alike
_TINY = 1e-30  # a row of zeros has a scale, too


def rounded(x_MK: Tensor) -> tuple[Tensor, Tensor]:
    """int8 (M, K) and fp32 scales (M, 1); their product is `x_MK` to within half a scale. No row
    depends on another (the vector-wise scheme of LLM.int8(), arXiv 2208.07339)."""
    largest_M1 = x_MK.abs().amax(dim=1, keepdim=True).clamp_min_(_TINY)
    whole_MK = (x_MK * (LARGEST / largest_M1)).round_().to(torch.int8)
    return whole_MK, largest_M1 / LARGEST
