"""One operation of a block compiled by torch, with a cache file in a given folder; run by
test_blocks in a process of its own. Prints what it computed, and how much torch compiled for
that."""

import json
import sys
from pathlib import Path

import torch
from torch._dynamo.utils import counters

from model.fast.blocks.compiled import CompileCache, compiled
from model.fast.blocks.operations import BlockOperations
from model.nfd.block import DiTBlock

WIDTH = 64


def main(folder: Path) -> None:
    torch.manual_seed(0)
    block = DiTBlock(0, WIDTH, 2, 4)
    x, mixed = torch.randn(2, 2, 1, 6, WIDTH)
    told = torch.randn(4, 2, 1, 1, WIDTH)
    cache = CompileCache(folder)
    was_loaded = cache.load()
    operations = BlockOperations()
    with torch.inference_mode():
        ours = compiled(operations.finish)(block, x, mixed, *told)
        torch.testing.assert_close(
            ours, operations.finish(block, x, mixed, *told), atol=1e-5, rtol=0
        )
    cache.save()
    num_compiled = counters["inductor"]["fxgraph_cache_miss"]
    found = {"was_loaded": was_loaded, "num_compiled": num_compiled, "result": ours.tolist()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
