"""Compares the Triton kernels with their twins; run by test_blocks with TRITON_INTERPRET=1."""

import torch
from torch import Tensor

from model.fast.blocks.fused import FUSED
from model.fast.blocks.operations import BlockOperations
from model.layers.rope import RotaryEmbedding
from model.nfd.block import DiTBlock

PLAIN = BlockOperations()
Result = Tensor | tuple[Tensor, ...]
SESSIONS, FRAMES, GRID, HEADS = 2, 2, (1, 3), 3
WIDTH = 64 * HEADS  # no power of two, like the paper's presets


def close(one: Result, other: Result) -> None:
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def close_in_bf16(one: Result, other: Result) -> None:
    """Rounded elsewhere on the way; the plain form rotates queries and keys in fp32."""
    torch.testing.assert_close(one, other, atol=0.1, rtol=0.05, check_dtype=False)


def told(generator: torch.Generator, num_parts: int) -> Tensor:
    """Shift, scale and the like, lying as the transformer's modulation does."""
    parts = torch.randn(SESSIONS, FRAMES, num_parts, WIDTH, generator=generator)
    return parts.movedim(2, 0).unsqueeze(-2)


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = GRID[0] * GRID[1]
    x = 3 + torch.randn(SESSIONS, FRAMES, tokens, WIDTH, generator=generator)
    parts = told(generator, 8)
    y = torch.randn(x.shape, generator=generator)
    close(FUSED.modulate(x, *parts[:2]), PLAIN.modulate(x, *parts[:2]))
    close(FUSED.add_gated(x, y, parts[2]), PLAIN.add_gated(x, y, parts[2]))
    both = (x, y, *parts[2:5])
    close(FUSED.add_and_modulate(*both), PLAIN.add_and_modulate(*both))

    block = DiTBlock(0, WIDTH, HEADS, 4).requires_grad_(False)
    for norm in (block.q_norm, block.k_norm):
        norm.weight.copy_(torch.randn(64, generator=generator))
    rope = RotaryEmbedding(64, *GRID)
    for positions in (torch.tensor([[4, 5]]), torch.tensor([[4, 5], [90, 91]])):
        first = (block, x, *parts[:2], rope(positions))
        close(FUSED.project(*first), PLAIN.project(*first))
    then = (block, x, y, *parts[2:6])
    close(FUSED.finish(*then), PLAIN.finish(*then))

    block.bfloat16()
    x, y, parts = x.bfloat16(), y.bfloat16(), parts.bfloat16()
    first = (block, x, *parts[:2], rope(torch.tensor([[4, 5]])))
    close_in_bf16(FUSED.project(*first), PLAIN.project(*first))
    then = (block, x, y, *parts[2:6])
    close_in_bf16(FUSED.finish(*then), PLAIN.finish(*then))


if __name__ == "__main__":
    main()
