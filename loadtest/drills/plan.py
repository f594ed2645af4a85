"""Numbers of the hostile drill: phases, players, attacks and rates. Plain data."""

from dataclasses import dataclass, fields
from typing import Any, Self

MAX_SECONDS = 600.0
ATTACKER_ADDRESS = "127.0.0.66"
FIRST_PLAYER = 11  # players are at 127.0.0.11, 127.0.0.12 ...

# `python -m services.play` raises these for a household. A drill runs with the services' own
# defaults; tests/loadtest/drills/test_limits.py compares them.
PRODUCTION_LIMITS = {
    "NEXTFRAME_SESSION_CREATIONS_PER_MINUTE": "12",
    "NEXTFRAME_SESSION_OPEN_PER_CALLER": "3",
    "NEXTFRAME_SESSION_SAVED_PER_CALLER": "16",
    "NEXTFRAME_SESSION_MAX_SESSION_MINUTES": "30",
    "NEXTFRAME_INGEST_MAX_PEERS": "16",
    "NEXTFRAME_INGEST_WATCHERS_PER_ADDRESS": "8",
    "NEXTFRAME_INGEST_HALF_OPEN_PER_ADDRESS": "8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Send rates of one hostile client. `cpu_share`: share of one core for all attacks. Half of the
    actions use a data channel, half a WebSocket. Connections and heads are per public port."""

    cpu_share: float = 0.5
    datagrams_per_s: int = 200
    nacks_per_s: int = 20
    silent_connections: int = 600
    connections_per_s: int = 200
    head_bytes: int = 20 << 20
    heads_per_s: float = 0.5
    watchers: int = 100
    watchers_per_s: float = 3.0
    actions_per_s: int = 1000
    offers_per_s: int = 10
    creations_per_s: int = 50  # at most; refused ones cost the attacker processor time, too


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPlan:
    """`seconds`: length of each of the three phases. The attacker's session needs an additional
    slot. `attacker_nice`: nice value (nice(1)) of the attacker's process, since the attacker's work
    would run on another machine, while services and players share this machine's cores."""

    seconds: float = 60.0
    players: int = 3
    attacker_nice: int = 0
    rates: Rates = Rates()

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds must be 1 to {MAX_SECONDS:.0f}, got {self.seconds:g}")
        if not 1 <= self.players <= 8:
            raise ValueError(f"players must be 1 to 8, got {self.players}")
        if not 0 <= self.attacker_nice <= 19:
            raise ValueError(f"attacker-nice must be 0 to 19, got {self.attacker_nice}")

    @property
    def environment(self) -> dict[str, str]:
        """Returns variables for the services in this drill, on top of `services.play`'s."""
        return PRODUCTION_LIMITS | {"NEXTFRAME_GENERATION_SLOTS": str(self.players + 1)}

    def address(self, player: int) -> str:
        return f"127.0.0.{FIRST_PLAYER + player}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The order for the attacker's process. `ports`: (address, UDP port) of the players' peers."""

    page_url: str
    seconds: float
    rates: Rates
    ports: tuple[tuple[str, int], ...]

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """Raises ValueError or KeyError unless the object is an order in the form of
        `dataclasses.asdict`."""
        known = {one.name for one in fields(Rates)}
        if unknown := set(found["rates"]) - known:
            raise ValueError(f"unknown rates: {sorted(unknown)}")
        return cls(
            page_url=str(found["page_url"]),
            seconds=float(found["seconds"]),
            rates=Rates(**found["rates"]),
            ports=tuple((str(host), int(port)) for host, port in found["ports"]),
        )
