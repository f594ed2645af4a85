"""A world in the precision of serving. Training, evaluation and tests use fp32.

int8 is for CPUs with int8 instructions. The weights are approximated; the time and the company of a
frame change nothing: int8 frames differ from fp32 frames, and are the same in every pass.
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from model.attention.row import RowAttention, products_in_bf16
from model.int8.layers import Int8Conv2d, Int8Linear, SigmoidGELU
from model.int8.rounding import LARGEST
from model.processor import multiplies_bf16
from model.world import Precision, World

CpuPrecision = Literal["fp32", "int8"]


def in_precision(world: World, precision: CpuPrecision) -> World:
    """The same world in another precision. Raises ValueError where the processor lacks the
    instructions. Only an fp32 world can be converted. The embeddings of noise levels and actions
    and both ends of the transformer stay fp32: they are small and gain nothing."""
    if precision == world.precision:
        return world
    assert world.precision == "fp32"
    if reason := why_not_int8():
        raise ValueError(f"int8 is not to be had here: {reason}")
    transformer, tokenizer = deepcopy(world.transformer), deepcopy(world.tokenizer)
    _round_linears(transformer, ("modulation",))
    for block in transformer.blocks:
        _round_linears(block, ("qkv", "out", "mlp_in", "mlp_out"))
        block.gelu = SigmoidGELU()
    if transformer.config.place is not None:
        _round_linears(transformer.place, ("ray_in", "ray_out", "column"))
        for block in transformer.place.blocks:
            _round_linears(block, ("qkv", "out", "mlp_in", "mlp_out"))
            block.gelu = SigmoidGELU()
    _round_convolutions(tokenizer.decoder)
    return replace(world, transformer=transformer, tokenizer=tokenizer, precision="int8")


def quickest_precision(device_type: str) -> CpuPrecision:
    """int8 on a CPU with VNNI, else fp32."""
    return "int8" if device_type == "cpu" and not why_not_int8() else "fp32"


def context_attention(
    precision: Precision, weights: torch.dtype
) -> tuple[torch.dtype, RowAttention]:
    """The type of cached keys and values, and how rows attend over them.

    Over a long context both products are most of the work. With int8 they are in bf16 where the
    processor has bf16 instructions: a third faster, and nearer to fp32 than int8 weights are.
    """
    if precision == "int8" and multiplies_bf16():
        return torch.bfloat16, products_in_bf16
    return weights, F.scaled_dot_product_attention


@cache
def why_not_int8() -> str:
    """Empty where integer products are fast and exact. Without VNNI, libraries add pairs of
    products in 16 bits, which saturate or are slow."""
    capabilities = torch.cpu.get_capabilities()
    if not any(capabilities.get(name, False) for name in ("avx512_vnni", "avx_vnni")):
        return "the processor has no VNNI"
    largest = torch.full((64, 64), LARGEST, dtype=torch.int8)
    if (torch._int_mm(largest, largest) != 64 * LARGEST**2).any():
        return "its integer sums saturate"
    return ""


def _round_linears(module: nn.Module, names: Iterable[str]) -> None:
    for name in names:
        setattr(module, name, Int8Linear(getattr(module, name)))


def _round_convolutions(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            setattr(module, name, Int8Conv2d(child))
        else:
            _round_convolutions(child)
