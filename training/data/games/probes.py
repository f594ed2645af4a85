"""Probes: moments of held-out play after which one key is held, with the frames that the game then
shows.

One play is recorded once per plan with different ends, so all answers of the game start from the
same frame. Knows no network.
"""

import multiprocessing
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training.data.recorder import HeldInput, Recorder
from training.data.recording import Recording, load_recordings

PROBE_FRAMES = 18  # one second
REPLAY = "replay"  # the player's own next actions
_MIN_RECORDING, _MAX_RECORDING = 60, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """`context`: recorded play. `answers[plan]`: the PROBE_FRAMES recorded frames after the
    context, with their actions."""

    context: Recording
    answers: Mapping[str, Recording]


def plans(key_turn_deg: float) -> dict[str, HeldInput]:
    """The input that each plan holds for the whole probe."""
    return {
        "left": HeldInput(yaw_deg=-key_turn_deg),
        "right": HeldInput(yaw_deg=key_turn_deg),
        "forward": HeldInput(frozenset({"forward"})),
        "back": HeldInput(frozenset({"back"})),
        "idle": HeldInput(),
        "act": HeldInput(frozenset({"act"})),
    }


def record_probes(
    recorder: Recorder,
    folder: Path,
    *,
    count: int,
    key_turn_deg: float,
    context_frames: int,
    least_walk: float,
    seed: int,
    processes: int,
) -> list[Probe]:
    """`count` probes with `least_walk` map units of free way ahead; equal seeds give equal probes
    for any context length. Stored in `folder`; recorded anew where the folder holds fewer probes or
    shorter contexts."""
    if not _reach_back(folder / f"{count - 1:03d}" / REPLAY, context_frames):
        shoot = partial(
            recorded_answers,
            recorder,
            plans(key_turn_deg),
            least_walk=least_walk,
            context_frames=context_frames,
        )
        _record_all(shoot, folder, count=count, seed=seed, processes=processes)
    return [_load(folder / f"{i:03d}", context_frames) for i in range(count)]


def _record_all(
    shoot: Callable[[int], dict[str, Recording] | None],
    folder: Path,
    *,
    count: int,
    seed: int,
    processes: int,
) -> None:
    """One numbered folder a probe. Whoever finds the last one's replay finds all of them."""
    if folder.exists():
        shutil.rmtree(folder)
    found = 0
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(processes, mp_context=context) as pool,
        tqdm(total=count, desc="probes", unit="probe") as bar,
    ):
        while found < count:
            seeds = range(seed, seed + 2 * processes)
            seed = seeds.stop
            for recordings in pool.map(shoot, seeds):
                if recordings is not None and found < count:
                    for plan, recording in recordings.items():
                        recording.save(folder / f"{found:03d}" / plan)
                    found += 1
                    bar.update()


def recorded_answers(
    recorder: Recorder,
    inputs: Mapping[str, HeldInput],
    seed: int,
    *,
    least_walk: float,
    context_frames: int,
) -> dict[str, Recording] | None:
    """The recordings of one seed, each with `context_frames` of play and PROBE_FRAMES of answer;
    the replay comes last. None for a blocked way."""
    drawn = int(np.random.default_rng(seed).integers(_MIN_RECORDING, _MAX_RECORDING))
    length = max(drawn, context_frames)

    def recording(plan: str) -> Recording:
        return recorder.record(num_frames=length, seed=seed, then=[inputs[plan]] * PROBE_FRAMES)

    forward = recording("forward")
    walked = forward.poses[length + 11, :2] - forward.poses[length - 1, :2]
    if np.hypot(*walked) < least_walk or forward.cuts[1:].any():
        return None
    recordings = {plan: forward if plan == "forward" else recording(plan) for plan in inputs}
    recordings[REPLAY] = recorder.record(num_frames=length + PROBE_FRAMES, seed=seed)
    first = length - context_frames
    return {
        plan: recording.part(first, len(recording.frames)) for plan, recording in recordings.items()
    }


def _reach_back(replay: Path, context_frames: int) -> bool:
    """Whether the film is there, whole and long enough."""
    cuts = replay / "cuts.npy"
    return cuts.exists() and len(Recording.load(replay).frames) >= context_frames + PROBE_FRAMES


def _load(folder: Path, context_frames: int) -> Probe:
    names = sorted(path.name for path in folder.iterdir())
    recordings = dict(zip(names, load_recordings(folder), strict=True))
    answers = {
        plan: recording.part(-PROBE_FRAMES, len(recording.frames))
        for plan, recording in recordings.items()
    }
    context = recordings[REPLAY].part(-PROBE_FRAMES - context_frames, -PROBE_FRAMES)
    return Probe(context=context, answers=answers)


def frames_of(probe: Probe, plan: str) -> NDArray[np.uint8]:
    """The last frame of the context, then the real answer: (1 + PROBE_FRAMES, H, W, 3)."""
    return np.concatenate((probe.context.frames[-1:], probe.answers[plan].frames))
