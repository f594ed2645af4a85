"""Activation checkpointing and compilation of transformer blocks: less memory or less time, the
same result."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from model.nfd.transformer import NFDTransformer

Backend = str | Callable[..., Any]  # of torch.compile


def checkpoint_blocks(transformer: NFDTransformer) -> None:
    """A block stores only its inputs; the backward pass recomputes the activations (arXiv
    1604.06174). Changes this object in place; copies and saved states stay plain."""
    for block in transformer.blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)


def compile_blocks(transformer: NFDTransformer, backend: Backend = "inductor") -> None:
    """One compiled block serves all layers and steps. Changes the object in place; call before
    `checkpoint_blocks`."""
    for block in transformer.blocks:
        block.forward = torch.compile(block.forward, backend=backend)
