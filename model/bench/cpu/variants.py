"""One world in the forms that a CPU might serve it in: those that we do serve, their halves, and
those that did not make it, so that anybody can see why.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn

from model.int8.serving import in_precision
from model.nfd.transformer import NFDTransformer
from model.tokenizer.vae import VAE
from model.world import World


def variants(world: World) -> Mapping[str, World]:
    """By name, "fp32" first; all of them draw the same frames, up to rounding."""
    int8 = in_precision(world, "int8")
    lined_up = deepcopy(world.tokenizer).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return {
        "fp32": world,
        "int8": int8,
        "int8 linears": replace(int8, tokenizer=world.tokenizer),
        "int8 decoder": replace(int8, transformer=world.transformer),
        "bf16 linears": replace(world, transformer=_bf16_linears(world)),
        "bf16 decoder": replace(world, tokenizer=_bf16_decoder(world)),
        "channels-last decoder": replace(world, tokenizer=lined_up),
    }


def _bf16_linears(world: World) -> NFDTransformer:
    transformer = deepcopy(world.transformer)
    for block in transformer.blocks:
        for name in ("qkv", "out", "mlp_in", "mlp_out"):
            setattr(block, name, _InBf16(getattr(block, name)))
    return transformer


def _bf16_decoder(world: World) -> VAE:
    tokenizer: VAE = deepcopy(world.tokenizer).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    tokenizer.decoder = nn.Sequential(_InBf16(tokenizer.decoder))
    return tokenizer


class _InBf16(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.module(x.bfloat16()).float()
        return out
