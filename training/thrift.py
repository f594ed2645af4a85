"""What makes a large teacher fit and go faster without changing what it computes."""

from functools import partial

import torch
from torch.utils.checkpoint import checkpoint

from model.nfd.transformer import NFDTransformer


def checkpoint_blocks(transformer: NFDTransformer) -> None:
    """A block keeps only its inputs; the backward pass computes the rest of it again. In place,
    and only of this very object: copies and saved states know nothing of it."""
    for block in transformer.blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)


def compile_blocks(transformer: NFDTransformer) -> None:
    """One compiled block serves all layers. In place, before they are checkpointed."""
    for block in transformer.blocks:
        block.forward = torch.compile(block.forward)
