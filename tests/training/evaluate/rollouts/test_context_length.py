"""A world that remembers less is what the engine draws with a short memory."""

import numpy as np

from model.engine.world_engine import WorldEngine
from tests.model.conftest import make_world
from training.evaluate.rollouts.generate import with_context_length


def test_it_draws_the_frames_of_a_short_memory() -> None:
    """After a start that is no longer, so that nothing else was ever seen."""
    world = make_world("consistency")
    action = (0.5,) * world.spec.nfd.action_size
    served, forgetful = WorldEngine(world), WorldEngine(with_context_length(world, 2))
    for engine in (served, forgetful):
        engine.open("a", start=0, seed=5)
    for number in range(9):
        (short,) = served.step({"a": action}, context_length=2)
        (wanted,) = forgetful.step({"a": action})
        assert np.abs(short.pixels.astype(int) - wanted.pixels).max() <= 1, number
