"""A world served in int8 keeps the promises, and says what it is."""

from collections.abc import Callable

import pytest
import torch

from model.attention.row import products_in_bf16
from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.int8 import serving
from model.int8.serving import context_attention, in_precision, why_not_int8
from model.snapshot import WorldSnapshot
from model.world import World

Log = Callable[[int, int], list[ActionVector]]
needs_vnni = pytest.mark.skipif(bool(why_not_int8()), reason=why_not_int8() or "it can")


@pytest.fixture(scope="module")
def int8_world(world: World) -> World:
    return in_precision(world, "int8")


@needs_vnni
def test_a_session_alone_is_the_session_in_company(int8_world: World, action_log: Log) -> None:
    """Bitwise, latents and pixels: no convolution library chooses by the number of pictures. With
    a context of two frames after the first few, too."""
    alone, together = WorldEngine(int8_world), WorldEngine(int8_world)
    alone.open("a", start=1, seed=5)
    for number, name in enumerate("abc"):
        together.open(name, start=1, seed=5 + number)
    logs = zip(*(action_log(player, 9) for player in range(3)), strict=True)
    for number, actions in enumerate(logs):
        context_length = None if number < 4 else 2
        mine = alone.step({"a": actions[0]}, context_length=context_length)[0]
        ours = together.step(dict(zip("abc", actions, strict=True)), context_length=context_length)[
            0
        ]
        assert (mine.pixels == ours.pixels).all()
    contexts = [engine.snapshot("a").context.latents_FChw for engine in (alone, together)]
    assert torch.equal(*contexts)


@needs_vnni
def test_a_draft_is_the_frame_it_would_have_been(int8_world: World, action_log: Log) -> None:
    """Exact speculation stays exact: other rows in a pass change nothing."""
    plain, drafting = WorldEngine(int8_world), WorldEngine(int8_world, max_drafts=2)
    for engine in (plain, drafting):
        engine.open("a", start=1, seed=5)
    for action, wrong in zip(action_log(0, 7), action_log(1, 7), strict=True):
        for draft_action in (wrong, action):
            drafting.draft("a", drafting.request(draft_action))
        while drafting.advance() is not None:
            pass
        drafted, [frame] = drafting.begin("a", drafting.request(action)), plain.step({"a": action})
        assert drafted is not None and drafted.is_speculative
        assert (drafted.pixels == frame.pixels).all()


@needs_vnni
def test_its_frames_are_near_those_of_fp32(
    world: World, int8_world: World, action_log: Log
) -> None:
    frames = {}
    for served in (world, int8_world):
        engine = WorldEngine(served)
        engine.open("a", start=1, seed=5)
        pixels = engine.step({"a": action_log(0, 1)[0]})[0].pixels
        frames[served.precision] = torch.from_numpy(pixels).float()
    difference = frames["int8"] - frames["fp32"]
    assert 0 < difference.square().mean().sqrt() < 8  # of 255; this world's weights are noise


@needs_vnni
def test_its_decoder_is_near_that_of_fp32(world: World, int8_world: World) -> None:
    latents = world.starts[1].latents_FChw
    exact, rounded = (form.tokenizer.decode(latents) for form in (world, int8_world))
    assert 0 < (rounded - exact).norm() < 0.05 * exact.norm()
    assert torch.equal(*(form.tokenizer.encode(exact) for form in (world, int8_world)))


@needs_vnni
def test_the_published_world_is_left_as_it_was(world: World, int8_world: World) -> None:
    assert (world.precision, int8_world.precision) == ("fp32", "int8")
    assert int8_world.digest == world.digest
    assert all(value.dtype == torch.float32 for value in world.transformer.state_dict().values())
    assert isinstance(world.transformer.blocks[0].qkv, torch.nn.Linear)


@needs_vnni
def test_a_snapshot_tells_its_precision_and_goes_on_in_another(
    world: World, int8_world: World, action_log: Log
) -> None:
    engine = WorldEngine(int8_world)
    engine.open("a", start=1, seed=5)
    action = action_log(0, 1)[0]
    engine.step({"a": action})
    snapshot = WorldSnapshot.from_bytes(engine.snapshot("a").to_bytes())
    assert snapshot.engine_profile.endswith(" int8")
    other = WorldEngine(world)
    other.restore("a", snapshot)
    assert other.step({"a": action})[0].frame_idx == snapshot.frame_idx + 1
    assert other.snapshot("a").engine_profile.endswith(" fp32")


@pytest.mark.parametrize("has_bf16", [True, False])
def test_beside_int8_keys_lie_in_bf16_where_the_processor_multiplies_it(
    has_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_bf16})
    kept_in, attend = context_attention("int8", torch.float32)
    assert (kept_in == torch.bfloat16) is (attend is products_in_bf16) is has_bf16
    kept_in, attend = context_attention("fp32", torch.float32)
    assert kept_in == torch.float32 and attend is not products_in_bf16


def test_a_processor_without_the_instructions_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    serving.why_not_int8.cache_clear()
    try:
        with pytest.raises(ValueError, match="VNNI"):
            in_precision(world, "int8")
        assert in_precision(world, "fp32") is world
    finally:
        serving.why_not_int8.cache_clear()
