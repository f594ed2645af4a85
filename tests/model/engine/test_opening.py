"""A session begins with a real clip, made into context like any finished frame."""

import torch

from model.engine.prefill import opening_clip, opening_frame_idxs
from model.sampling.noise import CONTEXT_STEP, draw_noise
from model.sampling.trigflow import diffuse
from model.world import World

SHORT, LONG = 0, 1  # 2 and 7 frames


def test_the_newest_frames_of_a_clip_open_it(world: World) -> None:
    assert opening_frame_idxs(world.starts[SHORT], 4) == (0, 1)
    assert opening_frame_idxs(world.starts[LONG], 4) == (3, 4, 5, 6)


def test_opening_frames_carry_the_noise_and_label_of_the_context(world: World) -> None:
    start = world.starts[LONG]
    clip = opening_clip(start, (5, 6), seed=3, context_t=0.1)
    noise = draw_noise((8, 2, 2), seed=3, frame_idx=6, denoise_step=CONTEXT_STEP)
    wanted = diffuse(start.latents_FChw[6], noise, torch.tensor(0.1))
    torch.testing.assert_close(clip.latents_FChw[1], wanted)
    torch.testing.assert_close(clip.t_F, torch.full((2,), 0.1))
    assert torch.equal(clip.actions_FA, start.actions_FA[5:])
