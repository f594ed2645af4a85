"""Statistics of a version's sessions, and the resulting advice on promotion. Rules, no I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LEAST_SESSIONS = 20  # of the canary, before anything is said
LEAST_FPS_SHARE = 0.95
LEAST_STAY_SHARE = 0.8
MOST_MORE_BROKEN = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """Sums over the sessions of one version: sessions begun, frames shown and play time; sessions
    failed, lost with a replica, or refused."""

    sessions: int = 0
    frames: int = 0
    played_s: float = 0.0
    failed: int = 0
    lost: int = 0
    refused: int = 0
    paused: int = 0
    moved: int = 0
    ended: int = 0

    @classmethod
    def from_counts(cls, counts: Mapping[str, int]) -> "Live":
        known = {name: counts[name] for name in cls.__slots__ if name in counts}
        return cls(**known, played_s=counts.get("played_ms", 0) / 1e3)

    @property
    def fps(self) -> float:
        return self.frames / self.played_s if self.played_s else 0.0

    @property
    def broken_share(self) -> float:
        return (self.failed + self.lost + self.refused) / max(1, self.sessions)

    @property
    def stay_s(self) -> float:
        """Returns the mean play time of a session in seconds."""
        return self.played_s / max(1, self.sessions)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveComparison:
    """`advice`: "wait", "promote" or "roll back"; the operator decides."""

    advice: str
    reasons: tuple[str, ...]


def compare(canary: Live, current: Live) -> LiveComparison:
    if canary.sessions < LEAST_SESSIONS:
        reason = f"{canary.sessions} of {LEAST_SESSIONS} sessions that are needed to say anything"
        return LiveComparison(advice="wait", reasons=(reason,))
    rulings = list(_rulings(canary, current))
    broken = tuple(reason for is_kept, reason in rulings if not is_kept)
    kept = tuple(reason for _, reason in rulings)
    return LiveComparison(advice="roll back" if broken else "promote", reasons=broken or kept)


def _rulings(canary: Live, current: Live) -> Iterator[tuple[bool, str]]:
    yield (
        canary.fps >= LEAST_FPS_SHARE * current.fps,
        f"{canary.fps:.1f} fps against {current.fps:.1f}; {LEAST_FPS_SHARE:.0%} wanted",
    )
    yield (
        canary.broken_share <= current.broken_share + MOST_MORE_BROKEN,
        f"{canary.broken_share:.1%} of sessions broke against {current.broken_share:.1%}; "
        f"at most {MOST_MORE_BROKEN:.0%} more wanted",
    )
    yield (
        canary.stay_s >= LEAST_STAY_SHARE * current.stay_s,
        f"players stay {canary.stay_s:.0f} s against {current.stay_s:.0f} s; "
        f"{LEAST_STAY_SHARE:.0%} wanted",
    )
