"""bf16 where a device has bf16 units. Only weights are converted: angles of positions and times,
and the embedding of the noise level, would lose too much."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

import torch

from model.world import Precision, World

KEPT_IN_FP32 = "conditioning."


def in_bf16(world: World) -> World:
    """The same world; the cache takes the type of the weights, latents stay fp32."""
    assert world.precision == "fp32"
    transformer, tokenizer = deepcopy(world.transformer), deepcopy(world.tokenizer)
    for name, parameter in transformer.named_parameters():
        if not name.startswith(KEPT_IN_FP32):
            parameter.data = parameter.data.bfloat16()
    for parameter in tokenizer.parameters():
        parameter.data = parameter.data.bfloat16()
    return replace(world, transformer=transformer, tokenizer=tokenizer, precision="bf16")


def as_served_on(device: torch.device, world: World) -> World:
    """In bf16 on a GPU, unchanged elsewhere."""
    return in_bf16(world) if device.type == "cuda" else world


@contextmanager
def computing_in(
    precision: Precision, device: torch.device, *, is_captured: bool = False
) -> Iterator[None]:
    """Matrix products of a world in bf16 take inputs in bf16. `is_captured`: converted weights are
    not kept until the end, or a graph would go on pointing at freed memory."""
    with torch.autocast(
        device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=not is_captured
    ):
        yield
