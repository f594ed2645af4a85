"""Rules for the admission of a session and for the estimated wait. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.backplane.replicas import ReplicaInfo
from services.backplane.snapshots import SavedSnapshot
from services.wire.world import WorldOffer

MIN_LENGTHS = 3  # fewer measured sessions promise nothing
MAX_SEED = 2**31 - 1
RETRY_BOUNDS_S = (5, 300)
RETRY_UNKNOWN_S = 30


class ChoiceError(ValueError):
    """The requested world, start or snapshot does not exist. The message lists the valid values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """A player's request; None leaves the choice to the service."""

    world: str | None = None
    start: int | None = None
    seed: int | None = None
    snapshot: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The world, start, seed and version of the new session."""

    world: str
    start: int
    seed: int
    snapshot_of: str
    world_digest: str


def admit(
    request: SessionRequest,
    offers: Sequence[WorldOffer],
    *,
    saved: SavedSnapshot | None,
    default_world: str,
    random_seed: int,
) -> Admission:
    """Resolves the request to a world, a start and a seed. Raises ChoiceError.

    `offers`: one version of each world, or every version if the request names a snapshot; at least
    one. `saved`: the snapshot named by `request.snapshot`, None if expired.
    """
    if request.snapshot is not None:
        return _admit_to_snapshot(request, request.snapshot, offers, saved)
    offer = _offer(request.world or default_world or offers[0].name, offers)
    starts = [start.index for start in offer.starts]
    start = starts[0] if request.start is None else request.start
    if start not in starts:
        raise ChoiceError(f"world {offer.name!r} has no start {start}; there are {_listed(starts)}")
    seed = random_seed if request.seed is None else request.seed
    return Admission(
        world=offer.name, start=start, seed=seed, snapshot_of="", world_digest=offer.digest
    )


def _admit_to_snapshot(
    request: SessionRequest,
    snapshot_id: str,
    offers: Sequence[WorldOffer],
    saved: SavedSnapshot | None,
) -> Admission:
    if saved is None:
        raise ChoiceError("there is no such snapshot; it may have expired")
    if request.start is not None or request.seed is not None:
        raise ChoiceError("a snapshot has its own start and seed; leave them out")
    if request.world not in (None, saved.world):
        raise ChoiceError(f"the snapshot is of world {saved.world!r}")
    _offer(saved.world, offers)
    if not any(o.digest == saved.world_digest for o in offers if o.name == saved.world):
        raise ChoiceError("the snapshot's version of its world is not played any more")
    return Admission(
        world=saved.world,
        start=saved.start,
        seed=saved.seed,
        snapshot_of=snapshot_id,
        world_digest=saved.world_digest,
    )


def _offer(name: str, offers: Sequence[WorldOffer]) -> WorldOffer:
    for offer in offers:
        if offer.name == name:
            return offer
    raise ChoiceError(
        f"there is no world {name!r}; there are {_listed(dict.fromkeys(o.name for o in offers))}"
    )


def _listed(choices: Iterable[object]) -> str:
    return ", ".join(map(str, choices))


def eta_s(
    position: int, *, replicas: Sequence[ReplicaInfo], lengths_s: Sequence[float]
) -> float | None:
    """Returns the seconds until the player at `position` (0 is next) starts; None without data.

    With n slots, each held for m seconds on average, one slot becomes free every m / n seconds.
    """
    slots = sum(r.slots for r in replicas if not r.draining)
    free = sum(max(0, r.slots - r.used) for r in replicas if not r.draining)
    if position < free:
        return 0.0
    if slots == 0 or len(lengths_s) < MIN_LENGTHS:
        return None
    return (position - free + 1) * (sum(lengths_s) / len(lengths_s)) / slots


def retry_after_s(*, replicas: Sequence[ReplicaInfo], lengths_s: Sequence[float]) -> int:
    """Returns the seconds until one place of a full queue becomes free."""
    busy = [r for r in replicas if not r.draining]
    wait = eta_s(sum(max(0, r.slots - r.used) for r in busy), replicas=busy, lengths_s=lengths_s)
    if wait is None:
        return RETRY_UNKNOWN_S
    low, high = RETRY_BOUNDS_S
    return round(min(max(wait, low), high))
