"""The inputs of a world, and the action vector of the world's model. Knows no wire format."""

import math
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass

MAX_BUTTONS = 16  # bits of the wire's `held`
PRESSED = "pressed"  # the entry of a vector that tells a press from a button that is held
TURN_LEFT, TURN_RIGHT = "turn_left", "turn_right"
OPPOSITES = (
    ("forward", "back"),
    ("left", "right"),
    ("sprint", "sneak"),
    ("attack", "use"),
    ("jump", "sneak"),
    ("up", "down"),
)
HOTBAR = tuple(f"hotbar.{slot}" for slot in range(1, 10))  # one hand holds one thing


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The page's key for a button. `code`: the key's place on a keyboard, as browsers name places
    (`KeyboardEvent.code`); `pad`: the button of a gamepad in the standard mapping, None for none. A
    button may have several keys; keys of the same `label` are shown together."""

    button: str
    label: str
    code: str
    pad: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpace:
    """Translates held buttons and mouse counts into the model's action vector, once per frame.

    `buttons[i]` is bit i of the wire's `held`. The two turn buttons and the mouse together become a
    yaw, and in a world with `pitch_bins_deg` the mouse also becomes a pitch. Angles are quantised
    to the nearest bin (ascending, symmetric about 0), because equality of the vector defines "the
    action did not change": a draft is right if the motion is off by no more than half the way to
    the next bin. In the shipped world the half way is 0.4 degrees a frame near no motion, 2.5 at
    the fastest. Positive yaw turns right, positive pitch looks down. The nearest bin is measured in
    degrees, or with a `mu` on the mu-law scale of the bins.

    A world without yaw bins has no camera: the vector holds buttons only. With `one_at_a_time` at
    most a single button counts, because the game takes a single button in a step: of the buttons
    that went down since the last frame, else of the held buttons, the last in `buttons`. With
    `tells_presses` the entry `pressed` marks a button that went down since the last frame, for
    games that answer a press at once and a held button later. `keys`: how a page lets people press
    the buttons; none: the page knows the world's button names.
    """

    buttons: tuple[str, ...]
    degrees_per_count: float = 0.0
    key_turn_deg: float = 0.0  # per frame, while a turn button is held
    yaw_bins_deg: tuple[float, ...] = ()  # none: a world without a camera
    pitch_bins_deg: tuple[float, ...] = ()  # none: a world without pitch
    mu: float = 0.0
    one_at_a_time: bool = False
    tells_presses: bool = False
    keys: tuple[Key, ...] = ()

    def __post_init__(self) -> None:
        for axis, bins in self.camera.items():
            if list(bins) != sorted(bins) or 0.0 not in bins:
                raise ValueError(f"{axis} bins must ascend and contain 0, got {bins}")
        if len(set(self.buttons)) != len(self.buttons) or len(self.buttons) > MAX_BUTTONS:
            raise ValueError(f"at most {MAX_BUTTONS} different buttons, got {self.buttons}")
        if odd := [key.button for key in self.keys if key.button not in self.buttons]:
            raise ValueError(f"keys for {odd}, which are no buttons of this world")

    @property
    def model_buttons(self) -> tuple[str, ...]:
        """The buttons that are entries of the vector, in order; camera angles come last."""
        return tuple(name for name in self.buttons if name not in (TURN_LEFT, TURN_RIGHT))

    @property
    def camera(self) -> dict[str, tuple[float, ...]]:
        """The bins of the vector's last entries, where the world has them: pitch, then yaw."""
        pitch = {"pitch": self.pitch_bins_deg} if self.pitch_bins_deg else {}
        yaw = {"yaw": self.yaw_bins_deg} if self.yaw_bins_deg else {}
        return pitch | yaw

    @property
    def entries(self) -> tuple[str, ...]:
        """What each entry of the vector is."""
        return (*self.model_buttons, *([PRESSED] if self.tells_presses else []), *self.camera)

    @property
    def size(self) -> int:
        return len(self.entries)

    def vector(self, held: int, pressed: int, dx: int, dy: int = 0) -> tuple[float, ...]:
        """Action vector of `size` floats: 0 or 1 per model button, then angles in [-1, 1].

        A button counts when it is held or went down since the last frame. `dx` and `dy` are in
        mouse counts, positive to the right and down; `dy` is ignored by worlds without pitch.
        """
        bits = pressed if self.one_at_a_time and self._names(pressed) else held | pressed
        down = self._names(bits)
        turn = (TURN_RIGHT in down) - (TURN_LEFT in down)
        yaw_deg = dx * self.degrees_per_count + turn * self.key_turn_deg
        return self.vector_of(
            down, yaw_deg, dy * self.degrees_per_count, is_pressed=bool(self._names(pressed))
        )

    def vector_of(
        self,
        down: Collection[str],
        yaw_deg: float,
        pitch_deg: float = 0.0,
        *,
        is_pressed: bool = False,
    ) -> tuple[float, ...]:
        """The vector from button names and degrees, as the recorder knows. Buttons that contradict
        each other cancel; of several hotbar slots the lowest counts."""
        kept = _without_contradictions(set(down))
        if self.one_at_a_time:
            kept = set([name for name in self.buttons if name in kept][-1:])
        degrees = {"pitch": pitch_deg, "yaw": yaw_deg}
        angles = (
            self._nearest(bins, degrees[axis]) / bins[-1] for axis, bins in self.camera.items()
        )
        buttons = tuple(float(name in kept) for name in self.model_buttons)
        press = (float(is_pressed and bool(kept)),) if self.tells_presses else ()
        return (*buttons, *press, *angles)

    def quantise_yaw(self, yaw_deg: float) -> float:
        """The bin centre nearest to `yaw_deg`, in degrees per frame; 0 without a camera."""
        if not self.yaw_bins_deg:
            return 0.0
        return self._nearest(self.yaw_bins_deg, yaw_deg)

    def _names(self, bits: int) -> set[str]:
        return {name for bit, name in enumerate(self.buttons) if bits >> bit & 1}

    def _nearest(self, bins: tuple[float, ...], degrees: float) -> float:
        def scale(degrees: float) -> float:
            if not self.mu:
                return degrees
            return math.copysign(math.log1p(self.mu * abs(degrees) / bins[-1]), degrees)

        right, place = bisect_left(bins, degrees), scale(degrees)
        around = bins[max(right - 1, 0) : right + 1]
        return min(around, key=lambda centre: abs(scale(centre) - place))


def mu_law_bins(max_deg: float, num_bins: int, mu: float) -> tuple[float, ...]:
    """`num_bins` (odd) symmetric bin centres, fine near 0 and coarse near `max_deg` (mu-law)."""
    half = num_bins // 2
    positive = [max_deg * (math.pow(1 + mu, i / half) - 1) / mu for i in range(1, half + 1)]
    return (*(-centre for centre in reversed(positive)), 0.0, *positive)


def _without_contradictions(down: set[str]) -> set[str]:
    cancelled = {name for pair in OPPOSITES if down.issuperset(pair) for name in pair}
    other_slots = sorted(down.intersection(HOTBAR))[1:]
    return down - cancelled - set(other_slots)
