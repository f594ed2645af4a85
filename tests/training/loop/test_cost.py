"""The arithmetic of a clip's cost agrees with what PyTorch counts, up to the paper's size."""

from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from model import presets
from model.nfd.transformer import NFDConfig, NFDTransformer
from training.loop.cost import clip_flop
from training.objectives.prediction import predict

NFD_310M = presets.nfd_310m().nfd
SMALL = replace(NFD_310M, width=256, num_layers=2, num_heads=4, grid_height=7, window=3)


def _counted(config: NFDConfig, num_frames: int) -> int:
    """Of a whole training pass over one clip, without a number being computed."""
    with FakeTensorMode(), sdpa_kernel(SDPBackend.MATH):
        transformer = NFDTransformer(config)
        cell = (config.latent_channels, config.grid_height, config.grid_width)
        latents = torch.zeros(1, num_frames, *cell)
        t_BF, actions = torch.zeros(1, num_frames), torch.zeros(1, num_frames, config.action_size)
        with FlopCounterMode(display=False) as counter:
            predict(transformer, latents, t_BF, actions).sum().backward()  # type: ignore[no-untyped-call]
    return int(counter.get_total_flops())


def test_the_310m_teacher_costs_what_the_paper_s_arithmetic_says() -> None:
    assert clip_flop(NFD_310M, 32) == pytest.approx(24.7e12, rel=0.01)
    one_layer = replace(NFD_310M, num_layers=1)  # layers are alike
    assert _counted(one_layer, 8) == pytest.approx(clip_flop(one_layer, 8), rel=0.05)


def test_frames_beyond_the_window_cost_no_more() -> None:
    assert _counted(SMALL, 6) == pytest.approx(clip_flop(SMALL, 6), rel=0.05)
    each = [clip_flop(SMALL, n + 1) - clip_flop(SMALL, n) for n in range(1, 6)]
    assert each[0] < each[1] == each[2] == each[4]
