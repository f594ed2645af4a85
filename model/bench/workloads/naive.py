"""The naive form, as anybody would write it first: one session after another, no cache; every
denoise step computes the whole window anew under the block-causal mask, and each frame is decoded
alone. Knows neither engine nor scheduler.
"""

import time

import torch

from model.arithmetic.costs import decode_flop, pass_cost
from model.bench.workloads.worlds import opening
from model.engine.reference import ReferenceSession
from model.tokenizer.vae import uint8_from_pixels
from model.world import World


class NaivePlayers:
    """So many sessions that wait for each other."""

    def __init__(self, world: World, device: torch.device, *, num_sessions: int) -> None:
        self._sessions = [NaiveSession(world, device, seed=seed) for seed in range(num_sessions)]

    def frame_s(self) -> float:
        """Seconds until everybody has their next frame."""
        return sum(session.frame_s() for session in self._sessions)


class NaiveSession:
    """One session, its window full."""

    def __init__(self, world: World, device: torch.device, *, seed: int) -> None:
        self._world = world
        world.tokenizer.to(device)
        max_frames = world.spec.nfd.window - 1
        clip = opening(world, max_frames=max_frames)
        self._session = ReferenceSession(
            world, clip, range(len(clip)), seed=seed, max_frames=max_frames
        )
        self._action = (0.0,) * world.spec.nfd.action_size
        for _ in range(max_frames - len(clip) + 1):
            self.frame_s()

    @torch.inference_mode()
    def frame_s(self) -> float:
        """Seconds of its next frame."""
        started_s = time.perf_counter()
        num_steps = self._world.spec.sampler.default_steps
        latents_Chw = self._session.step(self._action, num_steps)
        uint8_from_pixels(self._world.tokenizer.decode(latents_Chw[None])).cpu().numpy()
        return time.perf_counter() - started_s


def naive_bound(world: World) -> float:
    """How many times as many operations a frame takes in the naive form, the decoder's included:
    what the cache could gain if all operations were equally quick. Company changes nothing here,
    since nobody's operations are shared."""
    spec = world.spec
    steps, window = spec.sampler.default_steps, spec.nfd.window
    row = pass_cost(spec.nfd, frames_seen=window).flop
    decoder = decode_flop(spec.vae, spec.height, spec.width)
    return round((steps * window * row + decoder) / ((steps + 1) * row + decoder), 2)
