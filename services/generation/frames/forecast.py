"""What a player will probably do next, learned from what they did. Pure: no clock, no world.

Decides under which actions a frame is drafted. A wrong guess costs time and never a frame.
"""

from collections import OrderedDict

from model.engine.types import ActionVector

MAX_GUESSES = 2
MAX_KNOWN = 64  # actions whose followers are remembered
_FADE = 0.9  # of what followed an action, each time that something else does
_LEARNED = 2.0  # an action was met about that often before its followers are believed
_LIKELY = 0.2  # share of a follower that is worth a draft of its own
_MEMORY = 0.9
_TRUSTED = 0.5  # share of right guesses from which drafting pays


class Forecast:
    """Owns one player's habits: what usually came after the newest action. Guesses are judged
    whether or not a frame was drafted under them, so trust comes back by itself."""

    def __init__(self) -> None:
        self._followers: OrderedDict[ActionVector, dict[ActionVector, float]] = OrderedDict()
        self._newest: ActionVector | None = None
        self._guesses: tuple[ActionVector, ...] = ()
        self.share_right = 1.0  # of frames whose action was among the guesses

    @property
    def guesses(self) -> tuple[ActionVector, ...]:
        """The next action, likeliest first; none while guessing does not pay."""
        return self._guesses if self.share_right >= _TRUSTED else ()

    def observe(self, action: ActionVector, held: ActionVector) -> None:
        """The player did `action`; `held` is what it would be if they did nothing new."""
        if self._newest is not None:
            is_right = action in self._guesses
            self.share_right += (1 - _MEMORY) * (is_right - self.share_right)
            self._learn(self._newest, action)
        self._newest = action
        self._guesses = self._likely_after(action) or (held,)

    def _learn(self, before: ActionVector, after: ActionVector) -> None:
        followers = self._followers.setdefault(before, {})
        for action in [*followers]:
            followers[action] *= _FADE
            if followers[action] < 0.1:
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
        ranked = sorted(followers, key=lambda follower: -followers[follower])[:MAX_GUESSES]
        return (ranked[0], *(f for f in ranked[1:] if followers[f] >= _LIKELY * total))
