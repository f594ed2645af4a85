"""A shortened context: a frame may attend to fewer frames than are kept, and all stay kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from model.cache.frame_store import ContextClip
from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.engine.prefill import opening_clip, opening_frame_idxs
from model.engine.types import ActionVector, Frame
from model.engine.world_engine import WorldEngine
from model.fast import FastPaths, runner_of
from model.nfd.transformer import NFDTransformer
from model.world import World
from tests.model.engine.test_context import SinkReference

Log = Callable[[int, int], list[ActionVector]]
NUM_FRAMES = 13
SHORT_START, LONG_START = 0, 1  # two frames, more than a context
LENGTHS = (None, 2, 1, 1, None, None, 1, 2, 2, 2, 2, None, 1)
WINDOW, SINKS = SlidingWindow(4), SinkWindow(num_sinks=2, window=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetful:
    """A policy whose frames have context lengths of their own, by frame."""

    policy: ContextPolicy
    lengths: dict[int, int | None]

    @property
    def max_frames(self) -> int:
        return self.policy.max_frames

    @property
    def num_sinks(self) -> int:
        return self.policy.num_sinks

    def keep(self, num_frames: int) -> tuple[int, ...]:
        kept, sinks = self.policy.keep(num_frames), self.policy.num_sinks
        return (*kept[:sinks], *kept[sinks:][-(self.lengths.get(num_frames) or len(kept)) :])


def opening(world: World, policy: ContextPolicy) -> tuple[ContextClip, tuple[int, ...]]:
    """The long start as a session has it, and its frames."""
    start = world.starts[LONG_START]
    frame_idxs = opening_frame_idxs(start, policy.max_frames)
    context_t = world.spec.sampler.context_t
    return opening_clip(start, frame_idxs, seed=5, context_t=context_t), frame_idxs


def newest(engine: WorldEngine, session_id: str = "a") -> Tensor:
    return engine.snapshot(session_id).context.latents_FChw[-1]


def films(
    engine: WorldEngine, actions: Sequence[ActionVector], lengths: Sequence[int | None], start: int
) -> list[Tensor]:
    engine.open("a", start=start, seed=5)
    latents = []
    for action, context_length in zip(actions, lengths, strict=True):
        engine.step({"a": action}, context_length=context_length)
        engine.check_integrity()
        latents.append(newest(engine))
    return latents


@pytest.mark.parametrize(
    ("policy", "merge"), [(WINDOW, True), (WINDOW, False), (SINKS, True)],
    ids=["window", "window-separate", "sinks"],
)  # fmt: skip
def test_every_frame_sees_its_own_context_length_and_is_cached_with_it(
    any_world: World, action_log: Log, policy: ContextPolicy, merge: bool
) -> None:
    """Against no cache at all: after climbing, everything that is kept is seen again."""
    clip, frame_idxs = opening(any_world, policy)
    truth = SinkReference(any_world, clip, frame_idxs, seed=5)
    lengths = dict(enumerate(LENGTHS, start=len(clip)))
    truth.policy = Forgetful(policy=policy, lengths=lengths)
    engine, actions = WorldEngine(any_world, policy=policy, merge=merge), action_log(0, NUM_FRAMES)
    for action, drawn_Chw in zip(actions, films(engine, actions, LENGTHS, LONG_START), strict=True):
        truth.step(action, 2)
        wanted_Chw = truth.context.latents_FChw[-1]
        torch.testing.assert_close(drawn_Chw, wanted_Chw, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("policy", "context_length", "shorter"),
    [(WINDOW, 2, SlidingWindow(2)), (SINKS, 1, SinkWindow(num_sinks=2, window=1))],
    ids=["window", "sinks"],
)
def test_short_from_the_start_is_a_policy_that_keeps_no_more(
    any_world: World,
    action_log: Log,
    policy: ContextPolicy,
    context_length: int,
    shorter: ContextPolicy,
) -> None:
    actions = action_log(0, NUM_FRAMES)
    short = films(
        WorldEngine(any_world, policy=policy), actions, [context_length] * NUM_FRAMES, SHORT_START
    )
    wanted = films(
        WorldEngine(any_world, policy=shorter), actions, [None] * NUM_FRAMES, SHORT_START
    )
    torch.testing.assert_close(torch.stack(short), torch.stack(wanted), atol=1e-5, rtol=1e-5)


def test_joint_frames_see_what_the_frame_they_go_with_sees(world: World, action_log: Log) -> None:
    drawn = []
    for policy, context_length in ((SlidingWindow(3), 2), (SlidingWindow(2), None)):
        engine = WorldEngine(world, policy=policy, max_joint=1)
        engine.open("a", start=SHORT_START, seed=5)
        for action in (action for action in action_log(0, 6) for _ in range(2)):
            if engine.begin("a", engine.request(action, context_length=context_length)) is None:
                assert engine.draft_jointly("a") == 1
                while engine.has_in_flight:
                    engine.advance()
            engine.check_integrity()
            drawn.append(newest(engine))
        assert engine.speculation.joint.accepted == 6
    short, wanted = torch.stack(drawn).chunk(2)
    torch.testing.assert_close(short, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("policy", [WINDOW, SINKS], ids=["window", "sinks"])
def test_after_climbing_it_is_as_if_it_had_never_been_short(
    world: World, action_log: Log, policy: ContextPolicy
) -> None:
    """In one layer keys know nothing of what their frame saw, so latents say it all."""
    shallow = with_one_layer(world)
    engine = WorldEngine(shallow, policy=policy)
    *actions, last = action_log(0, NUM_FRAMES)
    drawn = films(engine, actions, [1] * len(actions), LONG_START)
    clip, frame_idxs = opening(shallow, policy)
    everything = ContextClip(
        latents_FChw=torch.cat((clip.latents_FChw, torch.stack(drawn))),
        t_F=torch.cat((clip.t_F, clip.t_F[:1].expand(len(drawn)))),
        actions_FA=torch.cat((clip.actions_FA, torch.tensor(actions))),
    )
    all_idxs = range(frame_idxs[0], frame_idxs[0] + len(everything))
    never_short = SinkReference(shallow, everything, all_idxs, seed=5)
    never_short.policy = policy
    never_short.step(last, 2)
    engine.step({"a": last})
    wanted_Chw = never_short.context.latents_FChw[-1]
    torch.testing.assert_close(newest(engine), wanted_Chw, atol=1e-5, rtol=1e-5)


def test_sessions_of_different_context_lengths_share_passes_and_nothing_else(
    any_world: World, action_log: Log
) -> None:
    """Bitwise at equal shapes."""
    lengths: dict[str, int | None] = {"a": None, "b": 1, "c": 2}
    together = WorldEngine(any_world, batch_sizes=(8,))
    alone = {name: WorldEngine(any_world, batch_sizes=(8,)) for name in lengths}
    for name in lengths:
        together.open(name, start=LONG_START, seed=5)
        alone[name].open(name, start=LONG_START, seed=5)
    for action in action_log(0, 7):
        for name, context_length in lengths.items():
            together.begin(name, together.request(action, context_length=context_length))
        frames: list[Frame] = []
        while together.has_in_flight:
            frames += together.advance() or ()
        pictures = {frame.session_id: frame.pixels for frame in frames}
        for name, context_length in lengths.items():
            (wanted,) = alone[name].step({name: action}, context_length=context_length)
            assert np.array_equal(pictures[name], wanted.pixels)
            assert torch.equal(newest(together, name), newest(alone[name], name))


def test_no_less_than_is_kept_is_the_plain_frame(world: World, action_log: Log) -> None:
    actions = action_log(0, NUM_FRAMES)
    plain = films(WorldEngine(world), actions, [None] * NUM_FRAMES, LONG_START)
    for context_length in (4, 100):
        asked = films(WorldEngine(world), actions, [context_length] * NUM_FRAMES, LONG_START)
        assert torch.equal(torch.stack(asked), torch.stack(plain))


@pytest.mark.parametrize("lengths", [(1, None), (None, 1), (1, 2)])
def test_a_draft_of_another_context_length_is_another_frame(
    world: World, action_log: Log, lengths: tuple[int | None, int | None]
) -> None:
    engine, plain = WorldEngine(world, batch_sizes=(4,)), WorldEngine(world, batch_sizes=(4,))
    drafted, wanted = lengths
    action = action_log(0, 1)[0]
    for one in (engine, plain):
        one.open("a", start=LONG_START, seed=5)
    engine.draft("a", engine.request(action, context_length=drafted))
    while engine.advance() is not None:
        pass
    assert engine.begin("a", engine.request(action, context_length=wanted)) is None
    while engine.has_in_flight:
        engine.advance()
    plain.step({"a": action}, context_length=wanted)
    assert torch.equal(newest(engine), newest(plain))
    assert engine.speculation.exact.discarded == 1


class ShortenedReference(SinkReference):
    """No cache; a frame has a shortened context from one of its denoise steps on."""

    def shorten(self, context_length: int, *, after_steps: int) -> None:
        """The next frame."""
        self._left, self._length = after_steps, context_length

    def _predict(self, clip: ContextClip) -> Tensor:
        assert isinstance(self.policy, Forgetful)
        if self._left == 0:
            self.policy.lengths[len(clip) - 1] = self._length
        self._left -= 1
        return super()._predict(clip)


def finish_shortened(
    engine: WorldEngine, session_id: str, *, context_length: int, after_steps: int
) -> None:
    """Draws the frame that was begun, shortened after so many of its denoise steps."""
    num_steps = engine.steps_left(session_id)
    while (num_left := engine.steps_left(session_id)) > 0:
        if num_left == num_steps - after_steps:
            engine.shorten_context(session_id, context_length=context_length)
        engine.advance()
        engine.check_integrity()


@pytest.mark.parametrize(
    ("policy", "merge"), [(WINDOW, True), (WINDOW, False), (SINKS, True)],
    ids=["window", "window-separate", "sinks"],
)  # fmt: skip
def test_a_shortened_frame_sees_less_from_there_on(
    any_world: World, action_log: Log, policy: ContextPolicy, merge: bool
) -> None:
    """Against no cache at all."""
    clip, frame_idxs = opening(any_world, policy)
    truth = ShortenedReference(any_world, clip, frame_idxs, seed=5)
    truth.policy = Forgetful(policy=policy, lengths={})
    engine = WorldEngine(any_world, policy=policy, merge=merge)
    engine.open("a", start=LONG_START, seed=5)
    for number, action in enumerate(action_log(0, NUM_FRAMES)):
        after_steps = number % 4  # of three: every fourth frame is not shortened
        truth.shorten(1, after_steps=after_steps)
        truth.step(action, 3)
        engine.begin("a", engine.request(action, num_steps=3))
        finish_shortened(engine, "a", context_length=1, after_steps=after_steps)
        wanted_Chw = truth.context.latents_FChw[-1]
        torch.testing.assert_close(newest(engine), wanted_Chw, atol=1e-5, rtol=1e-5)


def test_shortening_changes_nobody_elses_frame(any_world: World, action_log: Log) -> None:
    """Bitwise at equal shapes."""
    together, alone = (WorldEngine(any_world, batch_sizes=(4,)) for _ in range(2))
    for engine, names in ((together, "ab"), (alone, "b")):
        for name in names:
            engine.open(name, start=LONG_START, seed=5)
    for action in action_log(0, 5):
        for name in "ab":
            together.begin(name, together.request(action))
        finish_shortened(together, "a", context_length=1, after_steps=1)
        alone.step({"b": action})
        assert torch.equal(newest(together, "b"), newest(alone, "b"))
        assert not torch.equal(newest(together, "a"), newest(alone, "b"))


def test_a_draft_that_was_taken_up_can_be_shortened(world: World, action_log: Log) -> None:
    drafted, plain = (WorldEngine(world, batch_sizes=(4,)) for _ in range(2))
    action = action_log(0, 1)[0]
    for engine in (drafted, plain):
        engine.open("a", start=LONG_START, seed=5)
    drafted.draft("a", drafted.request(action))
    drafted.advance()
    for engine, after_steps in ((drafted, 0), (plain, 1)):
        engine.begin("a", engine.request(action))
        finish_shortened(engine, "a", context_length=1, after_steps=after_steps)
    assert torch.equal(newest(drafted), newest(plain))


def test_a_shortened_frame_gives_up_what_was_drawn_along(world: World, action_log: Log) -> None:
    engine, plain = (
        WorldEngine(world, policy=SlidingWindow(3), max_joint=1, batch_sizes=(4,)) for _ in range(2)
    )
    action = action_log(0, 1)[0]
    for one in (engine, plain):
        one.open("a", start=LONG_START, seed=5)
        one.begin("a", one.request(action))
    engine.draft_jointly("a")
    for one in (engine, plain):
        finish_shortened(one, "a", context_length=1, after_steps=1)
    assert torch.equal(newest(engine), newest(plain))
    assert engine.begin("a", engine.request(action)) is None
    assert engine.speculation.joint.discarded == 1


def test_a_frame_that_sees_no_more_is_not_changed(world: World, action_log: Log) -> None:
    engine, plain = (WorldEngine(world) for _ in range(2))
    action = action_log(0, 1)[0]
    for one in (engine, plain):
        one.open("a", start=LONG_START, seed=5)
    for context_length, asked in ((1, 2), (2, 2), (None, 100)):
        engine.begin("a", engine.request(action, context_length=context_length))
        assert not engine.shorten_context("a", context_length=asked)
        finish_shortened(engine, "a", context_length=asked, after_steps=1)
        plain.step({"a": action}, context_length=context_length)
        assert torch.equal(newest(engine), newest(plain))


def test_only_what_somebody_waits_for_can_be_shortened(world: World) -> None:
    engine = WorldEngine(world)
    with pytest.raises(KeyError):
        engine.steps_left("a")
    for context_length in (1, 100):
        with pytest.raises(KeyError):
            engine.shorten_context("a", context_length=context_length)
    engine.open("a", seed=5)
    assert engine.steps_left("a") == 0
    for context_length in (1, 100):
        with pytest.raises(RuntimeError, match="no frame in flight"):
            engine.shorten_context("a", context_length=context_length)
    with pytest.raises(ValueError, match="at least 1 frame"):
        engine.shorten_context("a", context_length=0)


def test_what_cannot_be_is_refused(world: World, action_log: Log) -> None:
    action = action_log(0, 1)[0]
    plain, fast = WorldEngine(world), WorldEngine(world, make_runner=runner_of(FastPaths()))
    assert plain.can_shorten_context and not fast.can_shorten_context
    for engine, context_length, reason in (
        (plain, 0, "at least 1 frame"),
        (fast, 2, "not supported"),
    ):
        engine.open("a", seed=5)
        with pytest.raises(ValueError, match=reason):
            engine.begin("a", engine.request(action, context_length=context_length))
        assert not engine.has_in_flight


def with_one_layer(world: World) -> World:
    nfd = replace(world.spec.nfd, num_layers=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformer = NFDTransformer(nfd)
        for parameter in transformer.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    spec = replace(world.spec, nfd=nfd)
    return replace(world, spec=spec, transformer=transformer.eval().requires_grad_(False))
