"""Stretches of work, named for a profiler."""

import sys

import pytest
import torch

from model.span import span, watching


def _work() -> None:
    with span("outer"), span("inner"):
        torch.ones(2) + 1


def test_a_watcher_sees_every_span_by_name_and_what_ran_in_it() -> None:
    with watching() as seen:
        _work()
        _work()
    counts = {row.key: row.count for row in seen.key_averages()}
    assert counts["outer"] == counts["inner"] == counts["aten::add"] == 2


def test_nothing_is_seen_or_kept_while_nobody_watches() -> None:
    with torch.profiler.profile() as seen:
        _work()
    assert "outer" not in {row.key for row in seen.key_averages()}

    def blocks_after(count: int) -> int:
        for _ in range(count):
            with span("outer"):
                pass
        return sys.getallocatedblocks()

    blocks_after(10)
    assert abs(blocks_after(10_000) - blocks_after(10)) < 50


def test_watching_ends_with_its_block_even_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), watching():
        1 / 0  # noqa: B018
    with watching() as seen:
        _work()
    assert "outer" in {row.key for row in seen.key_averages()}


def test_two_cannot_watch_at_once() -> None:
    with watching(), pytest.raises(RuntimeError, match="already"), watching():
        pass
