"""The context that a session begins with, or goes on from: pure functions.

Shape letters: F frames, C h w latent channels, rows, columns.
"""

from collections.abc import Sequence

import torch

from model.cache.frame_store import ContextClip
from model.context.policy import ContextPolicy
from model.sampling.noise import CONTEXT_STEP, draw_noise
from model.sampling.trigflow import diffuse
from model.snapshot import WorldSnapshot
from model.world import Start, World

Context = tuple[tuple[int, ...], ContextClip]  # indices of the frames, and the frames


def opening_context(
    world: World, policy: ContextPolicy, start: int, *, seed: int, jump: int = 0
) -> Context:
    """The newest frames of a start clip, `jump` frames later than in the clip. Raises ValueError
    for a start that the world does not have."""
    if not 0 <= start < len(world.starts):
        raise ValueError(f"start must be below {len(world.starts)}, got {start}")
    opening = world.starts[start]
    frame_idxs = opening_frame_idxs(opening, policy.max_frames)
    context_t = world.spec.sampler.context_t
    clip = opening_clip(opening, frame_idxs, seed=seed, context_t=context_t, jump=jump)
    return tuple(frame_idx + jump for frame_idx in frame_idxs), clip


def restored_context(policy: ContextPolicy, snapshot: WorldSnapshot) -> Context:
    """The snapshot's frames, without frames that the policy would not keep."""
    kept = frames_kept(policy, snapshot.frame_idxs)
    return tuple(snapshot.frame_idxs[number] for number in kept), snapshot.context.pick(kept)


def flushed_frames(num_frames: int, *, num_sinks: int, keep: int) -> list[int]:
    """Which of a context's frames a flush keeps: the sinks and the newest `keep`."""
    return [*range(num_sinks), *range(max(num_sinks, num_frames - keep), num_frames)]


def opening_frame_idxs(start: Start, max_frames: int) -> tuple[int, ...]:
    """Indices of the clip's newest frames, as many as a context holds. A clip starts at 0."""
    num_frames = len(start.latents_FChw)
    return tuple(range(max(0, num_frames - max_frames), num_frames))


def frames_kept(policy: ContextPolicy, frame_idxs: Sequence[int]) -> list[int]:
    """Which of a scene's frames (ascending indices) the next frame is to attend to."""
    first, next_idx = frame_idxs[0], frame_idxs[-1] + 1
    kept = policy.keep(next_idx - first)
    return [number for number, idx in enumerate(frame_idxs) if idx - first in kept]


def opening_clip(
    start: Start, frame_idxs: tuple[int, ...], *, seed: int, context_t: float, jump: int = 0
) -> ContextClip:
    """The given frames of the clip as a context holds frames: with context noise. In the session
    the frames come `jump` frames later."""
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
