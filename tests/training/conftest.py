"""Tiny networks only here: one thread is faster than two, and does not stall on a busy machine.
They train in fp32 on every machine; tests of bf16 ask for it."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.device.multiplies_bf16", lambda: False)
