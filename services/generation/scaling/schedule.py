"""Replicas kept at certain hours of the week, for evenings that are known beforehand. No clock.

Form: `mon-fri 18:00-23:30 4; sat-sun 10:00-24:00 6`, in UTC. Each entry has days, hours and the
least number of replicas; where entries overlap, the largest counts.
"""

import re
from dataclasses import dataclass
from datetime import datetime

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
_ENTRY = re.compile(r"(\w{3})(?:-(\w{3}))?\s+(\d\d):(\d\d)-(\d\d):(\d\d)\s+(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """`first_day` to `last_day`, both included and 0 for Monday, over the end of the week where the
    last is smaller. `from_minute` (included) to `to_minute` of each day."""

    first_day: int
    last_day: int
    from_minute: int
    to_minute: int
    replicas: int

    def includes(self, at: datetime) -> bool:
        since_first = (at.weekday() - self.first_day) % len(DAYS)
        has_day = since_first <= (self.last_day - self.first_day) % len(DAYS)
        return has_day and self.from_minute <= at.hour * 60 + at.minute < self.to_minute


@dataclass(frozen=True, slots=True)
class Schedule:
    """The hours of a week; without entries no hours."""

    entries: tuple[Hours, ...] = ()

    def least_replicas(self, at: datetime) -> int:
        return max((hours.replicas for hours in self.entries if hours.includes(at)), default=0)

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Raises ValueError for an entry of another form."""
        return cls(tuple(_hours(part.strip()) for part in text.split(";") if part.strip()))


NEVER = Schedule()


def _hours(text: str) -> Hours:
    found = _ENTRY.fullmatch(text.lower())
    if found is None:
        raise ValueError(f"must be like 'mon-fri 18:00-23:30 4; sat 10:00-24:00 6', got {text!r}")
    first, last = found[1], found[2] or found[1]
    for day in (first, last):
        if day not in DAYS:
            raise ValueError(f"{day!r} is no day; there are {', '.join(DAYS)}")
    from_minute, to_minute = (int(found[n]) * 60 + int(found[n + 1]) for n in (3, 5))
    if not from_minute < to_minute <= MINUTES_A_DAY:
        raise ValueError(f"hours must be 00:00 to 24:00, the later one last, got {text!r}")
    return Hours(
        first_day=DAYS.index(first),
        last_day=DAYS.index(last),
        from_minute=from_minute,
        to_minute=to_minute,
        replicas=int(found[7]),
    )
