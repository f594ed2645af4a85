"""From logits to tokens. Stateless: uniform random numbers are arguments.

Shape letters: B rows, N cells of one turn, V codes, P cells of a frame.
"""

from typing import Protocol

import torch
from torch import Tensor

from model.sampling.noise import draw_noise


class TokenSampler(Protocol):
    """Samples the token of each cell."""

    def __call__(self, logits_BNV: Tensor, uniform_BN: Tensor) -> Tensor:
        """int64 codes (B, N), given one number in (0, 1) for each."""
        ...


class Greedy:
    """The most likely token: for tests and measurements."""

    def __call__(self, logits_BNV: Tensor, uniform_BN: Tensor) -> Tensor:
        return logits_BNV.argmax(dim=-1)


class TopP:
    """Samples from the most likely codes that together hold `top_p` of the probability (nucleus
    sampling, arXiv 1904.09751); 0.8 is MineWorld's."""

    def __init__(self, top_p: float = 0.8) -> None:
        self._top_p = top_p

    def __call__(self, logits_BNV: Tensor, uniform_BN: Tensor) -> Tensor:
        shares_BNV = logits_BNV.float().softmax(dim=-1)
        shares_BNV, codes_BNV = torch.sort(shares_BNV, dim=-1, descending=True)
        reached_BNV = shares_BNV.cumsum(dim=-1)
        kept = reached_BNV - shares_BNV < self._top_p
        total_BN1 = (shares_BNV * kept).sum(dim=-1, keepdim=True)
        rank_BN1 = torch.searchsorted(reached_BNV, uniform_BN[..., None] * total_BN1)
        last_BN1 = kept.sum(dim=-1, keepdim=True) - 1
        codes_BN1: Tensor = codes_BNV.gather(-1, torch.minimum(rank_BN1, last_BN1))
        return codes_BN1.squeeze(-1)


def uniforms(num_cells: int, *, seed: int, frame_idx: int) -> Tensor:
    """(P,) numbers in (0, 1), keyed as the noise of a frame is and by nothing else."""
    normal_P = draw_noise((num_cells,), seed=seed, frame_idx=frame_idx, denoise_step=0)
    uniform_P: Tensor = torch.special.ndtr(normal_P)
    return uniform_P
