"""Hinge losses of a critic and a generator (arXiv 1705.02894), with both sides in one backward
pass.

Logits may have any shape; each logit rates one position. A logit above 1 counts as surely real.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


def critic_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The critic's loss: real logits above 1 and fake logits below -1 cost nothing."""
    return 0.5 * ((1.0 - real_logits).relu().mean() + (1.0 + fake_logits).relu().mean())


def generator_loss(fake_logits: Tensor) -> Tensor:
    """The generator's loss."""
    return -fake_logits.mean()


@contextmanager
def frozen(critic: nn.Module) -> Iterator[None]:
    """Within the block gradients pass through the critic and leave its weights alone."""
    critic.requires_grad_(False)
    try:
        yield
    finally:
        critic.requires_grad_(True)
