"""What one form of the engine gains over another, in one run of a world, interleaved."""

from collections.abc import Callable, Mapping

import torch

from model.ar.decoding.order import blocks, diagonal, raster
from model.bench.interleaved import time_interleaved
from model.bench.workloads.bookkeeping import bookkeeping_ms
from model.bench.workloads.held_key import HeldKey
from model.bench.workloads.naive import NaivePlayers, naive_bound
from model.bench.workloads.training_pass import TrainingPass
from model.bench.workloads.worlds import drive, drive_baseline, random_baseline
from model.world import World

Variants = Mapping[str, Callable[[], float]]  # seconds by name

NUM_PLAYERS = 4
DIAGONAL_WINDOW = 1  # fewest turns

SAYS = {
    "cached_over_naive": "four sessions in one batch, against four without a cache in turn",
    "cached_over_naive_alone": "one session against one without a cache",
    "cached_over_naive_bound": "what both could be by counting operations, the decoder's included",
    "merged_over_separate": "a frame cached in the next one's pass, against a pass of its own",
    "ahead_hidden_share": "of a frame's time, when a key is held and frames are drawn ahead",
    "joint_over_alone": "two frames of a held key in the passes of one, against one by one",
    "nfd_over_ar_raster": "a frame against one drawn token by token",
    "nfd_over_ar_diagonal": "a frame against one drawn diagonal by diagonal",
    "nfd_over_ar_blocks": "a frame against one drawn row by row, each at once",
    "training_bf16_over_fp32": "a training pass in bf16 by groups of frames, against fp32 masked",
    "scheduler_ms_64": "milliseconds of Python for a frame of 64 sessions",
}


def measure_ratios(world: World, device: torch.device, *, rounds: int) -> Mapping[str, float]:
    """By the names of SAYS. Above 1 is in favour of what is named first there."""
    times = time_interleaved(
        {
            **with_and_without_cache(world, device),
            **_other_forms(world, device),
            **TrainingPass(world, device).forms(),
        },
        rounds=rounds,
    )
    return {
        "cached_over_naive": times.ratio("naive", "cached"),
        "cached_over_naive_alone": times.ratio("naive, alone", "cached, alone"),
        "cached_over_naive_bound": naive_bound(world),
        "merged_over_separate": times.ratio("separate", "cached, alone"),
        "ahead_hidden_share": round(1 - times.ratio("ahead", "cached, alone"), 4),
        "joint_over_alone": times.ratio("one by one", "jointly"),
        "nfd_over_ar_raster": times.ratio("raster", "cached, alone"),
        "nfd_over_ar_diagonal": times.ratio("diagonal", "cached, alone"),
        "nfd_over_ar_blocks": times.ratio("blocks", "cached, alone"),
        "training_bf16_over_fp32": times.ratio("training, fp32", "training, bf16"),
        "scheduler_ms_64": bookkeeping_ms(64),
    }


def with_and_without_cache(world: World, device: torch.device) -> Variants:
    """Each draws one frame for each of its sessions."""
    variants = {}
    for name, num_sessions in (("", NUM_PLAYERS), (", alone", 1)):
        naive = NaivePlayers(world, device, num_sessions=num_sessions)
        variants[f"naive{name}"] = naive.frame_s
        variants[f"cached{name}"] = drive(world, batch=num_sessions, device=device).frame_s
    return variants


def _other_forms(world: World, device: torch.device) -> Variants:
    """Of one session."""
    nfd, baseline = world.spec.nfd, random_baseline(world)
    grid = (nfd.grid_height, nfd.grid_width)
    orders = {
        "raster": raster(*grid),
        "diagonal": diagonal(*grid, DIAGONAL_WINDOW),
        "blocks": blocks(*grid, nfd.grid_width),
    }
    return {
        "separate": drive(world, batch=1, device=device, merge=False).frame_s,
        **{
            name: drive_baseline(baseline, order, batch=1, device=device).frame_s
            for name, order in orders.items()
        },
        "ahead": HeldKey(world, device).wait_s,
        "one by one": HeldKey(world, device, max_joint=1).alone_s,
        "jointly": HeldKey(world, device, max_joint=1).jointly_s,
    }
