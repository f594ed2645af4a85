"""What makes a large teacher fit and go faster without changing what it computes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from model.nfd.transformer import NFDTransformer

Backend = str | Callable[..., Any]  # of torch.compile


def checkpoint_blocks(transformer: NFDTransformer) -> None:
    """A block keeps only its inputs; the backward pass computes the rest of it again. In place,
    and only of this very object: copies and saved states know nothing of it."""
    for block in transformer.blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)


def compile_blocks(transformer: NFDTransformer, backend: Backend = "inductor") -> None:
    """One compiled block serves all layers and steps. In place, before they are checkpointed."""
    for block in transformer.blocks:
        block.forward = torch.compile(block.forward, backend=backend)
