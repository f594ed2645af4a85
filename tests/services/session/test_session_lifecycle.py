"""Rules of admission and of the estimated wait."""

import pytest

from services.backplane.replicas import ReplicaInfo
from services.backplane.snapshots import SavedSnapshot
from services.session.lifecycle import (
    Admission,
    ChoiceError,
    SessionRequest,
    admit,
    eta_s,
    retry_after_s,
)
from services.wire.world import WorldOffer, WorldStart


def offer(name: str, starts: tuple[int, ...] = (0, 1)) -> WorldOffer:
    return WorldOffer(
        name=name,
        version="1",
        digest=f"{name}-1",
        width=32,
        height=32,
        fps=17.5,
        buttons=("forward",),
        degrees_per_count=0.1,
        starts=tuple(WorldStart(index=i, name=str(i), image="") for i in starts),
    )


OFFERS = (offer("doom"), offer("toy", starts=(3, 4)))
SAVED = SavedSnapshot(world="toy", start=4, seed=9, world_digest="toy-1")


def admitted(
    asked: SessionRequest, saved: SavedSnapshot | None = None, default_world: str = ""
) -> Admission:
    return admit(asked, OFFERS, saved=saved, default_world=default_world, random_seed=77)


def test_who_names_nothing_gets_the_first_world_its_first_start_and_a_random_seed() -> None:
    assert admitted(SessionRequest()) == Admission(
        world="doom", start=0, seed=77, snapshot_of="", world_digest="doom-1"
    )
    assert admitted(SessionRequest(), default_world="toy").start == 3


def test_who_names_everything_gets_it() -> None:
    asked = SessionRequest(world="toy", start=4, seed=0)
    assert admitted(asked) == Admission(
        world="toy", start=4, seed=0, snapshot_of="", world_digest="toy-1"
    )


def test_a_snapshot_brings_its_own_world_start_and_seed() -> None:
    assert admitted(SessionRequest(snapshot="s"), SAVED) == Admission(
        world="toy", start=4, seed=9, snapshot_of="s", world_digest="toy-1"
    )
    assert admitted(SessionRequest(snapshot="s", world="toy"), SAVED).world == "toy"


@pytest.mark.parametrize(
    ("asked", "saved", "complaint"),
    [
        (SessionRequest(world="mars"), None, "no world 'mars'; there are doom, toy"),
        (SessionRequest(world="toy", start=0), None, "no start 0; there are 3, 4"),
        (SessionRequest(snapshot="s"), None, "no such snapshot"),
        (SessionRequest(snapshot="s", start=3), SAVED, "leave them out"),
        (SessionRequest(snapshot="s", seed=3), SAVED, "leave them out"),
        (SessionRequest(snapshot="s", world="doom"), SAVED, "of world 'toy'"),
        (
            SessionRequest(snapshot="s"),
            SavedSnapshot(world="old", start=0, seed=0),
            "no world 'old'; there are doom, toy",
        ),
        (
            SessionRequest(snapshot="s"),
            SavedSnapshot(world="toy", start=0, seed=0, world_digest="toy-0"),
            "version of its world is not played any more",
        ),
    ],
)
def test_a_wrong_choice_names_the_right_ones(
    asked: SessionRequest, saved: SavedSnapshot | None, complaint: str
) -> None:
    with pytest.raises(ChoiceError, match=complaint):
        admitted(asked, saved)


def replica(slots: int, used: int, *, draining: bool = False) -> ReplicaInfo:
    return ReplicaInfo(
        replica_id=f"{slots}{used}", slots=slots, used=used, world="toy", draining=draining
    )


def test_a_free_slot_is_no_wait() -> None:
    assert eta_s(0, replicas=[replica(4, 3)], lengths_s=[]) == 0
    assert eta_s(1, replicas=[replica(4, 3), replica(4, 3)], lengths_s=[]) == 0


def test_the_wait_is_what_measured_sessions_say() -> None:
    full = [replica(4, 4), replica(2, 2)]
    assert eta_s(0, replicas=full, lengths_s=[60, 120, 180]) == pytest.approx(20)
    assert eta_s(2, replicas=full, lengths_s=[60, 120, 180]) == pytest.approx(60)
    one_free = [replica(4, 4), replica(2, 1)]
    assert eta_s(2, replicas=one_free, lengths_s=[60, 120, 180]) == pytest.approx(40)


def test_nobody_promises_what_nobody_measured() -> None:
    assert eta_s(0, replicas=[replica(4, 4)], lengths_s=[60, 60]) is None
    assert eta_s(0, replicas=[], lengths_s=[60] * 9) is None
    assert eta_s(0, replicas=[replica(4, 0, draining=True)], lengths_s=[60] * 9) is None


def test_a_full_line_says_when_to_come_back_within_bounds() -> None:
    full = [replica(2, 2)]
    assert retry_after_s(replicas=full, lengths_s=[100] * 5) == 50
    assert retry_after_s(replicas=full, lengths_s=[0.1] * 5) == 5
    assert retry_after_s(replicas=full, lengths_s=[86400] * 5) == 300
    assert retry_after_s(replicas=full, lengths_s=[]) == 30
