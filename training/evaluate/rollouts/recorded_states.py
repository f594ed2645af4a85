"""A state model that follows recorded states: a rollout by recorded states is compared with a
rollout by the state model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from model.place.state import State, StateModel
from model.world import World
from training.data.recording import Recording
from training.data.states import states_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Followed(StateModel):
    """Maps each recorded state to the recorded state of the next frame."""

    after: Mapping[State, State]

    def advance(self, state: State, action: Sequence[float]) -> State:
        following = self.after.get(state)
        return StateModel.advance(self, state, action) if following is None else following


def following(world: World, recordings: Sequence[Recording]) -> World:
    """The world with a state model that follows the states of these recordings. A session must
    start from a state of a recording, as `states_of` returns."""
    model = world.state_model
    assert model is not None, "a world without a place has no states"
    after: dict[State, State] = {}
    for recording in recordings:
        states = [tuple(state) for state in states_of(recording, model).tolist()]
        after |= pairwise(states)
    followed = Followed(motion=model.motion, floor=model.floor, walls=model.walls, after=after)
    return replace(world, state_model=followed)
