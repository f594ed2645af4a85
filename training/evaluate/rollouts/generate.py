"""Rollouts through the serving path: the engine, the cache and the sampler of a served world.

Shape letters: F context frames, T generated frames, A action size.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from model.engine.types import ActionVector, Frame
from model.engine.world_engine import WorldEngine
from model.place.state import StateModel
from model.tokenizer.protocol import Tokenizer
from model.tokenizer.vae import pixels_from_uint8, uint8_from_pixels
from model.world import Start, World
from training.data.recording import Recording
from training.data.states import states_of

_SESSIONS = 4
_BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRequest:
    """One rollout to generate: recorded frames as context, then one action (A,) per frame."""

    context: Recording
    actions_TA: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedRollout:
    """Generated frames (T, H, W, 3), a mask (T,) of the frames generated jointly with the previous
    frame, and seconds per frame in the engine."""

    frames: NDArray[np.uint8]
    is_joint: NDArray[np.bool_]
    frame_s: NDArray[np.float64]


def generate(
    world: World,
    requests: Sequence[RolloutRequest],
    *,
    num_steps: int,
    title: str,
    seed: int = 0,
    num_joint: int = 0,
) -> list[GeneratedRollout]:
    """Generates every request in its own session, under a progress bar with `title`. All requests
    have one length. With `num_joint`, the engine generates `num_joint` further frames jointly with
    each frame, and shows the further frames while the action stays the same.

    Each core runs its own engine with one thread, because several threads on the small matrices of
    one engine mostly wait.
    """
    total = sum(len(request.actions_TA) for request in requests)
    groups = [requests[first : first + _SESSIONS] for first in range(0, len(requests), _SESSIONS)]
    threads = torch.get_num_threads()
    with (
        tqdm(total=total, desc=title, unit="frame", mininterval=1) as bar,
        ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        done = pool.map(
            lambda group: _generate_together(world, group, num_steps, seed, num_joint, bar), groups
        )
        rollouts = [generated for group in done for generated in group]
    torch.set_num_threads(threads)  # a worker's call counts for the whole process in part
    return rollouts


def with_context_length(world: World, num_frames: int) -> World:
    """The world with frames that attend to `num_frames` past frames, as a lower quality level
    serves a session from the first frame to the last. Raises ValueError for less than 2 frames (a
    joint frame takes one) and for the world's own context length or more."""
    nfd = world.spec.nfd
    if not 2 <= num_frames < nfd.window - 1:
        raise ValueError(
            f"a memory of 2 to {nfd.window - 2} frames expected, since {world.spec.name} sees "
            f"{nfd.window - 1}, got {num_frames}"
        )
    return replace(world, spec=replace(world.spec, nfd=replace(nfd, window=num_frames + 1)))


def start_clip(
    tokenizer: Tokenizer, recording: Recording, *, name: str, state_model: StateModel | None = None
) -> Start:
    """Recorded play as an opening clip, with the player's states in a world with a place."""
    conditions = np.array(recording.actions, np.float32)
    if state_model is not None:
        conditions = np.concatenate((conditions, states_of(recording, state_model)), axis=1)
    return Start(
        name=name,
        latents_FChw=encode_frames(tokenizer, recording.frames),
        actions_FA=torch.from_numpy(conditions),
    )


@torch.no_grad()
def encode_frames(tokenizer: Tokenizer, frames: NDArray[np.uint8]) -> torch.Tensor:
    pixels = pixels_from_uint8(torch.from_numpy(np.array(frames)))
    return torch.cat([tokenizer.encode(part) for part in torch.split(pixels, _BATCH)]).contiguous()


@torch.no_grad()
def reconstruct(tokenizer: Tokenizer, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames through the tokenizer and back: the upper bound of the quality of a rollout."""
    latents = encode_frames(tokenizer, frames)
    parts = [uint8_from_pixels(tokenizer.decode(part)) for part in torch.split(latents, _BATCH)]
    rebuilt: NDArray[np.uint8] = torch.cat(parts).numpy()
    return rebuilt


def _generate_together(
    world: World,
    requests: Sequence[RolloutRequest],
    num_steps: int,
    seed: int,
    num_joint: int,
    bar: "tqdm",
) -> list[GeneratedRollout]:
    """Generates the requests in one engine, step by step."""
    starts = tuple(
        start_clip(
            world.tokenizer, request.context, name=f"wish-{i}", state_model=world.state_model
        )
        for i, request in enumerate(requests)
    )
    engine = WorldEngine(
        replace(world, starts=starts), max_sessions=len(requests), max_joint=num_joint
    )
    for i in range(len(requests)):
        engine.open(str(i), start=i, seed=seed)
    length = min(len(request.actions_TA) for request in requests)
    frames: dict[str, list[Frame]] = {str(i): [] for i in range(len(requests))}
    seconds = np.empty(length)
    for step in range(length):
        actions = {
            str(i): tuple(map(float, request.actions_TA[step]))
            for i, request in enumerate(requests)
        }
        if num_joint:
            finished = _step_jointly(engine, actions, num_steps, num_joint)
        else:
            finished = engine.step(actions, num_steps=num_steps)
        seconds[step] = finished[0].denoise_s + finished[0].decode_s
        for frame in finished:
            frames[frame.session_id].append(frame)
        bar.update(len(finished))
    return [
        GeneratedRollout(
            frames=np.stack([frame.pixels for frame in video]),
            is_joint=np.array([frame.is_joint for frame in video]),
            frame_s=seconds,
        )
        for video in frames.values()
    ]


def _step_jointly(
    engine: WorldEngine, actions: Mapping[str, ActionVector], num_steps: int, num_joint: int
) -> list[Frame]:
    """One frame for each session, through the calls of the serving loop."""
    finished = []
    for session_id, action in actions.items():
        frame = engine.begin(session_id, engine.request(action, num_steps=num_steps))
        if frame is None:
            engine.draft_jointly(session_id, num_frames=num_joint)
        else:
            finished.append(frame)
    while len(finished) < len(actions):
        finished += engine.advance() or ()
    return finished
