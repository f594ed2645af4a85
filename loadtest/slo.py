"""The verdict over a load test: does every requested player get what was promised? Pure functions.

The worst player decides. A player who waits or is refused counts: nobody may look good by sending
people away. There is no verdict when the load test itself was late, because its players cannot tell
their own lateness from the service's.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a report contains its verdict
    from loadtest.report import Overhead, Player


class Attainment(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NONE = "none"


EXIT_CODES = {Attainment.PASS: 0, Attainment.FAIL: 1, Attainment.NONE: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevelObjective:
    """What each requested player is promised. `first_frame_s`: from the request for a session to
    the first frame; time in the queue counts. `on_time_share`: of the frames. `max_level`: the
    worst quality level that may be seen (0 is full quality). `own_delay_p99_ms`: beyond this delay
    of the load test itself there is no verdict."""

    first_frame_s: float = 10.0
    on_time_share: float = 0.99
    max_level: int = 1
    action_to_photon_p95_ms: float = 150.0
    own_delay_p99_ms: float = 20.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{field.name} must be a number from 0, got {value!r}")
        if self.on_time_share > 1:
            raise ValueError(f"on_time_share is at most 1, got {self.on_time_share:g}")

    @classmethod
    def read(cls, path: Path) -> "ServiceLevelObjective":
        """Raises ValueError for a file that is no such objective, OSError for none."""
        try:
            found = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: {error}") from error
        known = {field.name for field in fields(cls)}
        if unknown := set(found) - known:
            raise ValueError(f"{path}: unknown {sorted(unknown)}; there are {sorted(known)}")
        try:
            return cls(**found)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class SloVerdict:
    """`attained`: the share of requested players with all that was promised. `reasons`: for each
    broken promise one line, or why there is no verdict."""

    outcome: Attainment
    attained: float
    reasons: tuple[str, ...]
    objective: ServiceLevelObjective


def judge(
    players: "Sequence[Player]", overhead: "Overhead", objective: ServiceLevelObjective
) -> SloVerdict:
    broken = [tuple(_broken(player, objective)) for player in players]
    attained = sum(not promises for promises in broken) / len(broken) if broken else 0.0
    reasons = tuple(
        f"player {player.player}: {promise}"
        for player, promises in zip(players, broken, strict=True)
        for promise in promises
    )
    outcome = Attainment.PASS if attained == 1.0 else Attainment.FAIL
    delay = overhead.loop_lag_ms
    if delay is not None and delay.p99 > objective.own_delay_p99_ms:
        outcome = Attainment.NONE
        late = f"the load test itself was late by {delay.p99:.0f} ms (p99)"
        reasons = (f"{late}, {objective.own_delay_p99_ms:g} allowed", *reasons)
    return SloVerdict(outcome=outcome, attained=attained, reasons=reasons, objective=objective)


def _broken(player: "Player", objective: ServiceLevelObjective) -> Iterator[str]:
    if player.first_frame_s is None or player.pace is None:
        yield "no video"
        return
    if player.first_frame_s > objective.first_frame_s:
        yield f"first frame after {player.first_frame_s:.1f} s of {objective.first_frame_s:g}"
    on_time = 1.0 - player.pace.late_share
    if on_time < objective.on_time_share:
        yield f"{on_time:.2%} of frames on time, {objective.on_time_share:.2%} promised"
    if player.max_level is not None and player.max_level > objective.max_level:
        yield f"quality level {player.max_level}, {objective.max_level} promised"
    photon = player.action_to_photon_ms
    if photon is None:
        yield "no action was answered"
    elif photon.p95 > objective.action_to_photon_p95_ms:
        most = objective.action_to_photon_p95_ms
        yield f"action to photon {photon.p95:.0f} ms (p95), {most:g} promised"
