"""The engine as its users meet it: frames, memory, and clear refusals."""

import gc
from collections.abc import Callable

import numpy as np
import pytest
import torch

from model.cache.page_pool import NoFreeSlotError
from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine, default_batch_sizes
from model.world import World

Log = Callable[[int, int], list[ActionVector]]


def test_a_step_gives_one_frame_to_each_session_named(world: World, action_log: Log) -> None:
    engine = WorldEngine(world)
    for session_id in ("a", "b", "c"):
        engine.open(session_id, seed=1)
    action = action_log(0, 1)[0]
    frames = engine.step({"c": action, "a": action}, num_steps=3)
    assert [frame.session_id for frame in frames] == ["a", "c"]
    for frame in frames:
        assert frame.pixels.shape == (32, 32, 3)
        assert frame.pixels.dtype == np.uint8
        assert frame.frame_idx == 2  # the start clip holds frames 0 and 1
        assert frame.num_steps == 3
        assert frame.denoise_s > 0
        assert frame.decode_s > 0
    assert engine.step({}) == []


def test_actions_steer(world: World, action_log: Log) -> None:
    engine = WorldEngine(world)
    engine.open("a", seed=1)
    engine.open("b", seed=1)
    left, right = action_log(0, 2)
    one, other = engine.step({"a": left, "b": right})
    assert not np.array_equal(one.pixels, other.pixels)


def test_tensors_do_not_grow_with_the_session(world: World, action_log: Log) -> None:
    engine = WorldEngine(world)
    engine.open("a", seed=1)

    def held_after(num_frames: int) -> tuple[int, int]:
        for action in action_log(0, num_frames):
            engine.step({"a": action})
        gc.collect()
        tensors = [item for item in gc.get_objects() if issubclass(type(item), torch.Tensor)]
        return len(tensors), sum(tensor.nbytes for tensor in tensors)

    assert held_after(8) == held_after(20)


def test_every_page_is_back_after_any_mix(world: World, action_log: Log) -> None:
    engine = WorldEngine(world, max_sessions=3)
    random = np.random.default_rng(0)
    free_pages = engine.num_free_pages
    actions = action_log(0, 60)
    for number, action in enumerate(actions):
        ids = engine.session_ids
        if len(ids) < 3 and random.random() < 0.4:
            engine.open(f"s{number}", start=int(random.integers(2)), seed=number)
        elif ids and random.random() < 0.2:
            engine.close(ids[int(random.integers(len(ids)))])
        engine.step({s: action for s in engine.session_ids if random.random() < 0.8})
        engine.check_integrity()
    for session_id in engine.session_ids:
        engine.close(session_id)
    assert engine.num_free_pages == free_pages


def test_a_failed_step_leaves_every_session_where_it_was(
    world: World, action_log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = WorldEngine(world), WorldEngine(world)
    for engine in (broken, sound):
        engine.open("a", start=1, seed=1)
    first, second = action_log(0, 2)

    def fail(latents: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(world.tokenizer, "decode", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            broken.step({"a": second})
    for action in (first, second):
        (frame,), (wanted,) = broken.step({"a": action}), sound.step({"a": action})
        assert np.array_equal(frame.pixels, wanted.pixels)


def test_a_failed_opening_takes_no_slot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = WorldEngine(world, max_sessions=1)

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(engine._runner, "run", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            engine.open("a", seed=1)
    engine.check_integrity()
    engine.open("a", seed=1)


def test_refusals_say_why_and_change_nothing(world: World, action_log: Log) -> None:
    engine = WorldEngine(world, max_sessions=1)
    action = action_log(0, 1)[0]
    with pytest.raises(ValueError, match="start must be below 2"):
        engine.open("a", start=2, seed=1)
    with pytest.raises(ValueError, match="a seed is"):
        engine.open("a", seed=-1)
    with pytest.raises(KeyError, match="'a' is not open"):
        engine.step({"a": action})
    engine.open("a", seed=1)
    with pytest.raises(NoFreeSlotError):
        engine.open("b", seed=1)
    with pytest.raises(ValueError, match="action of 6 expected, got 2"):
        engine.step({"a": (0.0, 1.0)})
    with pytest.raises(ValueError, match=r"num_steps must be one of \[1, 2, 3\], got 9"):
        engine.step({"a": action}, num_steps=9)
    with pytest.raises(KeyError, match="'b' is not open"):
        engine.snapshot("b")
    assert engine.snapshot("a").frame_idx == 1
    engine.check_integrity()


def test_padding_is_for_devices_that_compile_shapes() -> None:
    assert default_batch_sizes("cpu", 2) == (1, 2, 3, 4)
    assert default_batch_sizes("cuda", 1) == (1, 2)
    assert default_batch_sizes("cuda", 3) == (1, 2, 4, 8)
    assert default_batch_sizes("cuda", 4) == (1, 2, 4, 8)


@pytest.mark.gpu
def test_a_gpu_draws_what_the_cpu_draws(world: World, action_log: Log) -> None:
    engines = [WorldEngine(world, device=device) for device in ("cpu", "cuda")]
    for engine in engines:
        engine.open("a", seed=1)
    for action in action_log(0, 8):
        one, other = (engine.step({"a": action})[0] for engine in engines)
        assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 2
