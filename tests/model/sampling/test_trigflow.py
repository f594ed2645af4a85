"""The algebra between TrigFlow and flow matching is exact."""

import math

import pytest
import torch

from model.sampling.schedule import flow_time, trig_time, uniform_times
from model.sampling.trigflow import diffuse, estimate_clean, rotate

T = torch.tensor([0.0, 0.05, 0.8, 1.3, math.pi / 2], dtype=torch.float64)
CLEAN = torch.linspace(-2, 2, 5 * 12, dtype=torch.float64).view(5, 3, 2, 2)
NOISE = torch.linspace(3, -1, 5 * 12, dtype=torch.float64).view(5, 3, 2, 2).sin()


def true_direction() -> torch.Tensor:
    t = T.view(-1, 1, 1, 1)
    return t.cos() * NOISE - t.sin() * CLEAN


def test_times_translate_there_and_back() -> None:
    for flow_s in (0.0, 0.1, 0.5, 0.9, 1.0):
        assert flow_time(trig_time(flow_s)) == pytest.approx(flow_s)
    assert trig_time(1.0) == math.pi / 2
    assert trig_time(0.5) == pytest.approx(math.pi / 4)


def test_uniform_times_descend_from_pure_noise() -> None:
    times = uniform_times(4)
    assert times[0] == math.pi / 2
    assert [flow_time(t) for t in times] == pytest.approx([1.0, 0.75, 0.5, 0.25])
    with pytest.raises(ValueError, match="at least one"):
        uniform_times(0)


def test_the_true_direction_gives_the_clean_frame_back() -> None:
    x = diffuse(CLEAN, NOISE, T)
    torch.testing.assert_close(estimate_clean(x, true_direction(), T), CLEAN)
    torch.testing.assert_close(rotate(x, true_direction(), T, torch.zeros_like(T)), CLEAN)


def test_a_rotation_is_an_euler_step_of_flow_matching() -> None:
    next_t = T * 0.6
    rotated = rotate(diffuse(CLEAN, NOISE, T), true_direction(), T, next_t)
    s = torch.tensor([flow_time(t) for t in T.tolist()], dtype=torch.float64).view(-1, 1, 1, 1)
    next_s = torch.tensor([flow_time(t) for t in next_t.tolist()], dtype=torch.float64).view(
        -1, 1, 1, 1
    )
    velocity = NOISE - CLEAN
    euler = (1 - s) * CLEAN + s * NOISE + (next_s - s) * velocity
    t = next_t.view(-1, 1, 1, 1)
    torch.testing.assert_close(rotated / (t.sin() + t.cos()), euler)
