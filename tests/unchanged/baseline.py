"""Frames of the token-autoregressive baseline: two sessions that share their passes."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from model import presets
from model.action_space import ActionSpace
from model.ar.decoding.order import diagonal
from model.ar.decoding.token_sampling import TopP
from model.ar.matched import matched_config
from model.ar.runner import ARRunner
from model.ar.transformer import ARTransformer
from model.ar.vocabulary import ActionVocabulary
from model.ar.world import ARWorld
from model.cache.frame_store import ContextClip
from model.context.sliding_window import SlidingWindow
from model.engine.scheduling.scheduler import Scheduler
from model.engine.types import FrameRequest
from model.tokenizer.fsq import FSQ, FSQConfig

WINDOW, NUM_GIVEN, LEVELS = 4, 3, (5, 4, 3)
SPACE = ActionSpace(
    buttons=("forward", "back", "act"), degrees_per_count=0.1, key_turn_deg=6.0,
    yaw_bins_deg=(-6.0, 0.0, 6.0),
)  # fmt: skip


def baseline_frames(num_frames: int) -> Iterator[NDArray[np.uint8]]:
    """Frames (H, W, 3) of both sessions in turn, tokens sampled."""
    world, order = _world(), diagonal(2, 2, 1)
    runner = ARRunner(
        world, order, TopP(), num_slots=2, pages_per_slot=WINDOW, device=torch.device("cpu")
    )
    scheduler = Scheduler(SlidingWindow(WINDOW - 1), max_sessions=2, batch_sizes=(1, 2, 3, 4))
    for number in range(2):
        slot = scheduler.open(str(number), number, range(NUM_GIVEN))
        runner.load(slot, _clip(world, number))
    for frame_idx in range(NUM_GIVEN, NUM_GIVEN + num_frames):
        for number in range(2):
            action = _action(number, frame_idx)
            scheduler.begin(str(number), FrameRequest(action=action, num_steps=order.num_turns))
        while scheduler.has_in_flight:
            plan = scheduler.plan_pass()
            assert plan is not None
            result = runner.run(plan)
            scheduler.commit(plan)
            yield from (image.rgb() for image in result.images)


def _world() -> ARWorld:
    preset, vocabulary = presets.debug(), ActionVocabulary.of(SPACE)
    config = matched_config(replace(preset.nfd, window=WINDOW), vocabulary, codebook_size=60)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformer = ARTransformer(config)
        for parameter in transformer.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        vae = replace(preset.vae, latent_channels=len(LEVELS))
        tokenizer = FSQ(FSQConfig(levels=LEVELS, convs=vae))
    return ARWorld(
        action_space=SPACE,
        vocabulary=vocabulary,
        tokenizer=tokenizer.eval().requires_grad_(False),
        transformer=transformer.eval().requires_grad_(False),
    )


def _clip(world: ARWorld, player: int) -> ContextClip:
    generator = torch.Generator().manual_seed(player)
    codes = torch.randint(60, (NUM_GIVEN, 2, 2), generator=generator)
    return ContextClip(
        latents_FChw=world.tokenizer.latents_of(codes),
        t_F=torch.zeros(NUM_GIVEN),
        actions_FA=torch.tensor([_action(player, idx) for idx in range(NUM_GIVEN)]),
    )


def _action(player: int, frame_idx: int) -> tuple[float, ...]:
    rng = np.random.default_rng((player, frame_idx))
    return SPACE.vector(int(rng.integers(8)), 0, int(rng.integers(-90, 90)), 0)
