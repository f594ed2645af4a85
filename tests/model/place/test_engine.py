"""A world with a place keeps the engine's promises: frames and states are the same alone and in
company, drafted or not, before and after a snapshot; a draft that is not taken leaves no trace."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.engine.reference import ReferenceSession
from model.engine.types import Frame
from model.engine.world_engine import WorldEngine
from model.int8.serving import in_precision, why_not_int8
from model.nfd.transformer import NFDTransformer
from model.snapshot import SnapshotError, WorldSnapshot
from model.world import World, WorldError
from tests.model.conftest import ActionLog

Log = Callable[[int, int], ActionLog]


def play(engine: WorldEngine, player: str, actions: ActionLog) -> list[Frame]:
    return [engine.step({player: action})[0] for action in actions]


def assert_same(ours: list[Frame], theirs: list[Frame]) -> None:
    assert [frame.state for frame in ours] == [frame.state for frame in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one.pixels, other.pixels)


@pytest.fixture
def alone(place_world: World, action_log: Log) -> list[Frame]:
    engine = WorldEngine(place_world)
    engine.open("a", start=1, seed=5)
    return play(engine, "a", action_log(0, 12))


def test_the_state_is_carried_on_by_the_action(
    place_world: World, action_log: Log, alone: list[Frame]
) -> None:
    assert place_world.state_model is not None
    size = place_world.spec.nfd.action_size
    state = tuple(place_world.starts[1].actions_FA[-1, size:].tolist())
    for frame, action in zip(alone, action_log(0, 12), strict=True):
        state = place_world.state_model.advance(state, action)
        assert frame.state == state


def test_the_map_is_seen(place_world: World, action_log: Log, alone: list[Frame]) -> None:
    transformer = NFDTransformer(place_world.spec.nfd)
    transformer.load_state_dict(place_world.transformer.state_dict())
    torch.nn.init.zeros_(transformer.seen.weight)
    blind = replace(place_world, transformer=transformer.eval().requires_grad_(False))
    engine = WorldEngine(blind)
    engine.open("a", start=1, seed=5)
    unseen = play(engine, "a", action_log(0, 1))[0]
    assert not np.array_equal(unseen.pixels, alone[0].pixels)


def test_frames_and_states_are_the_same_in_company(
    place_world: World, action_log: Log, alone: list[Frame]
) -> None:
    engine = WorldEngine(place_world, max_sessions=3)
    for number, player in enumerate("bac"):
        engine.open(
            player, start=number % 2 if player != "a" else 1, seed=number if player != "a" else 5
        )
    logs = {
        player: action_log(0 if player == "a" else number + 7, 12)
        for number, player in enumerate("bac")
    }
    ours = []
    for number in range(12):
        frames = engine.step({player: log[number] for player, log in logs.items()})
        ours += [frame for frame in frames if frame.session_id == "a"]
    assert_same(ours, alone)


def test_a_snapshot_holds_the_state(
    place_world: World, action_log: Log, alone: list[Frame]
) -> None:
    engine = WorldEngine(place_world)
    engine.open("a", start=0, seed=5)
    play(engine, "a", action_log(0, 2))
    blob = engine.snapshot("a").to_bytes()
    onward = play(engine, "a", action_log(3, 4))
    other = WorldEngine(place_world)
    other.restore("a", WorldSnapshot.from_bytes(blob))
    assert_same(play(other, "a", action_log(3, 4)), onward)


def test_a_snapshot_of_a_world_without_a_place_does_not_fit(
    world: World, place_world: World
) -> None:
    engine = WorldEngine(world)
    engine.open("a", seed=5)
    snapshot = replace(
        engine.snapshot("a"), world_name="placed", world_version=place_world.spec.version,
        world_digest=place_world.digest,
    )  # fmt: skip
    with pytest.raises(SnapshotError, match="do not fit"):
        WorldEngine(place_world).restore("a", snapshot)


def test_a_draft_that_is_not_taken_leaves_no_trace(
    place_world: World, action_log: Log, alone: list[Frame]
) -> None:
    engine = WorldEngine(place_world, max_drafts=2)
    engine.open("a", start=1, seed=5)
    frames, wrong = [], action_log(9, 24)
    for number, action in enumerate(action_log(0, 12)):
        engine.draft("a", engine.request(wrong[2 * number]))
        if number % 3:
            engine.draft("a", engine.request(action if number % 2 else wrong[2 * number + 1]))
        while engine.is_drafting("a"):
            engine.advance()
        frames += engine.step({"a": action})
    assert any(frame.is_speculative for frame in frames)
    assert_same(frames, alone)


def test_joint_frames_carry_the_state_on(place_world: World, action_log: Log) -> None:
    assert place_world.state_model is not None
    action = action_log(0, 1)[0]
    engine = WorldEngine(place_world, max_joint=1)
    engine.open("a", start=1, seed=5)
    engine.begin("a", engine.request(action))
    engine.draft_jointly("a", num_frames=1)
    frames: list[Frame] = []
    while not frames:
        frames += engine.advance() or ()
    joint = engine.begin("a", engine.request(action))
    assert joint is not None and joint.is_joint
    assert joint.state == place_world.state_model.advance(frames[0].state, action)


def test_forgetting_keeps_the_state_and_a_cut_draws_it_from_the_start(
    place_world: World, action_log: Log
) -> None:
    engine = WorldEngine(place_world)
    engine.open("a", start=1, seed=5)
    before = play(engine, "a", action_log(0, 3))[-1].state
    engine.flush("a")
    assert place_world.state_model is not None
    action = action_log(1, 1)[0]
    after = engine.step({"a": action})[0].state
    assert after == place_world.state_model.advance(before, action)
    engine.cut("a", start=0)
    size = place_world.spec.nfd.action_size
    begun = tuple(place_world.starts[0].actions_FA[-1, size:].tolist())
    cut = engine.step({"a": action})[0].state
    assert cut == place_world.state_model.advance(begun, action)


def test_the_engine_draws_what_the_reference_draws(place_world: World, action_log: Log) -> None:
    engine = WorldEngine(place_world)
    engine.open("a", start=1, seed=5)
    snapshot = engine.snapshot("a")
    reference = ReferenceSession(place_world, snapshot.context, snapshot.frame_idxs, seed=5)
    for action in action_log(0, 3):
        frame = engine.step({"a": action})[0]
        reference.step((*action, *frame.state), 2)
        ours = engine.snapshot("a").context.latents_FChw[-1]
        torch.testing.assert_close(ours, reference.context.latents_FChw[-1], atol=2e-4, rtol=2e-4)


@pytest.mark.skipif(bool(why_not_int8()), reason=why_not_int8())
def test_int8_has_the_same_states_and_the_same_frames_in_company(
    place_world: World, action_log: Log, alone: list[Frame]
) -> None:
    world = in_precision(place_world, "int8")
    frames = []
    for company in (False, True):
        engine = WorldEngine(world)
        engine.open("a", start=1, seed=5)
        if company:
            engine.open("b", start=0, seed=2)
        actions = [
            {"a": action} | ({"b": action} if company else {}) for action in action_log(0, 12)[:4]
        ]
        frames.append([engine.step(each)[0] for each in actions])
    assert_same(frames[0], frames[1])
    assert [frame.state for frame in frames[0]] == [frame.state for frame in alone[:4]]


def test_a_bundle_holds_the_place(place_world: World, action_log: Log, tmp_path: Path) -> None:
    place_world.save(tmp_path / "world", card="card", dtype=torch.float32)
    loaded = World.load(tmp_path / "world")
    place_world.save(tmp_path / "half", card="card")
    for half, whole in zip(World.load(tmp_path / "half").starts, place_world.starts, strict=True):
        assert torch.equal(half.actions_FA, whole.actions_FA)  # states bear no rounding
    assert loaded.spec == place_world.spec and loaded.state_model is not None
    ours, theirs = (WorldEngine(world) for world in (loaded, place_world))
    for engine in (ours, theirs):
        engine.open("a", start=1, seed=5)
    assert_same(play(ours, "a", action_log(0, 3)), play(theirs, "a", action_log(0, 3)))


def test_a_bundle_without_a_place_says_nothing_of_one(world: World, tmp_path: Path) -> None:
    world.save(tmp_path / "world", card="card")
    manifest = json.loads((tmp_path / "world" / "world.json").read_text())
    assert "state" not in manifest["spec"] and "place" not in manifest["spec"]["nfd"]
    assert not list((tmp_path / "world").glob("state*"))
    assert World.load(tmp_path / "world").state_model is None


@pytest.mark.parametrize("part", ["spec", "place", "file"])
def test_half_a_place_is_refused(place_world: World, tmp_path: Path, part: str) -> None:
    folder = tmp_path / "world"
    place_world.save(folder, card="card")
    manifest = json.loads((folder / "world.json").read_text())
    if part == "spec":
        del manifest["spec"]["state"]
    elif part == "place":
        del manifest["spec"]["nfd"]["place"]
    else:
        manifest["files"].pop("state.safetensors")
    (folder / "world.json").write_text(json.dumps(manifest))
    with pytest.raises(WorldError):
        World.load(folder)
    shutil.rmtree(folder)
