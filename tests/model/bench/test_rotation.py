"""Keys rotated when written, when read, and a rotated sink: one attention, three prices."""

import torch

from model import presets
from model.bench.cpu.rotation import Attentions, measure_rotation

NFD = presets.debug().nfd


def test_all_of_them_are_the_same_attention() -> None:
    looks = Attentions(NFD, num_frames=5)
    wanted = looks.written()
    torch.testing.assert_close(looks.sink_turned(), wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(looks.all_turned(), wanted, atol=1e-5, rtol=1e-5)


def test_each_context_is_measured() -> None:
    costs = list(measure_rotation(NFD, (2, 5), rounds=3))
    assert [(cost.tokens, cost.frames) for cost in costs] == [(4, 2), (4, 5)]
    assert all(cost.sink_turned > 0 and cost.all_turned > 0 for cost in costs)
