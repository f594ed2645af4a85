"""What training costs by arithmetic: floating-point operations of a clip. No clock."""

from model.arithmetic.costs import pass_cost
from model.nfd.transformer import NFDConfig

_FORWARD_AND_BACKWARD = 3  # backward: gradients of the inputs and of the weights


def clip_flop(nfd: NFDConfig, num_frames: int) -> int:
    """Forward and backward over one clip, in which a frame sees those before it in the window.
    The 310M preset over 32 frames: 24.7e12. Checkpointed blocks add a third."""
    frames = (pass_cost(nfd, min(i, nfd.window)).flop for i in range(1, num_frames + 1))
    return _FORWARD_AND_BACKWARD * sum(frames)
