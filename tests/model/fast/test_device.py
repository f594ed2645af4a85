"""All of a pass lies on the device, not only what is captured, and the host waits for nothing but
pictures and whether they are finite. The device is `meta`: its tensors do not mix with the host's
and have no values."""

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.context.sink_window import SinkWindow
from model.engine.running.runner import NFDRunner
from model.engine.world_engine import WorldEngine
from model.fast.paths import FastPaths
from model.fast.runner import FastRunner, runner_of
from model.world import World
from tests.model.fast.watched import act

Decode = Callable[..., Tensor]


@pytest.fixture(autouse=True)
def on_a_device_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are what the host waits for: it gets black, finite ones. And autocast
    knows no such device."""
    for kind in (NFDRunner, FastRunner):
        monkeypatch.setattr(kind, "_decode", black_pictures_of(kind._decode))
        monkeypatch.setattr(kind, "_read", flags_of)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


def black_pictures_of(decode: Decode) -> Decode:
    def black(runner: NFDRunner, x_BChw: Tensor, decode_size: int) -> Tensor:
        decoded = decode(runner, x_BChw, decode_size)
        assert decoded.device.type == "meta"
        return torch.zeros(decoded.shape, dtype=torch.uint8)

    return black


def flags_of(runner: NFDRunner, finite_B: Tensor) -> list[bool]:
    assert finite_B.device.type == "meta" or len(finite_B) == 0
    return [True] * len(finite_B)


@pytest.mark.parametrize("paths", [None, FastPaths()], ids=["plain", "fast"])
def test_a_pass_neither_waits_nor_leaves_the_device(world: World, paths: FastPaths | None) -> None:
    transformer, tokenizer = deepcopy(world.transformer), deepcopy(world.tokenizer)
    engine = WorldEngine(
        replace(world, transformer=transformer, tokenizer=tokenizer),
        max_sessions=1,
        device="meta",
        policy=SinkWindow(num_sinks=1, window=2),
        max_drafts=2,
        max_joint=1,
        make_runner=runner_of(paths),
    )
    engine.open("a", start=1, seed=5)
    engine.draft("a", engine.request(act(1)))
    engine.draft("a", engine.request(act(2)))
    engine.advance()
    engine.begin("a", engine.request(act(3)))
    assert engine.draft_jointly("a") == 1
    while engine.has_in_flight:
        engine.advance()
    assert engine.begin("a", engine.request(act(3))) is not None
