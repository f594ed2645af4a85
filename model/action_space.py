"""What hands can do in one world, and the vector its model was trained on. Knows no wire format."""

import math
from bisect import bisect_left
from dataclasses import dataclass

TURN_LEFT, TURN_RIGHT = "turn_left", "turn_right"
OPPOSITES = (("forward", "back"), ("left", "right"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpace:
    """Translates held buttons and mouse counts into the model's action vector, once per frame.

    `buttons[i]` is bit i of the wire's `held`. The two turn buttons do not reach the model as
    buttons: they and the mouse become one yaw, quantised to the nearest of `yaw_bins_deg`
    (ascending, symmetric about 0), because equality of the vector is what "the action did not
    change" means. Positive yaw turns right.
    """

    buttons: tuple[str, ...]
    degrees_per_count: float
    key_turn_deg: float  # per frame, while a turn button is held
    yaw_bins_deg: tuple[float, ...]

    def __post_init__(self) -> None:
        if list(self.yaw_bins_deg) != sorted(self.yaw_bins_deg) or 0.0 not in self.yaw_bins_deg:
            raise ValueError(f"yaw bins must ascend and contain 0, got {self.yaw_bins_deg}")
        if len(set(self.buttons)) != len(self.buttons) or len(self.buttons) > 16:
            raise ValueError(f"at most 16 different buttons, got {self.buttons}")

    @property
    def model_buttons(self) -> tuple[str, ...]:
        """The buttons that are entries of the vector, in its order; yaw comes last."""
        return tuple(name for name in self.buttons if name not in (TURN_LEFT, TURN_RIGHT))

    @property
    def size(self) -> int:
        return len(self.model_buttons) + 1

    def vector(self, held: int, pressed: int, dx: int, dy: int = 0) -> tuple[float, ...]:
        """Action vector of `size` floats: 0 or 1 per model button, then yaw in [-1, 1].

        A button counts when it is held or went down since the last frame. Opposite buttons cancel.
        `dx` is in mouse counts, positive to the right; `dy` is ignored by worlds without pitch.
        """
        down = {name for bit, name in enumerate(self.buttons) if (held | pressed) >> bit & 1}
        turn = (TURN_RIGHT in down) - (TURN_LEFT in down)
        yaw_deg = dx * self.degrees_per_count + turn * self.key_turn_deg
        return self.vector_of(down, yaw_deg)

    def vector_of(self, down: set[str], yaw_deg: float) -> tuple[float, ...]:
        """The same from button names and degrees: what the recorder knows."""
        for pair in OPPOSITES:
            if down.issuperset(pair):
                down = down.difference(pair)
        yaw = self.quantise_yaw(yaw_deg) / self.yaw_bins_deg[-1]
        return (*(float(name in down) for name in self.model_buttons), yaw)

    def quantise_yaw(self, yaw_deg: float) -> float:
        """The bin centre nearest to `yaw_deg`, in degrees per frame."""
        bins = self.yaw_bins_deg
        right = bisect_left(bins, yaw_deg)
        return min(bins[max(right - 1, 0) : right + 1], key=lambda centre: abs(centre - yaw_deg))


def mu_law_bins(max_deg: float, num_bins: int, mu: float) -> tuple[float, ...]:
    """`num_bins` (odd) symmetric bin centres, fine near 0 and coarse near `max_deg` (mu-law)."""
    half = num_bins // 2
    positive = [max_deg * (math.pow(1 + mu, i / half) - 1) / mu for i in range(1, half + 1)]
    return (*(-centre for centre in reversed(positive)), 0.0, *positive)
