"""What spare capacity buys: how soon a world is back from its snapshot, and how much of a
frame's time is hidden when it is drawn ahead, or drawn with the frame before it."""

import statistics
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from model.bench.contest import contest
from model.bench.gpu.forms import paths_on
from model.bench.gpu.ledger import Ledger
from model.bench.subjects.held_key import HeldKey
from model.bench.subjects.worlds import random_world
from model.engine.engine import WorldEngine
from model.engine.types import ActionVector
from model.fast.precision import as_served_on
from model.world import World

REPEATS = 9
CHANGE_EVERY = 10  # frames: a key is held for about half a second
PLAYERS = (1, 8)


def measure(ledger: Ledger, preset: str, device: torch.device) -> None:
    world = as_served_on(device, random_world(preset))
    ledger.fill(f"{preset}, restore", partial(restore, world, device))
    for players in PLAYERS:
        key = f"{preset}, ahead, {players} players"
        ledger.fill(key, partial(draw_ahead, world, device, players))
    ledger.fill(f"{preset}, joint", partial(draw_jointly, world, device))


def draw_jointly(world: World, device: torch.device) -> Mapping[str, Any]:
    """The paper's speculation, for a player who holds a key: two frames, the second drawn in the
    passes of the first, against one after the other."""
    held = HeldKey(world, device, max_joint=1, paths=paths_on(device))
    times = contest({"alone": held.alone_s, "jointly": held.jointly_s}, rounds=REPEATS)
    return {
        "alone_ms": times.median_ms("alone"),
        "jointly_ms": times.median_ms("jointly"),
        "joint_over_alone": times.ratio("alone", "jointly"),
    }


def restore(world: World, device: torch.device) -> Mapping[str, Any]:
    """Milliseconds from a snapshot's bytes in memory to the world's next frame, without and with
    that frame."""
    engine = WorldEngine(world, max_sessions=2, device=str(device), paths=paths_on(device))
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
    """Players who hold a key and change it now and then: how long they wait for a frame."""
    engine = WorldEngine(world, max_sessions=players, device=str(device), paths=paths_on(device))
    for seed in range(players):
        engine.open(str(seed), seed=seed)
    plain, waited = [], []
    for number in range(2 * CHANGE_EVERY):
        plain.append(_wait_s(engine, _keys(engine, number)))
    for number in range(2 * CHANGE_EVERY):
        for name, action in _keys(engine, max(0, number - 1)).items():
            engine.draft(name, action)
        while engine.advance() is not None:
            pass
        waited.append(_wait_s(engine, _keys(engine, number)))
    counts = engine.speculation.exact
    return {
        "frame_ms": round(statistics.fmean(plain) * 1e3, 2),
        "wait_ms": round(statistics.fmean(waited) * 1e3, 2),
        "accepted": counts.accepted,
        "discarded": counts.discarded,
        "hidden_share": round(1 - sum(waited) / sum(plain), 3),
    }


def _keys(engine: WorldEngine, number: int) -> Mapping[str, ActionVector]:
    """Every player's action in that frame; each changes it at a time of their own."""
    size = engine.world.spec.nfd.action_size
    return {
        name: (float((number + i) // CHANGE_EVERY % 2), *(0.0,) * (size - 1))
        for i, name in enumerate(engine.session_ids)
    }


def _wait_s(engine: WorldEngine, actions: Mapping[str, ActionVector]) -> float:
    started_s = time.perf_counter()
    for name, action in actions.items():
        engine.begin(name, action)
    while engine.is_due:
        engine.advance()
    return time.perf_counter() - started_s
