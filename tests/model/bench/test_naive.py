"""What the cache is measured against: everybody's whole window, step by step, one after another."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from model.bench.ratios import NUM_PLAYERS, with_and_without_cache
from model.bench.workloads.naive import NaivePlayers, naive_bound
from model.bench.workloads.worlds import drive, random_world
from model.world import World

CPU = torch.device("cpu")
WINDOW, STEPS = 5, 2  # of the tiny world


@pytest.fixture
def shown(world: World) -> Iterator[list[tuple[int, int]]]:
    """Sessions and frames of every call of the transformer."""
    shapes = []

    def note(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        shapes.append((args[0].shape[0], args[0].shape[1]))

    hook = world.transformer.register_forward_pre_hook(note)
    yield shapes
    hook.remove()


def test_four_in_one_batch_are_compared_with_four_in_turn(
    world: World, shown: list[tuple[int, int]]
) -> None:
    calls = {}
    for name, frame_s in with_and_without_cache(world, CPU).items():
        shown.clear()
        assert frame_s() > 0
        calls[name] = list(shown)
    cached_and_begun, finished = (2 * NUM_PLAYERS, 1), (NUM_PLAYERS, 1)
    assert calls == {
        "naive": [(1, WINDOW)] * STEPS * NUM_PLAYERS,
        "cached": [cached_and_begun, finished],
        "naive, alone": [(1, WINDOW)] * STEPS,
        "cached, alone": [(2, 1), (1, 1)],
    }


def test_the_bound_is_what_counting_operations_gives() -> None:
    world = random_world("freedoom")
    naive = NaivePlayers(world, CPU, num_sessions=1)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        naive.frame_s()
    cached_flop = drive(world, batch=1, device=CPU).flop()
    assert naive_bound(world) == pytest.approx(counter.get_total_flops() / cached_flop, rel=0.03)
