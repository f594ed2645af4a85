"""What one form of the engine gains over another, in one run of a world: entrants take turns.

The naive form, stated: one session after another, no cache; every denoise step recomputes the whole
window under the block-causal mask; each frame is decoded alone. It draws the same kind of frame and
needs no pass to remember it, so by arithmetic the cache gains at most
steps * window / (steps + 1), and less by what both spend on the decoder.
"""

import time
from collections.abc import Mapping

import torch

from model.ar.decoding.order import diagonal, raster
from model.bench.bookkeeping import bookkeeping_ms
from model.bench.contest import contest
from model.bench.held_key import HeldKey
from model.bench.subjects import drive, drive_baseline, opening, random_baseline, widened
from model.engine.reference import ReferenceSession
from model.tokenizer.vae import uint8_from_pixels
from model.world import World

PAPER_WINDOW = 32
DIAGONAL_WINDOW = 1  # fewest turns: the baseline at its fastest


def measure_ratios(world: World, device: torch.device, *, rounds: int) -> Mapping[str, float]:
    """Above 1 is in favour of what is named first; shares and `_ms` are what they say."""
    nfd, baseline = world.spec.nfd, random_baseline(world)
    grid = (nfd.grid_height, nfd.grid_width)
    cached, separate = (
        drive(world, batch=1, device=device, merge=merge) for merge in (True, False)
    )
    token_by_token, in_diagonals = (
        drive_baseline(baseline, order, batch=1, device=device)
        for order in (raster(*grid), diagonal(*grid, DIAGONAL_WINDOW))
    )
    times = contest(
        {
            "cached": cached.frame_s,
            "separate": separate.frame_s,
            "naive": NaiveSession(world, device).frame_s,
            "raster": token_by_token.frame_s,
            "diagonal": in_diagonals.frame_s,
            "ahead": HeldKey(world, device).wait_s,
            "alone": HeldKey(world, device, max_joint=1).alone_s,
            "jointly": HeldKey(world, device, max_joint=1).jointly_s,
        },
        rounds=rounds,
    )
    return {
        "cached_over_naive": times.ratio("naive", "cached"),
        "cached_over_naive_bound": _bound(world),
        **_with_the_papers_window(world, device, rounds=max(1, rounds // 4)),
        "merged_over_separate": times.ratio("separate", "cached"),
        "ahead_hidden_share": round(1 - times.ratio("ahead", "cached"), 4),
        "joint_over_alone": times.ratio("alone", "jointly"),
        "nfd_over_ar_raster": times.ratio("raster", "cached"),
        "nfd_over_ar_diagonal": times.ratio("diagonal", "cached"),
        "scheduler_ms_64": bookkeeping_ms(64),
    }


def _with_the_papers_window(
    world: World, device: torch.device, *, rounds: int
) -> Mapping[str, float]:
    """The same networks with a context as long as the paper's; its frames mean nothing."""
    longer = widened(world, window=PAPER_WINDOW)
    times = contest(
        {
            "cached": drive(longer, batch=1, device=device).frame_s,
            "naive": NaiveSession(longer, device).frame_s,
        },
        rounds=rounds,
    )
    return {
        f"cached_over_naive_{PAPER_WINDOW}": times.ratio("naive", "cached"),
        f"cached_over_naive_{PAPER_WINDOW}_bound": _bound(longer),
    }


def _bound(world: World) -> float:
    steps = world.spec.sampler.default_steps
    return round(steps * world.spec.nfd.window / (steps + 1), 3)


class NaiveSession:
    """One session without a cache, its window full."""

    def __init__(self, world: World, device: torch.device) -> None:
        self._world = world
        world.tokenizer.to(device)
        max_frames = world.spec.nfd.window - 1
        clip = opening(world, max_frames=max_frames)
        self._session = ReferenceSession(
            world, clip, range(len(clip)), seed=0, max_frames=max_frames
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
