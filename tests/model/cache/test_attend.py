"""Rows of a pass meet their own session's pages and nothing else."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.attention.row import RowAttention
from model.cache.attend import PagedAttention
from model.cache.kv_cache import KVCache
from model.cache.page_table import Placement
from model.nfd.transformer import Previous
from model.world import World

PLACEMENTS = (
    Placement(frame_idx=900, slot=2, page=4, previous_page=3, num_pages=5),
    Placement(frame_idx=3, slot=0, page=1, previous_page=0, num_pages=2),
    Placement(frame_idx=17, slot=3, page=0, previous_page=4, num_pages=5),
)


@pytest.fixture
def store(world: World) -> KVCache:
    """Four slots of five pages, full of somebody's keys and values."""
    nfd = world.spec.nfd
    store = KVCache(nfd, num_slots=4, pages_per_slot=5, like=world.transformer.embed.weight)
    generator = torch.Generator().manual_seed(0)
    for layer in range(nfd.num_layers):
        for slot in range(4):
            for pool in (store.keys, store.values):
                tensor = pool.pages(layer, slot, range(5))
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
    return store


def contents(store: KVCache) -> Tensor:
    """(2, layers, slots, N, S, K)."""
    layers = range(store.num_layers)
    pools = (store.keys, store.values)
    return torch.stack([torch.stack([pool.layer(layer) for layer in layers]) for pool in pools])


def one_pass(
    world: World,
    store: KVCache,
    rows: list[int],
    places: Sequence[Placement] = PLACEMENTS,
    *,
    attend: RowAttention = nnf.scaled_dot_product_attention,
    num_silent: int = 0,
) -> Tensor:
    """Directions of frames that are each at their own denoise step, position and slot. Padded to
    four rows, so that shapes are equal whatever `rows` are."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4, 1, 8, 2, 2, generator=generator)
    t = torch.tensor([[1.5], [0.1], [0.8], [0.0]])
    actions = torch.randn(4, 1, 6, generator=generator)
    positions = torch.tensor([[900], [3], [17], [0]])
    previous = Previous(torch.randn(4, 8, 2, 2, generator=generator), torch.full((4,), 0.1))
    order = rows + [3] * (4 - len(rows))
    paged = PagedAttention(
        store, [places[row] for row in rows], world.transformer.rope,
        attend=attend, num_silent=num_silent,
    )  # fmt: skip
    with torch.inference_mode():
        directions: Tensor = world.transformer(
            x[order], t[order], actions[order], positions[order],
            Previous(previous.x_BChw[order], previous.t_B[order]), paged,
        )  # fmt: skip
    return directions[: len(rows)]


def test_rows_at_different_denoise_steps_share_a_pass(world: World, store: KVCache) -> None:
    together = one_pass(world, store, [0, 1, 2])
    for row in range(3):
        assert torch.equal(one_pass(world, store, [row])[0], together[row])


def test_rows_that_only_cache_leave_all_their_keys_and_are_spared_the_rest(
    world: World, store: KVCache
) -> None:
    everyone = one_pass(world, store, [0, 1, 2])
    left = contents(store)
    for pool in (store.keys, store.values):
        for place in PLACEMENTS:
            for layer in range(store.num_layers):
                pool.page(layer, place.slot, place.page).zero_()
    spared = one_pass(world, store, [0, 1, 2], num_silent=2)
    assert torch.equal(contents(store), left)
    assert torch.equal(spared[2], everyone[2])
    assert not torch.equal(spared[:2], everyone[:2])


def test_a_pass_writes_the_pages_of_its_rows_and_no_other(world: World, store: KVCache) -> None:
    before = contents(store)
    one_pass(world, store, [0, 1, 2])
    changed = torch.stack((contents(store) != before).any(-1).chunk(5, dim=-1), dim=-2)
    written = changed.all(5).all(3).all(1).all(0)  # of slots and pages, the whole of them
    assert torch.equal(written, changed.any(5).any(3).any(1).any(0))
    wanted = {(placement.slot, placement.page) for placement in PLACEMENTS}
    assert {tuple(place) for place in written.nonzero().tolist()} == wanted


def test_a_short_memory_looks_at_its_own_pages_and_is_spared_the_others(
    world: World, store: KVCache
) -> None:
    """The frame in page 0 sees those in 3 and 4, over the end of the ring."""
    (of_slot_2, of_slot_0, whole) = PLACEMENTS
    short = replace(whole, recent=(range(1), range(3, 5)))
    places = (of_slot_2, of_slot_0, short)
    num_keys: list[int] = []

    def attend(q_1NPK: Tensor, keys_1NSK: Tensor, values_1NSK: Tensor) -> Tensor:
        num_keys.append(keys_1NSK.shape[2])
        return nnf.scaled_dot_product_attention(q_1NPK, keys_1NSK, values_1NSK)

    before = one_pass(world, store, [2], places, attend=attend)
    assert set(num_keys) == {3 * world.spec.nfd.tokens_per_frame}
    for layer in range(store.num_layers):
        for pool in (store.keys, store.values):
            pool.pages(layer, short.slot, range(1, 3)).fill_(torch.nan)
    assert torch.equal(one_pass(world, store, [2], places), before)
    assert one_pass(world, store, [2]).isnan().any()


def test_pages_beyond_those_seen_do_not_matter(world: World, store: KVCache) -> None:
    """What a slot's former tenant left is out of sight."""
    before = one_pass(world, store, [1])
    for layer in range(store.num_layers):
        for page in (2, 3, 4):
            for pool in (store.keys, store.values):
                pool.page(layer, 0, page).fill_(torch.nan)
    assert torch.equal(one_pass(world, store, [1]), before)
