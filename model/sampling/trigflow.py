"""The algebra between frames, noise and predicted directions, for data of unit variance.

Every function takes a time per row: t has any number of leading axes and is broadcast over the
rest, so rows of a call may be at different noise levels.

A flow-matching network is the same in other coordinates: at time s = sin t / (sin t + cos t) the
network's input is x_t / (sin t + cos t), and the velocity v = z - x0 gives the direction ((cos t -
sin t) x_t + v) / (sin t + cos t), exactly.
"""

from torch import Tensor


def diffuse(clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """x_t = cos t x0 + sin t z."""
    t = _broadcast(t, clean)
    return t.cos() * clean + t.sin() * noise


def estimate_clean(x: Tensor, direction: Tensor, t: Tensor) -> Tensor:
    """x0 by a direction that predicts cos t z - sin t x0: the consistency map."""
    t = _broadcast(t, x)
    return t.cos() * x - t.sin() * direction


def rotate(x: Tensor, direction: Tensor, t: Tensor, next_t: Tensor) -> Tensor:
    """x at `next_t` on the path from x with constant direction: a step of the PF-ODE.

    The same as an Euler step of flow matching, where paths are straight lines.
    """
    angle = _broadcast(t - next_t, x)
    return angle.cos() * x - angle.sin() * direction


def _broadcast(t: Tensor, like: Tensor) -> Tensor:
    return t.reshape(t.shape + (1,) * (like.ndim - t.ndim))
