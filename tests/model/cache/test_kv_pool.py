"""One memory, two ways to it: a page of a slot, and pages numbered through."""

from dataclasses import replace

import pytest
import torch

from model import presets
from model.cache.kv_pool import KVPool

SLOTS, PAGES, HEADS = 3, 4, 2


@pytest.fixture
def pool() -> KVPool:
    nfd = presets.debug().nfd
    config = replace(nfd, num_heads=HEADS, width=HEADS * 6)
    return KVPool(config, num_slots=SLOTS, pages_per_slot=PAGES, like=torch.zeros(1))


def test_a_page_number_counts_slot_after_slot(pool: KVPool) -> None:
    tokens = pool.page(0, 0, 0).shape[1]
    rows = torch.randn(3, HEADS, tokens, 6)
    pool.write(1, pool.places(torch.tensor([0, 6, 11])), rows)
    for row, (slot, page) in zip(rows, ((0, 0), (1, 2), (2, 3)), strict=True):
        assert torch.equal(pool.page(1, slot, page), row)
        assert torch.equal(
            pool.pages(1, slot, range(PAGES))[0, :, page * tokens :][:, :tokens], row
        )
    assert pool.layer(1).count_nonzero() == rows.numel()
    assert pool.layer(0).count_nonzero() == 0


def test_padding_is_written_where_nobody_looks(pool: KVPool) -> None:
    nobody = torch.tensor([SLOTS * PAGES] * 2)
    pool.write(0, pool.places(nobody), torch.ones(2, *pool.page(0, 0, 0).shape))
    for layer in (0, 1):
        assert pool.layer(layer).count_nonzero() == 0
