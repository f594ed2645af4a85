"""Noise levels. TrigFlow time t and flow-matching time s name the same levels; plain floats.

x_t = cos t x0 + sin t z with t in [0, pi/2] is, up to scale, x_s = (1 - s) x0 + s z.
"""

import math


def trig_time(flow_s: float) -> float:
    """TrigFlow time in [0, pi/2] of the noise level that flow matching calls `flow_s` in [0, 1]."""
    return math.atan2(flow_s, 1.0 - flow_s)


def flow_time(trig_t: float) -> float:
    """Inverse of `trig_time`."""
    return math.sin(trig_t) / (math.sin(trig_t) + math.cos(trig_t))


def uniform_times(num_steps: int) -> tuple[float, ...]:
    """The TrigFlow times at which `num_steps` denoise steps begin, even in flow time, from pi/2."""
    if num_steps < 1:
        raise ValueError(f"at least one denoise step is needed, got {num_steps}")
    return tuple(trig_time(1.0 - step / num_steps) for step in range(num_steps))
