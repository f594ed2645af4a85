"""Versions of a world for new sessions. The training service writes a release; each new session
reads the release.

The world's digest names a version. Without a release, new sessions get any served version.
"""

import json
from dataclasses import asdict, dataclass

from services.wire.fields import from_fields

MAX_CANARY_SHARE = 0.5  # more than that is a promotion


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """`current`: for all new sessions except the `canary_share` (0 to 1) of new sessions on
    `canary`. `previous`: the version before `current`, for a rollback. An empty string means no
    version."""

    world: str
    current: str = ""
    previous: str = ""
    canary: str = ""
    canary_share: float = 0.0

    @property
    def digests(self) -> tuple[str, ...]:
        """Returns the versions that sessions may rely on: absent replicas of these versions will
        come back."""
        return tuple(filter(None, (self.current, self.canary, self.previous)))

    def in_order(self, draw: float) -> tuple[str, ...]:
        """Returns the versions for one new session, preferred first. `draw`: uniform in [0, 1)."""
        steady = tuple(filter(None, (self.current, self.previous)))
        return (self.canary, *steady) if self.canary and draw < self.canary_share else steady

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Release":
        """Raises ValueError if the text is not a release."""
        return from_fields(cls, json.loads(text))
