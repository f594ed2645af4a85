"""Passes replayed from graphs are those computed launch by launch, bit for bit, whatever is
planned; and once an engine is made, nothing is captured or compiled. Graphs are tapes here."""

import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.engine.engine import WorldEngine
from model.engine.types import ActionVector, PassPlan, PassResult
from model.fast import paths as forms
from model.fast import runner
from model.fast.paths import Blocks, FastPaths
from model.world import World
from tests.model.fast.tape import TapePool

CAPTURED, EAGER = FastPaths(graphs=True), FastPaths()
LONG_START = 1


def act(number: int) -> ActionVector:
    return (float(number), *(0.0,) * 5)


@pytest.fixture(autouse=True)
def tapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "GraphPool", TapePool)


class Watched:
    """An engine of two drafts and a joint frame for each session, and the plans of its passes."""

    def __init__(self, world: World, paths: FastPaths | None, *, max_sessions: int = 2) -> None:
        nfd = replace(world.spec.nfd, window=6)
        longer = replace(world, spec=replace(world.spec, nfd=nfd))
        self.engine = WorldEngine(
            longer, max_sessions=max_sessions, max_drafts=2, max_joint=1, paths=paths
        )
        self.plans: list[PassPlan] = []
        self._run = self.engine._passes._runner.run
        self.engine._passes._runner.run = self._watch  # type: ignore[method-assign]

    @property
    def most_waves(self) -> int:
        """Of the passes so far."""
        counts = (Counter(where.slot for where in plan.placements) for plan in self.plans)
        return max(max(count.values()) for count in counts)

    def contexts(self) -> list[Tensor]:
        names = self.engine.session_ids
        return [self.engine.snapshot(name).context.latents_FChw for name in names]

    def finish(self) -> None:
        while self.engine.advance() is not None:
            pass

    def _watch(self, plan: PassPlan) -> PassResult:
        self.plans.append(plan)
        return self._run(plan)


def drawn(engine: WorldEngine) -> None:
    engine.begin("a", act(1), num_steps=3)


def drawn_in_company(engine: WorldEngine) -> None:
    engine.begin("a", act(1), num_steps=1)
    engine.begin("b", act(2), num_steps=2)


def remembered_and_drawn(engine: WorldEngine) -> None:
    engine.step({"a": act(1), "b": act(1)})
    engine.begin("a", act(2), num_steps=2)


def drawn_along(engine: WorldEngine) -> None:
    engine.step({"a": act(1), "b": act(1)})
    for name in ("a", "b"):
        engine.begin(name, act(2), num_steps=2)
    assert engine.draft_jointly("a") == 1


def drafted_under_two_guesses(engine: WorldEngine) -> None:
    engine.step({"a": act(1), "b": act(1)})
    engine.draft("a", act(1))
    engine.draft("a", act(2))


def opened(engine: WorldEngine) -> None:
    for name in ("a", "b"):
        engine.close(name)
    engine.admit("b", start=LONG_START, seed=7)


def opened_and_played_at_once(engine: WorldEngine) -> None:
    opened(engine)
    engine.begin("b", act(1), num_steps=2)
    assert engine.draft_jointly("b") == 1


KINDS: dict[Callable[[WorldEngine], None], int] = {  # to the most rows of one session in a pass
    drawn: 1,
    drawn_in_company: 1,
    remembered_and_drawn: 2,
    drawn_along: 3,
    drafted_under_two_guesses: 3,
    opened: 4,
    opened_and_played_at_once: 6,
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_replayed_pass_is_the_one_computed_launch_by_launch(
    world: World, kind: Callable[[WorldEngine], None]
) -> None:
    def play(paths: FastPaths | None) -> list[Tensor]:
        watched = Watched(world, paths)
        for name in ("a", "b"):
            watched.engine.open(name, start=0, seed=3)
        watched.plans.clear()
        kind(watched.engine)
        watched.finish()
        assert watched.most_waves == KINDS[kind]
        watched.engine.step(dict.fromkeys(watched.engine.session_ids, act(1)))  # meets their keys
        return watched.contexts()

    eager = play(EAGER)
    assert_same_bits(play(CAPTURED), eager)
    torch.testing.assert_close(eager, play(None), atol=1e-5, rtol=0)


def test_no_plan_of_a_server_is_met_for_the_first_time(world: World) -> None:
    captured = Watched(world, CAPTURED, max_sessions=3)
    num_captures = TapePool.num_captures
    walk(captured, num_turns=70)
    assert TapePool.num_captures == num_captures
    sizes = {tuple(Counter(p.slot for p in plan.placements).values()) for plan in captured.plans}
    assert len(sizes) > 15 and captured.most_waves > 3
    eager = Watched(world, EAGER, max_sessions=3)
    walk(eager, num_turns=70)
    assert_same_bits(captured.contexts(), eager.contexts())


def test_nothing_is_compiled_for_a_plan(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    compilations = []

    def count(graph: torch.fx.GraphModule, inputs: Sequence[object]) -> Callable[..., object]:
        compilations.append(graph)
        return graph.forward

    def compiled(half: Callable[..., object], *, mode: str) -> Callable[..., object]:
        return torch.compile(half, backend=count)

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
        WorldEngine(world, max_sessions=2, max_drafts=2, paths=CAPTURED)
    (line,) = caplog.records
    told = vars(line)
    assert line.getMessage() == "passes prepared"
    assert (told["num_shapes"], told["most_waves"], told["forms"]) == (9, 3, ("graphs",))
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
                play(engine, name, rng)
        engine.advance()
    watched.finish()


def play(engine: WorldEngine, name: str, rng: random.Random) -> None:
    session = engine._scheduler.session(name)
    action, num_steps = act(rng.randrange(2)), rng.randrange(1, 4)
    if session.due is not None:
        return
    if rng.random() < 0.5:
        is_there = engine.begin(name, action, num_steps=num_steps) is not None
        if not is_there and rng.random() < 0.5:
            engine.draft_jointly(name)
    elif len(session.drafts) < 2 and session.draft_of(action, num_steps) is None:
        engine.draft(name, action, num_steps=num_steps)


def assert_same_bits(one: list[Tensor], other: list[Tensor]) -> None:
    assert len(one) == len(other)
    assert all(torch.equal(mine, its) for mine, its in zip(one, other, strict=True))
