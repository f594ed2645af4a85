"""bf16 where a device has units for it. Only weights are converted: angles of positions and times
lose too much by it, and so does what embeds the noise level."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from model.world import World

KEPT_IN_FP32 = "conditioning."


def serving_dtype(device: torch.device) -> torch.dtype:
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def convert(world: World, dtype: torch.dtype) -> World:
    """The world's weights in this type, in place; the cache takes the type of the weights."""
    for name, parameter in world.transformer.named_parameters():
        if not name.startswith(KEPT_IN_FP32):
            parameter.data = parameter.data.to(dtype)
    for parameter in world.tokenizer.parameters():
        parameter.data = parameter.data.to(dtype)
    return world


@contextmanager
def computing_in(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Every engine call of a world so converted happens inside this."""
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        yield
