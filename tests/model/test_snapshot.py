"""A snapshot is a session: it comes back exact, or is refused with the reason."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from model.engine.reference import ReferenceSession
from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.snapshot import (
    MAX_SNAPSHOT_BYTES,
    DamagedSnapshotError,
    NotFiniteError,
    SnapshotError,
    WorldSnapshot,
)
from model.world import World

Log = Callable[[int, int], list[ActionVector]]
LATER = 11  # frames, more than twice the window


def played(world: World, action_log: Log, num_frames: int = LATER) -> WorldEngine:
    engine = WorldEngine(world)
    engine.open("a", start=1, seed=5)
    for action in action_log(0, num_frames):
        engine.step({"a": action})
    return engine


@pytest.fixture(scope="module")
def snapshot(world: World, action_log: Log) -> WorldSnapshot:
    return played(world, action_log).snapshot("a", last_action_seq=7)


@pytest.fixture(scope="module")
def blob(snapshot: WorldSnapshot) -> bytes:
    return snapshot.to_bytes()


def test_it_survives_being_bytes(snapshot: WorldSnapshot, blob: bytes) -> None:
    again = WorldSnapshot.from_bytes(blob)
    for name in ("world_name", "world_version", "world_digest", "seed", "frame_idxs"):
        assert getattr(again, name) == getattr(snapshot, name)
    assert (again.last_action_seq, again.engine_profile) == (7, snapshot.engine_profile)
    assert again.frame_idx == 6 + LATER
    assert torch.equal(again.context.latents_FChw, snapshot.context.latents_FChw)
    assert torch.equal(again.context.t_F, snapshot.context.t_F)
    assert torch.equal(again.context.actions_FA, snapshot.context.actions_FA)
    assert again.to_bytes() == blob


def test_it_holds_the_context_of_the_next_frame_and_no_more(
    world: World, snapshot: WorldSnapshot
) -> None:
    num_frames = world.spec.nfd.window - 1
    newest = 6 + LATER
    assert snapshot.frame_idxs == tuple(range(newest - num_frames + 1, newest + 1))
    assert snapshot.context.latents_FChw.shape == (num_frames, 8, 2, 2)
    assert snapshot.context.t_F.tolist() == pytest.approx([world.spec.sampler.context_t] * 4)


def test_a_restored_session_is_one_that_re_encoded_its_window(
    any_world: World, action_log: Log
) -> None:
    snapshot = played(any_world, action_log).snapshot("a")
    engine = WorldEngine(any_world)
    engine.open("stranger", seed=1)
    engine.restore("a", WorldSnapshot.from_bytes(snapshot.to_bytes()))
    truth = ReferenceSession(any_world, snapshot.context, snapshot.frame_idxs, seed=5)
    for action in action_log(1, LATER):
        engine.step({"a": action})
        truth.step(action, any_world.spec.sampler.default_steps)
        torch.testing.assert_close(
            engine.snapshot("a").context.latents_FChw[-1],
            truth.context.latents_FChw[-1],
            atol=1e-5,
            rtol=1e-5,
        )


def test_all_restored_copies_go_the_same_way(world: World, action_log: Log, blob: bytes) -> None:
    """Bitwise, in whatever engine and slot: what crash recovery and replay rest on."""
    snapshot = WorldSnapshot.from_bytes(blob)
    here, elsewhere = played(world, action_log), WorldEngine(world)
    here.restore("copy", snapshot)
    elsewhere.restore("copy", snapshot)
    for action in action_log(1, LATER):
        (one,), (other,) = here.step({"copy": action}), elsewhere.step({"copy": action})
        assert one.frame_idx == other.frame_idx
        assert np.array_equal(one.pixels, other.pixels)
    assert here.snapshot("copy").to_bytes() == elsewhere.snapshot("copy").to_bytes()


def test_until_the_window_is_full_a_pause_cannot_be_noticed(
    any_world: World, action_log: Log
) -> None:
    engine = WorldEngine(any_world)
    engine.open("a", start=0, seed=5)
    first, *later = action_log(0, LATER)
    engine.step({"a": first})
    engine.restore("b", engine.snapshot("a"))
    for action in later:
        engine.step({"a": action, "b": action})
        torch.testing.assert_close(
            engine.snapshot("b").context.latents_FChw,
            engine.snapshot("a").context.latents_FChw,
            atol=1e-5,
            rtol=1e-5,
        )


def test_taking_a_snapshot_changes_nothing(world: World, action_log: Log) -> None:
    watched, left_alone = played(world, action_log, 3), played(world, action_log, 3)
    for action in action_log(1, 4):
        watched.snapshot("a").to_bytes()
        (one,), (other,) = watched.step({"a": action}), left_alone.step({"a": action})
        assert np.array_equal(one.pixels, other.pixels)


def test_a_snapshot_does_not_move_with_its_session(world: World, action_log: Log) -> None:
    engine = played(world, action_log)
    snapshot = engine.snapshot("a")
    before = snapshot.to_bytes()
    for action in action_log(1, LATER):
        engine.step({"a": action})
    assert snapshot.to_bytes() == before


def test_a_fork_differs_by_its_seed_alone(
    world: World, action_log: Log, snapshot: WorldSnapshot
) -> None:
    engine = WorldEngine(world)
    engine.restore("a", snapshot)
    engine.restore("fork", replace(snapshot, seed=6))
    action = action_log(1, 1)[0]
    one, other = engine.step({"a": action, "fork": action})
    assert one.frame_idx == other.frame_idx
    assert not np.array_equal(one.pixels, other.pixels)


def test_another_world_is_refused(another_world: World, snapshot: WorldSnapshot) -> None:
    engine = WorldEngine(another_world)
    with pytest.raises(SnapshotError, match=r"world tiny 1 \(digest-0\), not of tiny 1"):
        engine.restore("a", snapshot)
    assert engine.session_ids == ()


def rewritten(blob: bytes, **changes: Any) -> bytes:
    """The same, as older versions wrote it, with header fields changed, or dropped (None)."""
    length = int.from_bytes(blob[:8], "little")
    header = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["nextframe"])
    header = {key: value for key, value in {**header, **changes}.items() if value is not None}
    return save(load(blob), metadata={"nextframe": json.dumps(header)})


def with_tensors(blob: bytes, **changes: torch.Tensor) -> bytes:
    length = int.from_bytes(blob[:8], "little")
    metadata = json.loads(blob[8 : 8 + length])["__metadata__"]
    return save({**load(blob), **changes}, metadata={"nextframe": metadata["nextframe"]})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format_version": 2}, "format_version 1 expected"),
        ({"seed": None}, r"missing or unknown: \['seed'\]"),
        ({"extra": 1}, r"missing or unknown: \['extra'\]"),
        ({"seed": -1}, "seed: an integer"),
        ({"seed": True}, "seed: an integer"),
        ({"seed": "1"}, "seed: an integer"),
        ({"last_action_seq": 2**32}, "last_action_seq: an integer"),
        ({"frame_idxs": 3}, "frame_idxs: a list"),
        ({"frame_idxs": []}, "at least one"),
        ({"frame_idxs": [5, 4, 3, 2]}, "ascending"),
        ({"frame_idxs": [1, 2, 3, 4, 5]}, "does not fit"),
        ({"world_name": 5}, "world_name: a text"),
        ({"engine_profile": "x" * 300}, "engine_profile: a text"),
    ],
)
def test_a_wrong_header_is_refused(blob: bytes, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SnapshotError, match=reason):
        WorldSnapshot.from_bytes(rewritten(blob, **changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latents": torch.full((4, 8, 2, 2), torch.nan)}, "latents: not finite"),
        ({"latents": torch.zeros(4, 8, 2)}, "latents: .* does not fit"),
        ({"latents": torch.zeros(4, 8, 2, 2, dtype=torch.float64)}, "latents: .* does not fit"),
        ({"t": torch.full((4,), 2.0)}, "noise labels"),
        ({"t": torch.zeros(3)}, "t: .* does not fit"),
        ({"actions": torch.zeros(4, 6, dtype=torch.int64)}, "actions: .* does not fit"),
        ({"more": torch.zeros(1)}, "latents, t and actions expected"),
    ],
)
def test_wrong_tensors_are_refused(
    blob: bytes, changes: dict[str, torch.Tensor], reason: str
) -> None:
    with pytest.raises(SnapshotError, match=reason):
        WorldSnapshot.from_bytes(with_tensors(blob, **changes))


@pytest.mark.parametrize(
    "changes", [{"latents": torch.zeros(4, 8, 4, 1)}, {"actions": torch.zeros(4, 5)}]
)
def test_tensors_of_another_size_are_refused_by_the_world(
    world: World, blob: bytes, changes: dict[str, torch.Tensor]
) -> None:
    snapshot = WorldSnapshot.from_bytes(with_tensors(blob, **changes))
    with pytest.raises(SnapshotError, match="do not fit"):
        WorldEngine(world).restore("a", snapshot)


def test_of_a_context_longer_than_the_window_the_newest_frames_are_kept(
    world: World, blob: bytes
) -> None:
    longer = {name: value.repeat(2, *[1] * (value.ndim - 1)) for name, value in load(blob).items()}
    frame_idxs = list(range(8))
    snapshot = WorldSnapshot.from_bytes(
        rewritten(with_tensors(blob, **longer), frame_idxs=frame_idxs)
    )
    engine = WorldEngine(world)
    engine.restore("a", snapshot)
    assert engine.snapshot("a").frame_idxs == tuple(frame_idxs[1 - world.spec.nfd.window :])


def test_a_dtype_that_torch_has_not_is_refused(blob: bytes) -> None:
    with pytest.raises(SnapshotError, match="not safetensors"):
        WorldSnapshot.from_bytes(blob.replace(b'"F32","shape":[4],', b'"F4","shape":[32],'))


def test_size_is_bounded_before_anything_is_parsed() -> None:
    with pytest.raises(SnapshotError, match="at most"):
        WorldSnapshot.from_bytes(bytes(MAX_SNAPSHOT_BYTES + 1))
    with pytest.raises(SnapshotError, match="header of"):
        WorldSnapshot.from_bytes((2**40).to_bytes(8, "little") + b"{}")


def test_a_snapshot_of_an_older_version_has_no_sha256_and_is_read(blob: bytes) -> None:
    assert WorldSnapshot.from_bytes(rewritten(blob)).to_bytes() == blob


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_one_flipped_bit_of_any_tensor_is_noticed(blob: bytes, place: str) -> None:
    first = int.from_bytes(blob[:8], "little") + 8
    at = {"first": first, "middle": (first + len(blob)) // 2, "last": len(blob) - 1}[place]
    damaged = bytearray(blob)
    damaged[at] ^= 1
    with pytest.raises(DamagedSnapshotError):
        WorldSnapshot.from_bytes(bytes(damaged))


def test_zeros_from_some_byte_on_are_noticed(blob: bytes) -> None:
    start = int.from_bytes(blob[:8], "little") + 8
    with pytest.raises(DamagedSnapshotError, match="SHA-256 differs"):
        WorldSnapshot.from_bytes(blob[: start + 40] + bytes(len(blob) - start - 40))


def test_a_changed_header_is_noticed(blob: bytes) -> None:
    length = int.from_bytes(blob[:8], "little")
    header = blob[8 : 8 + length].replace(b'last_action_seq\\": 7', b'last_action_seq\\": 8')
    assert header != blob[8 : 8 + length]
    with pytest.raises(DamagedSnapshotError, match="SHA-256 differs"):
        WorldSnapshot.from_bytes(blob[:8] + header + blob[8 + length :])


def test_what_is_not_finite_becomes_no_bytes(snapshot: WorldSnapshot) -> None:
    latents = snapshot.context.latents_FChw.clone()
    latents[1, 0, 0, 0] = torch.nan
    broken = replace(snapshot, context=replace(snapshot.context, latents_FChw=latents))
    with pytest.raises(NotFiniteError, match="latents"):
        broken.to_bytes()


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_bytes_are_refused_or_read_never_worse(blob: bytes, data: st.DataObject) -> None:
    damaged = bytearray(blob)
    header_length = int.from_bytes(blob[:8], "little") + 8
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, header_length - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.sampled_from([len(blob), len(blob) // 2, 20, 3, 0]))]
    with suppress(SnapshotError):
        WorldSnapshot.from_bytes(bytes(damaged))
