"""Once an engine is made, no plan is met for the first time: nothing is captured or compiled."""

import logging
import random
from collections.abc import Callable, Sequence

import pytest
import torch

from model.engine.world_engine import WorldEngine
from model.fast import paths as forms
from model.fast import runner
from model.fast.paths import Blocks, FastPaths
from model.fast.runner import runner_of
from model.world import World
from tests.model.fast.tape import TapePool
from tests.model.fast.watched import Watched, act, same_bits

CAPTURED, EAGER = FastPaths(graphs=True), FastPaths()


@pytest.fixture(autouse=True)
def tapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "GraphPool", TapePool)


def test_no_plan_of_a_server_is_met_for_the_first_time(world: World) -> None:
    captured = Watched(world, CAPTURED, max_sessions=3)
    num_captures = TapePool.num_captures
    walk(captured, num_turns=70)
    assert TapePool.num_captures == num_captures
    assert len(captured.rows_by_session) > 15 and captured.max_sub_batches > 3
    eager = Watched(world, EAGER, max_sessions=3)
    walk(eager, num_turns=70)
    assert same_bits(captured.contexts(), eager.contexts())


def test_nothing_is_compiled_for_a_plan(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    compilations = []

    def count(graph: torch.fx.GraphModule, inputs: Sequence[object]) -> Callable[..., object]:
        compilations.append(graph)
        return graph.forward

    def compiled(operation: Callable[..., object]) -> Callable[..., object]:
        return torch.compile(operation, backend=count)

    monkeypatch.setattr(forms, "compiled", compiled)
    watched = Watched(world, FastPaths(blocks=Blocks.COMPILED))
    num_compilations = len(compilations)
    assert num_compilations >= 2
    walk(watched, num_turns=40)
    assert len(compilations) == num_compilations


def test_what_was_prepared_is_told_in_one_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "model.fast.runner"):
        WorldEngine(world, max_sessions=2, max_drafts=2, make_runner=runner_of(CAPTURED))
    (line,) = caplog.records
    told = vars(line)
    assert line.getMessage() == "passes prepared"
    assert (told["num_shapes"], told["max_sub_batches"], told["forms"]) == (9, 3, ("graphs",))
    assert told["s"] >= 0


def walk(watched: Watched, *, num_turns: int) -> None:
    """What players may do, at random, the same each time: come, go, hold keys and change them."""
    rng = random.Random(5)
    engine = watched.engine
    names = [str(slot) for slot in range(engine.num_free_pages // 6)]
    for turn in range(num_turns):
        for name in names:
            if name not in engine.session_ids:
                if rng.random() < 0.3:
                    engine.admit(name, start=rng.randrange(2), seed=turn)
            elif rng.random() < 0.03:
                engine.close(name)
            else:
                act_at_random(engine, name, rng)
        engine.advance()
    watched.finish()


def act_at_random(engine: WorldEngine, name: str, rng: random.Random) -> None:
    session = engine._scheduler.session(name)
    request = engine.request(act(rng.randrange(2)), num_steps=rng.randrange(1, 4))
    if session.in_flight is not None:
        return
    if rng.random() < 0.5:
        is_there = engine.begin(name, request) is not None
        if not is_there and rng.random() < 0.5:
            engine.draft_jointly(name)
    elif len(session.drafts) < 2 and session.draft_of(request) is None:
        engine.draft(name, request)
