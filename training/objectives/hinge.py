"""The hinge game between a critic and what it judges, with both sides in one backward pass.

Logits may have any shape; each is one verdict on one place. Above 1 is surely real.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


def critic_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """What the critic minimises: both kinds on their own side, by a margin of 1."""
    return 0.5 * ((1.0 - real_logits).relu().mean() + (1.0 + fake_logits).relu().mean())


def fooling_loss(fake_logits: Tensor) -> Tensor:
    """What the maker of fakes minimises."""
    return -fake_logits.mean()


@contextmanager
def unmoved(critic: nn.Module) -> Iterator[None]:
    """A pass made within sends gradients through the critic, never into its weights."""
    critic.requires_grad_(False)
    try:
        yield
    finally:
        critic.requires_grad_(True)
