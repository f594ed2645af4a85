"""All of a pass lies on the device, not only what is captured, and the host waits for nothing but
pictures. The device is `meta`: its tensors do not mix with the host's and have no values."""

from collections.abc import Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.context.sink_window import SinkWindow
from model.engine.engine import WorldEngine
from model.fast.paths import FastPaths
from model.fast.runner import FastRunner
from model.world import World
from tests.model.fast.watched import act


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[None]:
    """They are what the host waits for. And autocast knows no such device."""

    def decode(runner: FastRunner, x_BChw: Tensor, decode_size: int) -> Tensor:
        assert runner._decoder(x_BChw).device.type == "meta"
        return torch.zeros(len(x_BChw), world.spec.height, world.spec.width, 3, dtype=torch.uint8)

    monkeypatch.setattr(FastRunner, "_decode", decode)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    yield


def test_a_pass_neither_waits_nor_leaves_the_device(world: World) -> None:
    transformer, tokenizer = deepcopy(world.transformer), deepcopy(world.tokenizer)
    engine = WorldEngine(
        replace(world, transformer=transformer, tokenizer=tokenizer),
        max_sessions=1,
        device="meta",
        policy=SinkWindow(num_sinks=1, window=2),
        max_drafts=2,
        max_joint=1,
        paths=FastPaths(),
    )
    engine.open("a", start=1, seed=5)
    engine.draft("a", act(1))
    engine.draft("a", act(2))
    engine.advance()
    engine.begin("a", act(3))
    assert engine.draft_jointly("a") == 1
    while engine.is_due:
        engine.advance()
