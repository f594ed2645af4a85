"""Who arrives when, stays how long and plays how: a few numbers, from the command line or a file.

Knows nothing of networks, clocks or measuring.
"""

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from loadtest.scripted_input import PROFILES, ScriptedInput

FILES = Path(__file__).parent / "scenarios"
SHAPES = ("steady", "spike", "evening")

MAX_USERS = 64
MAX_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Number of players, duration, and the decoding players.

    `seconds`: common play time of all players, from the last arrival. `stagger_s`: mean time
    between two arrivals. `full_every`: players 0, n, 2n... decode the video; 0: no player decodes.
    `input_profile`: a profile of input; `change_rate`: how many times faster the action changes.

    `shape`: `steady`, everybody stays to the end; `spike`, every second player comes for the middle
    third of the time alone, all at once; `evening`, players leave in the order of their arrival,
    spread over the second half.
    """

    users: int
    seconds: float
    seed: int = 1
    stagger_s: float = 0.5
    full_every: int = 8
    input_profile: str = "mixed"
    change_rate: float = 1.0
    shape: str = "steady"

    def __post_init__(self) -> None:
        if not 1 <= self.users <= MAX_USERS:
            raise ValueError(f"users must be 1 to {MAX_USERS}, got {self.users}")
        if not 1 <= self.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds must be 1 to {MAX_SECONDS:.0f}, got {self.seconds:g}")
        if not 0 <= self.stagger_s <= 10:
            raise ValueError(f"stagger must be 0 to 10 seconds, got {self.stagger_s:g}")
        if self.full_every < 0:
            raise ValueError(f"full-every must not be negative, got {self.full_every}")
        if self.input_profile not in PROFILES:
            raise ValueError(
                f"input_profile is one of {sorted(PROFILES)}, got {self.input_profile!r}"
            )
        if not 0.1 <= self.change_rate <= 20:
            raise ValueError(f"change_rate must be 0.1 to 20, got {self.change_rate:g}")
        if self.shape not in SHAPES:
            raise ValueError(f"shape is one of {list(SHAPES)}, got {self.shape!r}")

    @classmethod
    def read(cls, name: str) -> "Scenario":
        """From a file of `loadtest/scenarios`, by name, or from a TOML file of your own, by path.
        Raises ValueError."""
        path = FILES / f"{name}.toml"
        if not path.exists():
            path = Path(name)
        try:
            found = tomllib.loads(path.read_text())
            unknown = set(found) - {field.name for field in fields(cls)} - {"about"}
            if unknown:
                raise ValueError(f"unknown {sorted(unknown)}")
            return cls(**{key: value for key, value in found.items() if key != "about"})
        except OSError:
            raise ValueError(f"no scenario {name!r}; there are {', '.join(names())}") from None
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path.name}: {error}") from error

    def arrival_s(self, player: int) -> float:
        """Returns the arrival time of `player` in seconds from the start; the first player arrives
        at 0."""
        if player == 0:
            return 0.0
        if self._is_in_spike(player):
            return self.seconds / 3
        jitter = random.Random(f"arrival {self.seed} {player}").uniform(-0.4, 0.4)
        return self.stagger_s * (player + jitter)

    @property
    def length_s(self) -> float:
        """Returns the time from the start until all players leave."""
        return max(self.arrival_s(player) for player in range(self.users)) + self.seconds

    def departure_s(self, player: int) -> float:
        """Returns the time at which `player` leaves, in seconds from the start."""
        if self._is_in_spike(player):
            return self.seconds * 2 / 3
        if self.shape == "evening":
            return self.length_s - self.seconds / 2 * (1 - (player + 1) / self.users)
        return self.length_s

    def _is_in_spike(self, player: int) -> bool:
        return self.shape == "spike" and player % 2 == 1

    def is_full(self, player: int) -> bool:
        return self.full_every > 0 and player % self.full_every == 0

    def scripted_input(self, player: int, *, buttons: Sequence[str], fps: float) -> "ScriptedInput":
        return ScriptedInput(
            seed=f"hands {self.seed} {player}",
            buttons=buttons,
            fps=fps,
            profile=self.input_profile,
            change_rate=self.change_rate,
        )


def names() -> list[str]:
    """Returns the names of the scenarios that come along."""
    return sorted(path.stem for path in FILES.glob("*.toml"))
