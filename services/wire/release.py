"""Which versions of a world newcomers get. Written by the training service, read at each opening.

A version is named by the world's digest. Without a release there is nothing to choose: whatever
replicas offer is played.
"""

import json
from dataclasses import asdict, dataclass

from services.wire.fields import from_fields

MAX_CANARY_SHARE = 0.5  # more than that is a promotion


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """`current` is for everybody but the `canary_share` (0 to 1) of new sessions that get
    `canary`. `previous` is what `current` replaced, for the way back. "" where there is none."""

    world: str
    current: str = ""
    previous: str = ""
    canary: str = ""
    canary_share: float = 0.0

    @property
    def digests(self) -> tuple[str, ...]:
        """Versions that sessions may count on: their replicas, if gone, are coming back."""
        return tuple(filter(None, (self.current, self.canary, self.previous)))

    def in_order(self, draw: float) -> tuple[str, ...]:
        """The versions for one newcomer, the wanted one first. `draw`: uniform in [0, 1)."""
        steady = tuple(filter(None, (self.current, self.previous)))
        return (self.canary, *steady) if self.canary and draw < self.canary_share else steady

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Release":
        """Raises ValueError on anything but a release."""
        return from_fields(cls, json.loads(text))
