"""Predicts a player's next action from the player's own history. Pure: no clock, no world.

Decides under which actions the next frame is drafted. A wrong draft action costs spare time and
never a frame.
"""

from collections import OrderedDict

from model.engine.types import ActionVector

MAX_DRAFT_ACTIONS = 2
MAX_KNOWN = 64  # actions whose followers are stored
_FADE = 0.9  # weight that the other followers keep when an action is followed
_MIN_WEIGHT = 0.1  # followers below are dropped
_LEARNED = 2.0  # total weight from which the followers of an action are trusted
_LIKELY = 0.2  # share of the total weight that earns a follower a draft of its own
_MEMORY = 0.9  # share that the old hit rate keeps at each action
_MIN_HIT_RATE = 0.5  # drafts pay from here on


class ActionPredictor:
    """Owns the followers of each action of one player, weighted by how often and how lately each
    came next. Predictions are judged whether or not a frame was drafted, so the hit rate recovers
    while drafting is off."""

    def __init__(self) -> None:
        self._followers: OrderedDict[ActionVector, dict[ActionVector, float]] = OrderedDict()
        self._newest: ActionVector | None = None
        self._predicted: tuple[ActionVector, ...] = ()
        self.hit_rate = 1.0  # smoothed share of actions that were predicted

    @property
    def draft_actions(self) -> tuple[ActionVector, ...]:
        """The likeliest next actions, likeliest first; empty while the hit rate is low."""
        return self._predicted if self.hit_rate >= _MIN_HIT_RATE else ()

    def observe(self, action: ActionVector, held: ActionVector) -> None:
        """`action`: of the newest frame. `held`: the next action if the player changes nothing."""
        if self._newest is not None:
            is_hit = action in self._predicted
            self.hit_rate += (1 - _MEMORY) * (is_hit - self.hit_rate)
            self._learn(self._newest, action)
        self._newest = action
        self._predicted = self._likely_after(action) or (held,)

    def _learn(self, before: ActionVector, after: ActionVector) -> None:
        followers = self._followers.setdefault(before, {})
        for action in [*followers]:
            followers[action] *= _FADE
            if followers[action] < _MIN_WEIGHT:
                del followers[action]
        followers[after] = followers.get(after, 0.0) + 1.0
        self._followers.move_to_end(before)
        if len(self._followers) > MAX_KNOWN:
            self._followers.popitem(last=False)

    def _likely_after(self, action: ActionVector) -> tuple[ActionVector, ...]:
        followers = self._followers.get(action, {})
        total = sum(followers.values())
        if total < _LEARNED:
            return ()
        ranked = sorted(followers, key=lambda follower: -followers[follower])[:MAX_DRAFT_ACTIONS]
        return (ranked[0], *(f for f in ranked[1:] if followers[f] >= _LIKELY * total))
