"""The forms of a pass for a GPU session: each alone, and all working forms together."""

from collections.abc import Mapping
from functools import cache

import torch

from model.fast import Blocks, FastPaths, find_paths, probe

ALONE: Mapping[str, FastPaths] = {
    "sub-batches": FastPaths(),
    "flash": FastPaths(flash=True),
    "graphs": FastPaths(graphs=True),
    "fused": FastPaths(blocks=Blocks.FUSED),
    "compiled": FastPaths(blocks=Blocks.COMPILED),
    "beside": FastPaths(beside=True),
}


@cache
def paths_on(device: torch.device) -> FastPaths | None:
    """All working forms on a GPU; the plain forms elsewhere."""
    return find_paths(device) if device.type == "cuda" else None


@cache
def forms(device: torch.device) -> Mapping[str, FastPaths | None]:
    """Row by row, in sub-batches, each working form on top of sub-batches, and all working
    forms."""
    off = {finding.form for finding in probe(device) if finding.why_not}
    works = {name: paths for name, paths in ALONE.items() if name not in off}
    everything = {"all": paths_on(device)} if device.type == "cuda" else {}
    return {"plain": None, **works, **everything}
