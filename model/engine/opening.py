"""How a session begins: a real opening clip, made into context.

Shape letters: F frames, C h w latent channels, rows, columns.
"""

from collections.abc import Sequence

import torch

from model.cache.frame_store import ContextClip
from model.context.policy import ContextPolicy
from model.sampling.noise import CONTEXT_STEP, draw_noise
from model.sampling.trigflow import diffuse
from model.world import Start


def opening_frame_idxs(start: Start, max_frames: int) -> tuple[int, ...]:
    """Indices of the clip's newest frames, as many as a context holds. A clip starts at 0."""
    num_frames = len(start.latents_FChw)
    return tuple(range(max(0, num_frames - max_frames), num_frames))


def frames_kept(policy: ContextPolicy, frame_idxs: Sequence[int]) -> list[int]:
    """Numbers of those of a scene's frames (ascending) that the next frame is to see."""
    first, next_idx = frame_idxs[0], frame_idxs[-1] + 1
    kept = policy.keep(next_idx - first)
    return [number for number, idx in enumerate(frame_idxs) if idx - first in kept]


def opening_clip(
    start: Start, frame_idxs: tuple[int, ...], *, seed: int, context_t: float, jump: int = 0
) -> ContextClip:
    """These frames of the clip as a context holds them: with the noise of any finished frame. In
    the session they come `jump` frames later."""
    latents_FChw = start.latents_FChw[list(frame_idxs)]
    shape = latents_FChw.shape[1:]
    noise_FChw = torch.stack(
        [
            draw_noise(shape, seed=seed, frame_idx=frame_idx + jump, denoise_step=CONTEXT_STEP)
            for frame_idx in frame_idxs
        ]
    )
    t_F = torch.full((len(frame_idxs),), context_t)
    return ContextClip(
        latents_FChw=diffuse(latents_FChw, noise_FChw, t_F),
        t_F=t_F,
        actions_FA=start.actions_FA[list(frame_idxs)],
    )
