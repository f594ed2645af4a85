"""One memory, two ways to it: a page of a slot, and pages numbered through."""

from dataclasses import replace

import pytest
import torch

from model import presets
from model.cache.slab import Slab

SLOTS, PAGES, HEADS = 3, 4, 2


@pytest.fixture
def slab() -> Slab:
    nfd = presets.debug().nfd
    config = replace(nfd, num_heads=HEADS, width=HEADS * 6)
    return Slab(config, num_slots=SLOTS, pages_per_slot=PAGES, like=torch.zeros(1))


def test_a_page_number_counts_slot_after_slot(slab: Slab) -> None:
    tokens = slab.page(0, 0, 0).shape[1]
    rows = torch.randn(3, HEADS, tokens, 6)
    slab.write(1, slab.places(torch.tensor([0, 6, 11])), rows)
    for row, (slot, page) in zip(rows, ((0, 0), (1, 2), (2, 3)), strict=True):
        assert torch.equal(slab.page(1, slot, page), row)
        assert torch.equal(
            slab.pages(1, slot, range(PAGES))[0, :, page * tokens :][:, :tokens], row
        )
    assert slab.layer(1).count_nonzero() == rows.numel()
    assert slab.layer(0).count_nonzero() == 0


def test_padding_is_written_where_nobody_looks(slab: Slab) -> None:
    nobody = torch.tensor([SLOTS * PAGES] * 2)
    slab.write(0, slab.places(nobody), torch.ones(2, *slab.page(0, 0, 0).shape))
    for layer in (0, 1):
        assert slab.layer(layer).count_nonzero() == 0
