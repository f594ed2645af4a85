"""The baseline behind the engine's door keeps the engine's promises."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model import presets
from model.action_space import ActionSpace
from model.ar.clip import ClipAttention, ClipLayout
from model.ar.decoding.order import diagonal
from model.ar.decoding.token_sampling import Greedy, TopP
from model.ar.matched import matched_config
from model.ar.runner import ARRunner
from model.ar.transformer import ARTransformer
from model.ar.vocabulary import ActionVocabulary
from model.ar.world import ARWorld
from model.cache.frame_store import ContextClip
from model.context.sliding_window import SlidingWindow
from model.engine.engine import PassEngine
from model.engine.rules import RequestRules
from model.engine.scheduling.scheduler import Scheduler
from model.engine.types import Frame, FrameRequest
from model.tokenizer.fsq import FSQ, FSQConfig

WINDOW, GIVEN = 4, 3
ORDER = diagonal(2, 2, 1)
CPU = torch.device("cpu")
SPACE = ActionSpace(
    buttons=("forward", "back", "act"), degrees_per_count=0.1, key_turn_deg=6.0,
    yaw_bins_deg=(-6.0, 0.0, 6.0),
)  # fmt: skip

Pictures = list[NDArray[np.uint8]]


@pytest.fixture(scope="module")
def world() -> ARWorld:
    torch.manual_seed(0)
    preset, levels = presets.debug(), (5, 4, 3)
    vocabulary = ActionVocabulary.of(SPACE)
    convs = replace(preset.vae, latent_channels=len(levels))
    nfd = replace(preset.nfd, window=WINDOW)
    transformer = ARTransformer(matched_config(nfd, vocabulary, codebook_size=60))
    for parameter in transformer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return ARWorld(
        action_space=SPACE,
        vocabulary=vocabulary,
        tokenizer=FSQ(FSQConfig(levels=levels, convs=convs)).eval().requires_grad_(False),
        transformer=transformer.eval().requires_grad_(False),
    )


def action(player: int, frame_idx: int) -> tuple[float, ...]:
    rng = np.random.default_rng((player, frame_idx))
    return SPACE.vector(int(rng.integers(8)), 0, int(rng.integers(-90, 90)), 0)


def opening(world: ARWorld, player: int) -> ContextClip:
    generator = torch.Generator().manual_seed(player)
    codes = torch.randint(60, (GIVEN, 2, 2), generator=generator)
    actions = torch.tensor([action(player, idx) for idx in range(GIVEN)])
    return ContextClip(
        latents_FChw=world.tokenizer.latents_of(codes), t_F=torch.zeros(GIVEN), actions_FA=actions
    )


class House:
    """Sessions of the baseline behind the engine that serves."""

    def __init__(self, world: ARWorld, *, sampled: bool = False, merge: bool = True) -> None:
        self.scheduler = Scheduler(
            SlidingWindow(WINDOW - 1), max_sessions=2, batch_sizes=(1, 2, 3, 4), merge=merge
        )
        sampler = TopP() if sampled else Greedy()
        runner = ARRunner(world, ORDER, sampler, num_slots=2, pages_per_slot=WINDOW, device=CPU)
        rules = RequestRules(
            action_size=world.action_space.size, num_steps=(ORDER.num_turns,), num_newest=WINDOW - 1
        )
        self.engine = PassEngine(self.scheduler, runner, rules)

    def open(self, name: str, seed: int, clip: ContextClip, first_idx: int = 0) -> None:
        self.engine.load(name, seed, tuple(range(first_idx, first_idx + len(clip))), clip)

    def step(self, players: Mapping[str, int]) -> Pictures:
        frames = {name: self.begin(name, player) for name, player in players.items()}
        while not all(frames.values()):
            frames |= {frame.session_id: frame for frame in self.engine.advance() or ()}
        return [frame.pixels for frame in frames.values() if frame]

    def begin(self, name: str, player: int) -> Frame | None:
        return self.engine.begin(name, self.next_request(name, player))

    def draft(self, name: str, player: int) -> None:
        """That player's next frame, wholly."""
        self.engine.draft(name, self.next_request(name, player))
        while self.engine.advance() is not None:
            pass

    def next_request(self, name: str, player: int) -> FrameRequest:
        frame_idx = self.scheduler.session(name).pages.next_frame_idx
        return FrameRequest(action=action(player, frame_idx), num_steps=ORDER.num_turns)


def play(house: House, players: Mapping[str, int], num_frames: int) -> list[Pictures]:
    return [house.step(players) for _ in range(num_frames)]


def same(first: Sequence[Pictures], again: Sequence[Pictures]) -> bool:
    return np.array_equal(np.array(first), np.array(again))


@pytest.mark.parametrize("merge", [True, False])
def test_frames_are_those_that_the_whole_sequence_gives(world: ARWorld, merge: bool) -> None:
    clip = opening(world, 1)
    house = House(world, merge=merge)
    house.open("a", 1, clip)
    play(house, {"a": 1}, 8)
    drawn = world.tokenizer.codes_of(house.engine.context("a")[1].latents_FChw).flatten(1)

    codes = torch.zeros(GIVEN + 8, 4, dtype=torch.int64)
    codes[:GIVEN] = world.tokenizer.codes_of(clip.latents_FChw).flatten(1)
    ids = [world.vocabulary.tokens(action(1, idx)) for idx in range(GIVEN + 8)]
    actions = torch.tensor(ids) + 60
    config = world.transformer.config
    for number in range(GIVEN, len(codes)):
        layout = ClipLayout.build(config, ORDER, number + 1, CPU)
        for turn in ORDER.turns():
            fed = layout.ids(codes[None, : number + 1], actions[None, : number + 1])
            hidden = world.transformer(fed, layout.positions_1S, ClipAttention(layout))
            cells = list(turn.drawn)
            logits = world.transformer.logits(hidden[:, layout.sources_FP[number, cells]])
            codes[number, cells] = logits[0].argmax(-1)
    assert torch.equal(drawn, codes[-3:])


def test_a_session_sees_nothing_of_a_stranger(world: ARWorld) -> None:
    alone, shared = House(world, sampled=True), House(world, sampled=True)
    alone.open("a", 1, opening(world, 1))
    shared.open("stranger", 2, opening(world, 2))
    play(shared, {"stranger": 2}, 3)
    shared.open("a", 1, opening(world, 1))
    together = play(shared, {"stranger": 2, "a": 1}, 6)
    assert same([[frame[1]] for frame in together], play(alone, {"a": 1}, 6))


def test_a_world_goes_on_from_its_context(world: ARWorld) -> None:
    first, second = House(world, sampled=True), House(world, sampled=True)
    first.open("a", 1, opening(world, 1))
    play(first, {"a": 1}, 5)
    idxs, context = first.engine.context("a")
    second.open("a", 1, context, first_idx=min(idxs))
    _, again = second.engine.context("a")
    assert torch.equal(again.latents_FChw, context.latents_FChw)
    assert torch.equal(again.actions_FA, context.actions_FA)


def test_what_is_drawn_depends_on_the_actions(world: ARWorld) -> None:
    first, other = House(world), House(world)
    for house in (first, other):
        house.open("a", 1, opening(world, 1))
    assert not same(play(first, {"a": 1}, 4), play(other, {"a": 5}, 4))


def test_a_right_draft_is_the_very_frame_and_a_wrong_one_leaves_no_trace(world: ARWorld) -> None:
    plain, drafted = House(world, sampled=True), House(world, sampled=True)
    for house in (plain, drafted):
        house.open("a", 1, opening(world, 1))
    expected = play(plain, {"a": 1}, 6)
    frames = []
    for guess in (1, 1, 5, 1, 5, 5):  # whose next action is drafted
        drafted.draft("a", guess)
        frames.append(drafted.step({"a": 1}))
    assert same(frames, expected)
