"""Passes replayed from graphs are those computed launch by launch, bit for bit, whatever is
planned. Graphs are tapes here, but for the tests that want a GPU."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from model.engine.world_engine import WorldEngine
from model.fast import runner
from model.fast.paths import FastPaths
from model.world import World
from tests.model.fast.tape import TapePool
from tests.model.fast.watched import Watched, act, same_bits

CAPTURED, EAGER = FastPaths(graphs=True), FastPaths()
LONG_START = 1


def drawn(engine: WorldEngine) -> None:
    engine.begin("a", engine.request(act(1), num_steps=3))


def drawn_in_company(engine: WorldEngine) -> None:
    engine.begin("a", engine.request(act(1), num_steps=1))
    engine.begin("b", engine.request(act(2), num_steps=2))


def cached_and_drawn(engine: WorldEngine) -> None:
    engine.step({"a": act(1), "b": act(1)})
    engine.begin("a", engine.request(act(2), num_steps=2))


def drawn_along(engine: WorldEngine) -> None:
    engine.step({"a": act(1), "b": act(1)})
    for name in ("a", "b"):
        engine.begin(name, engine.request(act(2), num_steps=2))
    assert engine.draft_jointly("a") == 1


def drafted_under_two_actions(engine: WorldEngine) -> None:
    engine.step({"a": act(1), "b": act(1)})
    engine.draft("a", engine.request(act(1)))
    engine.draft("a", engine.request(act(2)))


def opened(engine: WorldEngine) -> None:
    for name in ("a", "b"):
        engine.close(name)
    engine.admit("b", start=LONG_START, seed=7)


def opened_and_played_at_once(engine: WorldEngine) -> None:
    opened(engine)
    engine.begin("b", engine.request(act(1), num_steps=2))
    assert engine.draft_jointly("b") == 1


Kind = Callable[[WorldEngine], None]

KINDS: dict[Kind, int] = {  # to the most rows of one session in a pass
    drawn: 1,
    drawn_in_company: 1,
    cached_and_drawn: 2,
    drawn_along: 3,
    drafted_under_two_actions: 3,
    opened: 4,
    opened_and_played_at_once: 6,
}


of_each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@of_each_kind
def test_a_replayed_pass_is_the_one_computed_launch_by_launch(
    world: World, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "GraphPool", TapePool)
    eager = play(world, kind, EAGER)
    assert same_bits(play(world, kind, CAPTURED), eager)
    torch.testing.assert_close(eager, play(world, kind, None), atol=1e-5, rtol=0)


@pytest.mark.gpu
@of_each_kind
def test_so_it_is_with_real_graphs_on_this_gpu(world: World, kind: Kind) -> None:
    assert same_bits(play(world, kind, CAPTURED, "cuda"), play(world, kind, EAGER, "cuda"))


@pytest.mark.gpu
def test_the_host_waits_for_nothing_inside_a_pass_on_this_gpu(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(world, FastPaths(graphs=True, beside=True), device="cuda")
    watched.engine.open("a", start=LONG_START, seed=3)
    watched.engine.step({"a": act(1)})
    monkeypatch.setattr(runner.FastRunner, "_now_s", lambda _: 0.0)  # where it means to wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        watched.engine.step({"a": act(2)})
    finally:
        torch.cuda.set_sync_debug_mode("default")


def play(world: World, kind: Kind, paths: FastPaths | None, device: str = "cpu") -> list[Tensor]:
    """Latents of what all sessions hold after that kind of pass, and after a frame more, which
    meets the keys that it left."""
    watched = Watched(world, paths, device=device)
    for name in ("a", "b"):
        watched.engine.open(name, start=0, seed=3)
    watched.plans.clear()
    kind(watched.engine)
    watched.finish()
    assert watched.max_sub_batches == KINDS[kind]
    watched.engine.step(dict.fromkeys(watched.engine.session_ids, act(1)))
    return watched.contexts()
