"""Attention of one row in other numbers is the same attention."""

import torch
import torch.nn.functional as F

from model.attention.row import products_in_bf16


def test_products_in_bf16_are_attention_to_their_rounding() -> None:
    """Over the first five pages of a slot of eight, whose heads do not lie side by side."""
    generator = torch.Generator().manual_seed(0)
    query = 3 * torch.randn(1, 4, 40, 48, generator=generator)
    keys, values = torch.randn(2, 1, 4, 320, 48, generator=generator)[..., :200, :]
    exact = F.scaled_dot_product_attention(query, keys, values)
    ours = products_in_bf16(query, keys.bfloat16(), values.bfloat16()).float()
    assert 0 < (ours - exact).norm() < 0.02 * exact.norm()
