"""Rows in sub-batches do what rows one after the other do, with every context length and page
reuse."""

import pytest
import torch
from torch import Tensor

from model.attention.backend import Attend
from model.cache.attend import PagedAttention
from model.cache.kv_cache import KVCache
from model.cache.page_table import PageTable, Placement
from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.fast.sub_batches.attention import SubBatchAttention
from model.fast.sub_batches.context_attention import gathered_attention
from model.fast.sub_batches.layout import SlotMapping, lay_out
from model.world import World

SLOTS = 4
ROWS_OF_SLOT = {0: 1, 2: 3, 3: 2}  # three sessions, six rows
POLICIES = (SlidingWindow(4), SinkWindow(num_sinks=2, window=2))


def placements(policy: ContextPolicy, num_frames: int) -> list[Placement]:
    """Frames in a row of three sessions whose first row is frame `num_frames`, slot by slot."""
    rows = []
    for slot, num_rows in ROWS_OF_SLOT.items():
        table = PageTable(policy, slot, [7])
        for _ in range(num_frames - 1):
            table.append(table.placement)
        for _ in range(num_rows):
            rows.append(table.placement)
            table.append(table.placement)
    return rows


def full_store(world: World, policy: ContextPolicy) -> KVCache:
    store = KVCache(
        world.spec.nfd, num_slots=SLOTS, pages_per_slot=policy.max_frames + 1,
        num_sinks=policy.num_sinks, like=world.transformer.embed.weight,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    for layer in range(store.num_layers):
        for slot in range(SLOTS):
            for tensor in (
                store.keys.pages(layer, slot, range(policy.max_frames + 1)),
                store.values.pages(layer, slot, range(policy.max_frames + 1)),
                store.sinks.pages(layer, slot, range(policy.num_sinks)),
            ):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
    return store


def everything(store: KVCache) -> Tensor:
    """All keys and values."""
    layers = range(store.num_layers)
    pools = (store.keys, store.values)
    return torch.stack([pool.layer(layer) for pool in pools for layer in layers])


def attended(attend: Attend, world: World, order: list[int | None]) -> Tensor:
    """Two layers' attention (2, rows, N, P, K) of the same random rows, padding first row."""
    nfd = world.spec.nfd
    generator = torch.Generator().manual_seed(1)
    shape = (2, 3, 6, nfd.num_heads, nfd.tokens_per_frame, nfd.head_size)
    rows = torch.randn(shape, generator=generator)[:, :, [row or 0 for row in order]]
    return torch.stack([attend(layer, *rows[layer]) for layer in (0, 1)])


@pytest.mark.parametrize("policy", POLICIES, ids=["window", "sinks"])
@pytest.mark.parametrize("num_frames", [1, 2, 4, 30])
def test_waves_are_rows_one_after_the_other(
    world: World, policy: ContextPolicy, num_frames: int
) -> None:
    rows = placements(policy, num_frames)
    assert len(rows) == 6
    plain, waved = full_store(world, policy), full_store(world, policy)
    rope = world.transformer.rope
    wanted = attended(PagedAttention(plain, rows, rope), world, list(range(6)))

    layout = lay_out(rows, widths=(2, 4))
    assert layout.sizes == (4, 2, 2)
    numbers = SlotMapping(
        num_slots=SLOTS, pages_per_slot=policy.max_frames + 1, num_sinks=policy.num_sinks,
        tokens_per_frame=world.spec.nfd.tokens_per_frame,
    )  # fmt: skip
    places = torch.tensor(
        [numbers.padding if row is None else numbers.of(rows[row]) for row in layout.order]
    )
    attend = SubBatchAttention(waved, places, layout.sizes, rope, gathered_attention)
    got = attended(attend, world, list(layout.order))
    mine = got[:, [layout.position_of[row] for row in range(6)]]
    torch.testing.assert_close(mine, wanted, atol=1e-5, rtol=0)
    torch.testing.assert_close(everything(waved), everything(plain), atol=1e-6, rtol=0)


def test_rows_of_one_session_are_in_different_waves_and_in_order() -> None:
    rows = placements(SlidingWindow(4), 5)
    layout = lay_out(rows, widths=(1, 2, 3))
    assert layout.order == (0, 1, 4, 2, 5, 3)
    assert layout.sizes == (3, 2, 1)
    assert lay_out([], widths=(1,)).sizes == ()
