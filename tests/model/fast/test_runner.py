"""The forms for a GPU draw the plain runner's frames; here on the CPU, uncaptured."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.fast import runner
from model.fast.jobs.forms import ALONE
from model.fast.paths import FastPaths
from model.fast.runner import runner_of
from model.precision import in_bf16
from model.sampling.noise import draw_noise
from model.world import World

Log = Callable[[int, int], list[ActionVector]]
POLICIES = (SlidingWindow(4), SinkWindow(num_sinks=1, window=3))


def latents(
    world: World,
    policy: ContextPolicy,
    log: Log,
    *,
    paths: FastPaths | None,
    merge: bool,
    device: str = "cpu",
) -> Tensor:
    """Of three players at their own numbers of steps, one of whom leaves and comes again, with
    drafts on the way: (frames, players, C, h, w) of two players."""
    engine = WorldEngine(
        world, policy=policy, merge=merge, make_runner=runner_of(paths), max_drafts=2, device=device
    )
    films = []
    for player in range(3):
        engine.open(str(player), start=player % 2, seed=player)
    for number in range(6):
        engine.draft("0", engine.request(log(0, 6)[number]))
        engine.draft("0", engine.request(log(1, 6)[number]))
        engine.advance()
        for player in range(3):
            engine.begin(str(player), engine.request(log(player, 6)[number], num_steps=1 + player))
        while engine.has_in_flight:
            engine.advance()
        films.append([engine.snapshot(str(player)).context.latents_FChw[-1] for player in (0, 1)])
        if number == 3:
            engine.close("2")
            engine.admit("2", start=1, seed=9)
    return torch.stack([torch.stack(frames) for frames in films])


@pytest.mark.parametrize("merge", [True, False], ids=["merged", "separate"])
@pytest.mark.parametrize("policy", POLICIES, ids=["window", "sinks"])
def test_static_buffers_and_waves_draw_the_plain_frames(
    any_world: World, policy: ContextPolicy, merge: bool, action_log: Log
) -> None:
    plain = latents(any_world, policy, action_log, paths=None, merge=merge)
    static = latents(any_world, policy, action_log, paths=FastPaths(), merge=merge)
    torch.testing.assert_close(static, plain, atol=1e-5, rtol=0)


@pytest.mark.gpu
@pytest.mark.parametrize("form", [form for form, paths in ALONE.items() if not paths.flash])
def test_every_form_draws_the_plain_frames_on_this_gpu(
    world: World, form: str, action_log: Log
) -> None:
    policy = POLICIES[1]
    plain = latents(world, policy, action_log, paths=None, merge=True, device="cuda")
    fast = latents(world, policy, action_log, paths=ALONE[form], merge=True, device="cuda")
    torch.testing.assert_close(fast, plain, atol=1e-3, rtol=0)


@pytest.mark.gpu
def test_flash_draws_the_plain_frames_of_a_world_in_bf16_on_this_gpu(
    world: World, action_log: Log
) -> None:
    """On a CPU, with a plain form of flash-attn, rounding is 0.005 on average; one token too few
    would be 0.023, one frame 0.049."""
    pytest.importorskip("flash_attn")
    policy, rounded = POLICIES[1], in_bf16(world)
    plain = latents(rounded, policy, action_log, paths=None, merge=True, device="cuda")
    fast = latents(rounded, policy, action_log, paths=ALONE["flash"], merge=True, device="cuda")
    assert (fast - plain).abs().mean() < 0.012


def test_a_world_in_bf16_is_drawn_about_the_same(world: World, action_log: Log) -> None:
    plain = latents(world, POLICIES[1], action_log, paths=None, merge=True)
    rounded = in_bf16(world)
    for paths in (None, FastPaths()):
        near = latents(rounded, POLICIES[1], action_log, paths=paths, merge=True)
        assert 1e-4 < (near - plain).abs().mean() < 0.05
    assert world.transformer.embed.weight.dtype == torch.float32


def test_noise_is_drawn_once_and_before_the_pass_that_wants_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[int, int, int]] = []  # passes that are over, frame, denoise step
    num_passes = 0

    def draw(shape: Sequence[int], *, seed: int, frame_idx: int, denoise_step: int) -> Tensor:
        drawn.append((num_passes, frame_idx, denoise_step))
        return draw_noise(shape, seed=seed, frame_idx=frame_idx, denoise_step=denoise_step)

    monkeypatch.setattr(runner, "draw_noise", draw)
    engine = WorldEngine(world, make_runner=runner_of(FastPaths()))
    engine.open("me", start=0, seed=1)  # frames 0 and 1
    for _ in range(3):
        engine.begin("me", engine.request((0.0,) * 6, num_steps=3))
        while engine.has_in_flight:
            engine.advance()
            num_passes += 1
    keys = [key for _, *key in drawn]
    assert len(keys) == len({tuple(key) for key in keys})
    began = {(frame, step): number for number, frame, step in drawn if step < 3}
    first_pass = {2: 0, 3: 3, 4: 6}
    for frame in (3, 4):  # step 0 begins its first pass, step n ends the n-th
        assert all(began[frame, step] < first_pass[frame] + max(step - 1, 0) for step in range(3))
