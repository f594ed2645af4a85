"""Samplers that several recipes share, and the noise that every student trains with."""

from collections.abc import Iterable

from model.sampling.schedule import trig_time, uniform_times
from model.world import SamplerSpec
from training.recipes.settings.noise import NoiseMixture

STUDENT_NOISE = NoiseMixture(pure_share=0.0, logit_mean=0.2, logit_std=1.6)
# The second of two steps begins late: training/LOG.md has the figures.
_TWO_STEPS = (trig_time(1.0), trig_time(0.3))


def euler(num_steps: Iterable[int], *, default: int, context_t: float) -> SamplerSpec:
    """The teacher's sampler: Euler steps along the ODE at uniform times."""
    return SamplerSpec(
        kind="euler",
        times={steps: uniform_times(steps) for steps in num_steps},
        default_steps=default,
        context_t=context_t,
    )


def consistency(num_steps: Iterable[int], *, default: int, context_t: float) -> SamplerSpec:
    """A consistency model's sampler with uniform times."""
    return SamplerSpec(
        kind="consistency",
        times={steps: uniform_times(steps) for steps in num_steps},
        default_steps=default,
        context_t=context_t,
    )


def two_steps(*, context_t: float) -> SamplerSpec:
    """A consistency model's sampler that takes two steps by default and 1 to 4 on request."""
    times = {steps: uniform_times(steps) for steps in (1, 2, 3, 4)} | {2: _TWO_STEPS}
    return SamplerSpec(kind="consistency", times=times, default_steps=2, context_t=context_t)
