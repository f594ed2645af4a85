"""What spare capacity buys: the time from a snapshot to a world's next frame, and the share of a
frame's time hidden by drafts under 1 or 2 actions, or by a joint frame."""

import statistics
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import torch

from model.bench.interleaved import time_interleaved
from model.bench.workloads.held_key import HeldKey
from model.bench.workloads.worlds import random_world
from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.fast import runner_of
from model.fast.jobs.forms import paths_on
from model.fast.jobs.results_file import ResultsFile
from model.precision import as_served_on
from model.world import World

REPEATS = 9
CHANGE_EVERY = 10  # frames: a key is held for about half a second
PLAYERS = (1, 8)


def measure(results: ResultsFile, preset: str, device: torch.device) -> None:
    world = as_served_on(device, random_world(preset))
    results.fill(f"{preset}, restore", partial(restore, world, device))
    ways = {"ahead": draw_ahead, "branch": draw_branches, "joint": draw_jointly}
    for (way, draw), players in product(ways.items(), PLAYERS):
        results.fill(f"{preset}, {way}, {players} players", partial(draw, world, device, players))


def restore(world: World, device: torch.device) -> Mapping[str, Any]:
    """Milliseconds from a snapshot's bytes in memory to the world's next frame, without and with
    the frame."""
    engine = WorldEngine(
        world, max_sessions=2, device=str(device), make_runner=runner_of(paths_on(device))
    )
    action = (0.0,) * world.spec.nfd.action_size
    engine.open("before", seed=0)
    engine.step({"before": action})
    snapshot = engine.snapshot("before")
    restored, shown = [], []
    for _ in range(REPEATS):
        started_s = time.perf_counter()
        engine.restore("after", snapshot)
        restored.append(time.perf_counter() - started_s)
        engine.step({"after": action})
        shown.append(time.perf_counter() - started_s)
        engine.close("after")
    return {
        "frames": len(snapshot.frame_idxs),
        "restored_ms": round(statistics.median(restored) * 1e3, 2),
        "with_a_frame_ms": round(statistics.median(shown) * 1e3, 2),
    }


def draw_ahead(world: World, device: torch.device, players: int) -> Mapping[str, Any]:
    """Players hold a key and change the key now and then: the wait for a frame drafted under the
    held key, and the spare time spent."""
    return _play(_house(world, device, players, max_drafts=1), num_drafts=1)


def draw_branches(world: World, device: torch.device, players: int) -> Mapping[str, Any]:
    """The same play, each frame drafted under the held key and under the other key."""
    return _play(_house(world, device, players, max_drafts=2), num_drafts=2)


def draw_jointly(world: World, device: torch.device, players: int) -> Mapping[str, Any]:
    """The paper's speculation, for players who hold a key: two frames in the passes of the first,
    against two frames one after the other."""
    held = HeldKey(world, device, players=players, max_joint=1, paths=paths_on(device))
    times = time_interleaved({"alone": held.alone_s, "jointly": held.jointly_s}, rounds=REPEATS)
    return {
        "alone_ms": times.median_ms("alone"),
        "jointly_ms": times.median_ms("jointly"),
        "joint_over_alone": times.ratio("alone", "jointly"),
    }


def _house(world: World, device: torch.device, players: int, *, max_drafts: int) -> WorldEngine:
    engine = WorldEngine(
        world,
        max_sessions=players,
        device=str(device),
        max_drafts=max_drafts,
        make_runner=runner_of(paths_on(device)),
    )
    for seed in range(players):
        engine.open(str(seed), seed=seed)
    return engine


def _play(engine: WorldEngine, *, num_drafts: int) -> Mapping[str, Any]:
    plain = [_wait_s(engine, _keys(engine, number)) for number in range(2 * CHANGE_EVERY)]
    spare, waited = [], []
    for number in range(2 * CHANGE_EVERY):
        draft_actions = _draft_actions(engine, number)[:num_drafts]
        spare.append(_draft_s(engine, draft_actions))
        waited.append(_wait_s(engine, _keys(engine, number)))
    counts, frame_s = engine.speculation.exact, statistics.median(plain)
    return {
        "frame_ms": round(frame_s * 1e3, 2),
        "wait_ms": round(statistics.fmean(waited) * 1e3, 2),
        "spare_ms": round(statistics.median(spare) * 1e3, 2),
        "accepted": counts.accepted,
        "discarded": counts.discarded,
        "hidden_share": round(1 - statistics.fmean(waited) / frame_s, 3),
    }


def _keys(engine: WorldEngine, number: int) -> Mapping[str, ActionVector]:
    """Every player's action in that frame; each changes it at a time of their own."""
    size = engine.world.spec.nfd.action_size
    return {
        name: (float((number + i) // CHANGE_EVERY % 2), *(0.0,) * (size - 1))
        for i, name in enumerate(engine.session_ids)
    }


def _draft_actions(engine: WorldEngine, number: int) -> Sequence[Mapping[str, ActionVector]]:
    """Of everybody's action in that frame, the likeliest first: it stays, or it changes."""
    held = _keys(engine, max(0, number - 1))
    changed = {name: (1 - key, *others) for name, (key, *others) in held.items()}
    return held, changed


def _draft_s(engine: WorldEngine, draft_actions: Sequence[Mapping[str, ActionVector]]) -> float:
    """Seconds of spare time until all drafts are finished."""
    started_s = time.perf_counter()
    for actions in draft_actions:
        for name, action in actions.items():
            engine.draft(name, engine.request(action))
    while engine.advance() is not None:
        pass
    return time.perf_counter() - started_s


def _wait_s(engine: WorldEngine, actions: Mapping[str, ActionVector]) -> float:
    """Seconds until everybody has the image of the next frame."""
    started_s = time.perf_counter()
    begun = [engine.begin(name, engine.request(action)) for name, action in actions.items()]
    frames = [frame for frame in begun if frame is not None]
    while engine.has_in_flight:
        frames += engine.advance() or ()
    for frame in frames:
        frame.image.rgb()
    return time.perf_counter() - started_s
