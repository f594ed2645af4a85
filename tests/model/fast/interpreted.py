"""Compares the Triton kernels with their twins; run by test_blocks with TRITON_INTERPRET=1."""

import torch
from torch import Tensor

from model.fast.blocks.fused import FUSED
from model.fast.blocks.halves import Halves
from model.layers.rope import RotaryEmbedding
from model.nfd.block import DiTBlock

PLAIN = Halves()
SESSIONS, FRAMES, GRID, HEADS = 2, 2, (1, 3), 3
WIDTH = 64 * HEADS  # no power of two, like the paper's presets


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def told(generator: torch.Generator, num_parts: int) -> Tensor:
    """Shift, scale and the like, lying as the transformer's modulation does."""
    parts = torch.randn(SESSIONS, FRAMES, num_parts, WIDTH, generator=generator)
    return parts.movedim(2, 0).unsqueeze(-2)


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = GRID[0] * GRID[1]
    x = 3 + torch.randn(SESSIONS, FRAMES, tokens, WIDTH, generator=generator)
    parts = told(generator, 8)
    close(FUSED.modulate(x, parts[1], parts[4]), PLAIN.modulate(x, parts[1], parts[4]))

    block = DiTBlock(0, WIDTH, HEADS, 4).requires_grad_(False)
    for norm in (block.q_norm, block.k_norm):
        norm.weight.copy_(torch.randn(64, generator=generator))
    rope = RotaryEmbedding(64, *GRID)
    for positions in (torch.tensor([[4, 5]]), torch.tensor([[4, 5], [90, 91]])):
        asked = (block, x, parts[0], parts[1], rope(positions))
        for fused, plain in zip(FUSED.project(*asked), PLAIN.project(*asked), strict=True):
            close(fused, plain)

    in_bf16 = (block.bfloat16(), x.bfloat16(), parts[0].bfloat16(), parts[1].bfloat16())
    rotation = rope(torch.tensor([[4, 5]]))
    for fused, plain in zip(
        FUSED.project(*in_bf16, rotation), PLAIN.project(*in_bf16, rotation), strict=True
    ):
        assert fused.dtype == torch.bfloat16
        torch.testing.assert_close(fused.float(), plain.float(), atol=0.1, rtol=0.05)


if __name__ == "__main__":
    main()
